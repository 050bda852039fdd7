// Several people at one review: who they are, what they disagree about, and how far they agree.

import { get, query, send } from "./api.js";
import { ClassNames } from "./class_names.js";
import { find, make, makePicture, showProblem } from "./dom.js";
import { formatCount, formatFixed, formatPercent } from "./format.js";
import { Chooser } from "./review_choose.js";
import { addSnippets } from "./snippets.js";

const root = find("people");
const { audit, dataset } = root.dataset;
const path = `/v1/audits/${audit}`;
const REVIEWER = "limit-audit.reviewer";
const PAGE = 20;
const STATISTICS = { cohen_kappa: "Cohen's kappa", krippendorff_alpha: "Krippendorff's alpha" };
const WORDS = { keep: "keep", drop: "drop", unsure: "unsure" };
const chooser = new Chooser(new ClassNames(find("class-names")));
const readReviewer = () => find("reviewer")?.value.trim() ?? "";
const page = { cursor: null };

const describe = (opinion, given) =>
  (opinion.verdict === "relabel" ? opinion.label : opinion.verdict === "keep" ? `${given} (keep)` : WORDS[opinion.verdict]);

// ---- disagreements

async function showDisputed() {
  const rows = await get(`${path}/judged-twice${query({ limit: PAGE, cursor: page.cursor })}`).catch(showProblem);
  if (!rows) return;
  page.cursor = rows.next_cursor;
  await addSnippets(dataset, rows.items);
  find("disputed").append(...rows.items.map(makeDispute));
  find("more-disputed").hidden = rows.next_cursor === null;
}

function makeDispute(sample) {
  const item = { ...sample, words: make("p", { className: "verdict", ariaLive: "polite" }) };
  const given = sample.given_label;
  const choices = [{ verdict: "keep" }, ...sample.opinions.filter((each) => each.verdict === "relabel").map((each) => ({ verdict: "relabel", label: each.label })), { verdict: "drop" }];
  const unique = [...new Map(choices.map((choice) => [`${choice.verdict} ${choice.label ?? ""}`, choice])).values()];
  item.buttons = [
    ...unique.map((choice) => make("button", { type: "button", onclick: () => settle(item, choice) }, choice.verdict === "drop" ? "Drop" : choice.verdict === "keep" ? `Keep ${given}` : choice.label)),
    make("button", { type: "button", className: "quiet", onclick: () => chooser.open({ suggestions: [] }, (label) => settle(item, label === given ? { verdict: "keep" } : { verdict: "relabel", label })) }, "Other…"),
  ];
  item.undo = make("button", { type: "button", className: "quiet", hidden: true, onclick: () => undo(item) }, "Undo");
  item.notes = make("ul", { className: "notes" });
  if (sample.notes) showNotes(item);
  return make("li", { className: "dispute" },
    makePicture(sample, { alt: `Sample ${sample.key}`, side: 192 }),
    make("div", {},
      make("p", {}, make("span", { className: "mono" }, sample.key), " given ", make("strong", { className: "given" }, given)),
      make("ul", { className: "opinions" }, ...sample.opinions.map((each) => make("li", {}, make("strong", {}, each.reviewer), `: ${describe(each, given)}`))),
      item.notes,
      make("div", { className: "actions", role: "group", ariaLabel: `Settle ${sample.key}` }, ...item.buttons, item.undo),
      item.words));
}

async function showNotes(item) {
  const notes = await get(`/v1/datasets/${dataset}/samples/${item.position}/notes`).catch(() => ({ items: [] }));
  item.notes.replaceChildren(...notes.items.map((note) => make("li", {}, make("span", { className: "words" }, note.text), make("span", { className: "note" }, ` ${note.reviewer}`))));
}

// A verdict on top of a disagreement settles it; the version says that it was seen.
async function settle(item, verdict) {
  const reviewer = readReviewer();
  const body = { ...verdict, audit_id: audit, ...(reviewer ? { reviewer } : {}) };
  await change(item, async () => {
    item.review = await send("PUT", address(item), { body, headers: { "If-Match": `"${item.review.version}"` } });
  });
}

async function undo(item) {
  await change(item, async () => {
    await send("DELETE", `${address(item)}${query({ reviewer: readReviewer() })}`, { headers: { "If-Match": `"${item.review.version}"` } });
    item.review = await get(address(item));
  });
}

const address = (item) => `/v1/datasets/${dataset}/samples/${item.position}/review`;

