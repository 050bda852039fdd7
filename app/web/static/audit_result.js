// A finished audit: its figures as plots and tables, and its most suspicious samples.

import { get, query } from "./api.js";
import { budget, drawFigure, matrix, precisionRecall, trainingCurves } from "./charts.js";
import { confirmAndDelete, find, make, meter, picture } from "./dom.js";
import { count, fixed, percent } from "./format.js";

const { id, pixels, reviewable, truth } = find("audit").dataset;
const path = `/v1/audits/${id}`;
const MONTAGE = 48;
const PAIRS = 12;
const canReview = reviewable === "1";
const reviewLink = (values) => `/audits/${id}/review${query(values)}`;

find("delete").addEventListener("click", () => confirmAndDelete(path, "Delete this audit and its ranking?", "/audits"));
find("class").addEventListener("change", montage);

async function montage() {
  const page = await get(`${path}/suspects${query({ limit: MONTAGE, given_label: find("class").value })}`);
  find("montage").replaceChildren(...page.items.map((item) => {
    const inside = [
      picture(item, { pixels: pixels === "1", alt: `Sample ${item.key}` }),
      make("span", { className: "words" },
        make("span", { className: "given" }, item.given_label), " → ",
        make("span", { className: "suggested" }, item.suggested_label)),
    ];
    const link = canReview ? make("a", { className: "thumb", href: reviewLink({ at: item.position, state: "all" }) }, ...inside)
      : make("div", { className: "thumb" }, ...inside);
    return make("li", { title: `${item.key}, distance ${fixed(item.distance)}` }, link);
  }));
}

function classes(summary) {
  const rows = [...summary.per_class].sort((one, other) => other.expected_errors - one.expected_errors);
  find("classes").tBodies[0].append(...rows.map((row) => make("tr", {},
    make("th", { scope: "row" }, canReview ? make("a", { href: reviewLink({ given: row.class }) }, row.class) : row.class),
    make("td", { className: "num" }, count(row.samples)),
    make("td", { className: "num" }, count(row.expected_errors)),
    make("td", {}, meter(row.noise_rate ?? row.expected_errors / (row.samples || 1), "bad"),
      make("small", { className: "note" }, percent(row.noise_rate ?? row.expected_errors / (row.samples || 1)))),
    make("td", { className: "num" }, percent(row.missed_rate)))));
}

function pairs(summary) {
  if (!summary.confused_pairs?.length) return;
  find("pairs-card").hidden = false;
  find("pairs").tBodies[0].append(...summary.confused_pairs.slice(0, PAIRS).map((pair) => make("tr", {},
    make("td", {}, pair.true),
    make("td", {}, pair.given),
    make("td", { className: "num" }, count(pair.expected_count)),
    make("td", {}, canReview
      ? make("a", { href: reviewLink({ given: pair.given, suggested: pair.true }), ariaLabel: `Review ${pair.given} that may be ${pair.true}` }, "review")
      : ""))));
}

function budgetCard(summary, progress) {
  if (!summary.budget) return;
  find("budget-card").hidden = false;
  const goal = summary.budget.to_find.find((one) => one.share >= 0.9);
  if (goal) {
    find("budget-words").textContent = `Review the first ${count(goal.review)} and expect to find about ${count(goal.found)} of about ${count(summary.budget.total)} wrong labels.`;
  }
  budget(summary.budget, progress?.reviewed ? progress : null);
}

function detection(metrics) {
  find("auc").textContent = fixed(metrics.roc_auc, 4);
  find("auc-stat").hidden = false;
  if (!metrics.roc) return;
  find("roc-card").hidden = false;
  find("pr-card").hidden = false;
  find("roc-words").textContent = `Area ${fixed(metrics.roc_auc, 4)}: the chance that a wrong label ranks above a right one. ${count(metrics.error_count)} of ${count(metrics.sample_count)} labels are wrong.`;
  find("pr-words").textContent = `Average precision ${fixed(metrics.average_precision, 4)}; of the first ${count(metrics.error_count)}, ${percent(metrics.precision_at_noise_rate)} are wrong. The suggested label is the true one for ${percent(metrics.suggestion_accuracy)} of the errors.`;
  drawFigure("roc", `${path}/figures/roc`, { xaxis: "right labels flagged", yaxis: "wrong labels found" });
  precisionRecall(metrics.precision_recall);
}

async function figures() {
  const [summary, metrics, runs, progress] = await Promise.all([
    get(`${path}/summary`),
    truth === "1" ? get(`${path}/metrics`).catch(() => null) : null,
    get(`${path}/epochs`),
    canReview ? get(`${path}/review-progress`) : null,
  ]);
  classes(summary);
  pairs(summary);
  if (progress?.reviewed) {
    find("reviewed").textContent = `${count(progress.reviewed)}`;
    find("reviewed").append(make("small", {}, ` ${count(progress.errors)} wrong`));
    find("reviewed-stat").hidden = false;
  }
  drawFigure("histogram", `${path}/figures/distances`, { xaxis: "distance" });
  budgetCard(summary, progress);
  if (summary.transition_matrix) {
    find("matrix-card").hidden = false;
    matrix(summary.transition_matrix);
  }
  if (metrics) detection(metrics);
  trainingCurves(runs);
}

montage();
figures();
