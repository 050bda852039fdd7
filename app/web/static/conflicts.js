// Duplicates with different labels: one choice settles a group, by a button or by its key.

import { get, query, send } from "./api.js";
import { find, make, makePicture, showProblem } from "./dom.js";

const REVIEWER = "limit-audit.reviewer";
const ROWS = 100;
const SHOWN = 6;
const { id, dataset, reviewable } = find("audit").dataset;
const canReview = reviewable === "1";
const state = { cursor: null, isComplete: false, rows: [], latest: null };

if (find("conflicts")) begin();

async function begin() {
  find("more-conflicts").addEventListener("click", showMore);
  find("conflicts").addEventListener("keydown", (event) => {
    if (event.key === "z" && state.latest && !event.ctrlKey && !event.metaKey) undo(state.latest);
  });
  await showMore();
}

// ---- reading -------------------------------------------------------------------------------------------------

// Return the next groups, each with all of its samples: the last group of a page may go on in the next page.
async function readGroups(count) {
  const groups = [];
  while (groups.length < count) {
    const end = state.rows.findIndex((row) => row.group !== state.rows[0].group);
    if (end > 0) groups.push(state.rows.splice(0, end));
    else if (!state.isComplete) await readRows();
    else {
      if (state.rows.length) groups.push(state.rows.splice(0));
      break;
    }
  }
  return groups;
}

async function readRows() {
  const chosen = query({ kind: "conflicting_duplicate", limit: ROWS, cursor: state.cursor });
  const page = await get(`/v1/audits/${id}/issues${chosen}`);
  state.rows.push(...page.items);
  state.cursor = page.next_cursor;
  state.isComplete = page.next_cursor === null;
}

async function showMore() {
  const groups = await readGroups(SHOWN).catch((error) => showProblem(error) ?? []);
  find("conflict-groups").append(...groups.map((samples) => makeGroup(samples).element));
  find("more-conflicts").hidden = state.isComplete && !state.rows.length;
}

// ---- groups --------------------------------------------------------------------------------------------------

function makeGroup(samples) {
  const labels = [...new Set(samples.map((sample) => sample.given_label))];
  const group = { samples, labels, words: make("p", { className: "verdict" }), isBusy: false };
  const options = labels.map((label, place) => makeOption(group, label, place));
  group.element = make("li", {
    tabIndex: canReview ? 0 : -1, role: "group", ariaLabel: `Duplicates labelled ${labels.join(" and ")}`,
    onkeydown: (event) => handleKey(event, group),
  }, make("div", { className: "options" }, ...options), canReview ? makeActions(group) : null);
  showVerdict(group);
  return group;
}

function makeOption(group, label, place) {
  const members = group.samples.filter((sample) => sample.given_label === label);
  const words = `${members[0].key}${members.length > 1 ? ` and ${members.length - 1} more` : ""}`;
  return make("div", { className: "thumb", title: members.map((each) => each.key).join("\n") },
    makePicture(members[0], { alt: `Sample ${members[0].key}` }),
    make("span", { className: "pair" }, make("strong", {}, label)),
    make("span", { className: "note words" }, words),
    canReview ? make("button", { type: "button", onclick: () => settle(group, label) },
      `Keep ${label} `, place < 9 ? make("kbd", {}, String(place + 1)) : null) : null);
}

function makeActions(group) {
  group.undo = make("button", { type: "button", className: "quiet", hidden: true, onclick: () => undo(group) }, "Undo ", make("kbd", {}, "z"));
  return make("div", { className: "actions" },
    make("button", { type: "button", className: "quiet danger", onclick: () => settle(group, null) }, "Drop all ", make("kbd", {}, "d")),
    group.undo, group.words);
}

function handleKey(event, group) {
  if (!canReview || event.ctrlKey || event.metaKey || event.altKey) return;
  const label = group.labels[Number(event.key) - 1];
  if (label !== undefined) settle(group, label);
  else if (event.key === "d") settle(group, null);
  else return;
  event.preventDefault();
}

// ---- verdicts ------------------------------------------------------------------------------------------------

// `label` is the right label of the whole group; null drops all of its samples.
function choose(sample, label) {
  if (label === null) return { verdict: "drop" };
  return sample.given_label === label ? { verdict: "keep" } : { verdict: "relabel", label };
}

async function settle(group, label) {
  if (group.isBusy) return;
  group.before ??= group.samples.map((sample) => sample.review);
  if (!await save(group, (sample) => choose(sample, label))) return;
  state.latest = group;
  find("conflict-words").textContent = group.words.textContent;
  (group.element.nextElementSibling ?? group.element).focus();
}

// Give every sample of a group a verdict; what somebody else has changed meanwhile is shown and not overwritten.
async function save(group, decide) {
  const reviewer = localStorage.getItem(REVIEWER);
  const reviews = group.samples.map((sample) => ({
    position: sample.position, version: sample.review?.version ?? null, ...decide(sample),
  }));
  group.isBusy = true;
  try {
    const body = { reviews, audit_id: id, ...(reviewer ? { reviewer } : {}) };
    const answer = await send("POST", `/v1/datasets/${dataset}/reviews`, { body });
    for (const review of answer.saved) findSample(group, review.position).review = review;
    for (const conflict of answer.conflicts) findSample(group, conflict.position).review = conflict.current;
    if (answer.conflicts.length) showProblem(new Error(answer.conflicts[0].detail));
    return true;
  } catch (error) {
    showProblem(error);
    return false;
  } finally {
    group.isBusy = false;
    showVerdict(group);
  }
}

const findSample = (group, position) => group.samples.find((sample) => sample.position === position);

// Bring back what was there before the first choice on this page.
async function undo(group) {
  if (group.isBusy || !group.before) return;
  group.isBusy = true;
  try {
    for (const [place, sample] of group.samples.entries()) await restore(sample, group.before[place]);
    group.before = null;
  } catch (error) {
    showProblem(error);
  }
  group.isBusy = false;
  state.latest = null;
  showVerdict(group);
  find("conflict-words").textContent = "Undone";
  group.element.focus();
}

async function restore(sample, before) {
  const path = `/v1/datasets/${dataset}/samples/${sample.position}/review`;
  const headers = { "If-Match": `"${sample.review.version}"` };
  if (before) {
    const body = { verdict: before.verdict, audit_id: id, ...(before.label ? { label: before.label } : {}) };
    sample.review = await send("PUT", path, { body, headers });
  } else {
    await send("DELETE", path, { headers });
    sample.review = null;
  }
}

function showVerdict(group) {
  if (!canReview) return;
  const reviews = group.samples.map((sample) => sample.review).filter(Boolean);
  const finals = new Set(group.samples.map(({ given_label: given, review }) =>
    ({ keep: given, relabel: review?.label, drop: null })[review?.verdict]));
  const isSettled = finals.size === 1 && !finals.has(undefined);
  const [final] = finals;
  group.element.classList.toggle("settled", isSettled);
  group.undo.hidden = !group.before;
  if (isSettled) group.words.textContent = final === null ? "All dropped" : `All are ${final} now`;
  else group.words.textContent = reviews.length ? `${reviews.length} of ${group.samples.length} reviewed` : "";
}