async function change(item, work) {
  for (const button of [...item.buttons, item.undo]) button.disabled = true;
  try {
    await work();
    find("problem").hidden = true;
  } catch (error) {
    showProblem(error);
    item.review = await get(address(item)).catch(() => item.review);
  }
  for (const button of [...item.buttons, item.undo]) button.disabled = false;
  const isSettled = item.review.agreement === "settled";
  item.undo.hidden = !isSettled;
  item.words.textContent = isSettled ? `Settled by ${item.review.reviewer}: ${describe(item.review, item.given_label)}` : "";
  await showFigures();
}

// ---- figures

async function showFigures() {
  const figures = await get(`${path}/agreement`).catch(showProblem);
  if (!figures) return;
  const { states } = figures;
  find("disputed-words").textContent = states.disputed
    ? `${formatCount(states.disputed)} samples: a disagreement is no truth, so each keeps its label and counts for nothing until somebody settles it.`
    : "Nobody disagrees about a sample, as far as two people judged one.";
  find("people-rows").replaceChildren(...figures.people.map((person) => make("tr", {},
    make("th", { scope: "row" }, person.reviewer), make("td", { className: "num" }, formatCount(person.verdicts)), make("td", { className: "num" }, formatCount(person.settled)))));
  find("people-words").textContent = figures.people.length ? "Verdicts on the whole dataset, without those given to many samples at once that nobody looked at." : "Nobody has reviewed a sample yet.";
  showAgreement(figures);
}

function showAgreement(figures) {
  const { states, checks } = figures;
  const twice = Object.values(states).reduce((sum, number) => sum + number, 0);
  find("agreement-words").textContent = twice
    ? `${formatCount(twice)} samples were judged by two people or more: ${formatCount(states.agreed)} agreed, ${formatCount(states.disputed)} disputed, ${formatCount(states.settled)} settled, ${formatCount(states.unsure)} with only one person sure. ${describeError(figures)}`
    : "No sample was judged by two people yet.";
  find("agreement-caution").hidden = !checks.caution && !checks.disputed;
  find("agreement-caution").textContent = [checks.caution, describeBounds(checks)].filter(Boolean).join(" ");
  find("agreement").hidden = !twice;
  find("statistic").textContent = STATISTICS[figures.labels.statistic];
  find("agreement").tBodies[0].replaceChildren(
    makeRow("Right or wrong", figures.right_or_wrong), makeRow("Which label", figures.labels),
    ...figures.classes.map((each) => makeRow(each.name === "drop" ? "Drop" : `Class ${each.name}`, each)));
}

function describeError({ disagreement, reviewer_error: error }) {
  if (!disagreement) return "Too few to tell how often people err.";
  const share = `They disagree on ${formatPercent(disagreement.centre, 0)} (${formatPercent(disagreement.low, 0)} to ${formatPercent(disagreement.high, 0)}) whether the label is right`;
  return error ? `${share}: each errs on about ${formatPercent(error.centre, 0)} of samples if all err equally often and independently; where they make the same mistakes it is more.` : `${share}.`;
}

function describeBounds({ disputed, bounds }) {
  if (!disputed) return "";
  const words = `${formatCount(disputed)} random checks are disputed and count for nothing until they are settled.`;
  return bounds ? `${words} Counting them as right or as wrong, ${formatPercent(bounds[0])} to ${formatPercent(bounds[1])} of all labels are wrong.` : words;
}

const makeRow = (name, figure) => make("tr", {},
  make("th", { scope: "row" }, name), make("td", { className: "num" }, formatCount(figure.samples)), make("td", { className: "num" }, formatCount(figure.agreed)),
  make("td", { className: "num" }, figure.value === null ? "too few to tell" : formatFixed(figure.value, 2)),
  make("td", { className: "num" }, figure.value === null ? "–" : `${formatFixed(figure.low, 2)} to ${formatFixed(figure.high, 2)}`));

// ---- second opinions

function showPlan(plan) {
  find("share").value = String(Math.round(100 * plan.second_share));
  find("plan-words").textContent = plan.second_share ? `${formatPercent(plan.second_share, 0)} of the reviewed samples are judged twice, drawn with seed ${plan.seed}.` : "No sample is judged twice now.";
}

find("plan-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const plan = await send("PUT", `${path}/review-plan`, { body: { second_share: Number(find("share").value) / 100 } }).catch(showProblem);
  if (plan) showPlan(plan);
});
find("more-disputed").addEventListener("click", showDisputed);
const reviewer = find("reviewer");
if (reviewer) {
  reviewer.value = localStorage.getItem(REVIEWER) ?? "";
  reviewer.addEventListener("change", () => localStorage.setItem(REVIEWER, reviewer.value.trim()));
}
showDisputed();
showFigures();
get(`${path}/review-plan`).then(showPlan, showProblem);
