// A finished audit: its results as charts and tables, and its most suspicious samples.

import { get, query } from "./api.js";
import { drawBudget, drawFigure, drawMatrix, drawPrecisionRecall, leadFrom } from "./charts.js";
import { ClassNames } from "./class_names.js";
import { confirm, confirmAndDelete } from "./dialogs.js";
import { find, make, makeMeter, showProblem } from "./dom.js";
import { formatCount, formatFixed, formatPercent } from "./format.js";
import { showReviewed } from "./headline.js";
import { addSnippets } from "./snippets.js";
import { makeSuspect } from "./suspect_tiles.js";
import { showTechnicalDetails } from "./technical.js";

const { dataset, id, reviewable, truth } = find("audit").dataset;
const path = `/v1/audits/${id}`;
const MONTAGE = 30;
const PAIRS = 12;
const CLASSES = 1000; // rows of the table of classes; the summary has all
const PAIR_MIN = 0.5; // fewer expected labels would be shown as 0
const canReview = reviewable === "1";
const reviewLink = (values) => `/audits/${id}/review${query(values)}`;

find("delete").addEventListener("click", () => confirmAndDelete(path, {
  title: "Delete this audit?", question: "Its ranking and figures are deleted. The dataset and all verdicts stay.", then: "/audits",
}));
new ClassNames(find("class"));
find("class").addEventListener("change", () => showMontage().catch(showProblem));
find("relabel")?.addEventListener("click", downloadRelabelled);

// Changes labels that nobody has looked at, so it says first what that does.
async function downloadRelabelled() {
  const preview = await get(`${path}/relabelling`).catch(showProblem);
  if (!preview) return;
  const title = preview.labels ? "Change labels that nobody has looked at?" : "Nothing would change without a verdict";
  if (!await confirm(preview.detail, { title, yes: "Download" })) return;
  const chosen = query({ audit_id: id, issues: "relabel", confirmed: true });
  location.assign(`/v1/datasets/${dataset}/exports/dataset${chosen}`);
}

find("decided")?.addEventListener("change", () => showMontage().catch(showProblem));

async function showMontage() {
  const page = await get(`${path}/suspects${query({ limit: MONTAGE, given_label: find("class").value, review: find("decided")?.value })}`);
  const items = await addSnippets(dataset, page.items);
  find("montage").replaceChildren(...items.map((item) => makeSuspect(item, {
    link: canReview ? reviewLink({ at: item.position, state: "all" }) : null,
  })));
}

function showClasses(summary) {
  const isClaimed = summary.expected_error_count !== null;
  const order = (row) => (isClaimed ? row.expected_errors : row.disagreements);
  const rows = [...summary.per_class].sort((one, other) => order(other) - order(one));
  find("classes").tBodies[0].append(...rows.slice(0, CLASSES).map((row) => make("tr", {},
    make("th", { scope: "row" }, canReview ? make("a", { href: reviewLink({ given: row.class }) }, row.class) : row.class),
    make("td", { className: "num" }, formatCount(row.samples)),
    ...(isClaimed ? makeClaims(row) : [make("td", { className: "num" }, formatCount(row.disagreements))]))));
  // After random checks the audit's own matrix says too little to tell who is missed.
  for (const part of document.querySelectorAll(".missed")) part.hidden = rows.every((row) => row.missed_rate === null);
}

function makeClaims(row) {
  const share = row.noise_rate ?? row.expected_errors / (row.samples || 1);
  return [
    make("td", { className: "num" }, formatCount(row.expected_errors)),
    make("td", {}, makeMeter(share, "bad"), make("small", { className: "note" }, formatPercent(share))),
    make("td", { className: "num missed" }, formatPercent(row.missed_rate)),
  ];
}

function showPairs(summary) {
  const pairs = (summary.confused_pairs ?? []).filter((pair) => pair.expected_count >= PAIR_MIN).slice(0, PAIRS);
  find("pairs-card").hidden = !pairs.length;
  find("pairs").tBodies[0].append(...pairs.map((pair) => make("tr", {},
    make("td", {}, pair.true),
    make("td", {}, pair.given),
    make("td", { className: "num" }, formatCount(pair.expected_count)),
    make("td", {}, canReview
      ? make("a", { href: reviewLink({ given: pair.given, suggested: pair.true }), ariaLabel: `Review samples labelled ${pair.given} that are probably ${pair.true}` }, "review")
      : ""))));
}

function showBudget(summary, progress) {
  if (!summary.budget) return;
  const goal = summary.budget.to_find.find((one) => one.share >= 0.9);
  if (goal) {
    find("budget-words").textContent = `${summary.checked ? `By ${summary.checked} random checks` : "By this estimate"}, a review of the first ${formatCount(goal.review)} finds about ${formatCount(goal.found)} of about ${formatCount(summary.budget.total)} wrong labels. How far off this can be is not known: only the count of all has a range.`;
  }
  drawBudget(summary.budget, progress?.reviewed ? progress : null);
}

// Charts lead to their samples: a cell to its pair of labels, a place of the budget's curve to the rank there, a bar of
// the distances to its samples.
function leadToReview() {
  const clean = (name) => name.replace(/\u200b$/, "");
  leadFrom("matrix", ({ x, y }) => reviewLink({ given: clean(x), suggested: clean(y), state: "all" }));
  leadFrom("budget", ({ x }) => reviewLink({ rank: Math.max(1, Math.round(x)), state: "all" }));
  leadFrom("histogram", ({ x, data }) => {
    const width = data.width?.[0] ?? data.width ?? Math.abs(data.x[1] - data.x[0]);
    return reviewLink({ min: Math.max(0, x - width / 2).toFixed(4), max: Math.min(1.5, x + width / 2).toFixed(4), state: "all" });
  });
}

function showDetection(metrics) {
  find("auc").textContent = formatFixed(metrics.roc_auc, 4);
  find("auc-stat").hidden = false;
  if (!metrics.roc) return;
  find("detection").hidden = false;
  find("roc-card").hidden = false;
  find("pr-card").hidden = false;
  find("roc-words").textContent = `Area ${formatFixed(metrics.roc_auc, 4)}: the chance that a wrong label ranks above a right one. ${formatCount(metrics.error_count)} of ${formatCount(metrics.sample_count)} labels are wrong.`;
  find("pr-words").textContent = `Average precision ${formatFixed(metrics.average_precision, 4)}; ${formatPercent(metrics.precision_at_noise_rate)} of the first ${formatCount(metrics.error_count)} samples are wrong. The suggested label is correct for ${formatPercent(metrics.suggestion_accuracy)} of the errors.`;
  drawFigure("roc", `${path}/figures/roc`, { xaxis: "right labels flagged", yaxis: "wrong labels found" });
  drawPrecisionRecall(metrics.precision_recall);
}

async function showResults() {
  const [summary, metrics, progress] = await Promise.all([
    get(`${path}/summary`),
    truth === "1" ? get(`${path}/metrics`).catch(() => null) : null,
    canReview ? get(`${path}/review-progress`) : null,
  ]);
  showClasses(summary);
  showPairs(summary);
  if (progress) showReviewed(progress);
  // Both cards are in one row, so both have their width before a chart is drawn.
  find("budget-card").hidden = !summary.budget;
  find("matrix-card").hidden = !summary.transition_matrix;
  showBudget(summary, progress);
  if (canReview) leadToReview();
  if (summary.transition_matrix) drawMatrix(summary.transition_matrix);
  if (metrics) showDetection(metrics);
}

showMontage();
showResults();
showTechnicalDetails(path);
