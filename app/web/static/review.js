// The review: keys and buttons in, verdicts out, the next sample at once.

import { get } from "./api.js";
import { find } from "./dom.js";
import { Chooser } from "./review_choose.js";
import { Outbox } from "./review_outbox.js";
import { Queue } from "./review_queue.js";
import { View } from "./review_view.js";

const root = find("review");
const { audit, dataset } = root.dataset;
const GRID = 48;
const COUNT_MILLISECONDS = 600;
const LEFT_OVER_MILLISECONDS = 1500;
const REVIEWER = "limit-audit.reviewer";
const FIELDS = { given: "given_label", suggested: "suggested_label", min: "min_distance", max: "max_distance", cut: "is_label_issue" };
const KEYS = { k: "keep", a: "accept", o: "other", d: "drop", u: "unsure", z: "undo", arrowleft: "previous", arrowright: "next", g: "mode", "?": "help" };

const view = new View(root);
const chooser = new Chooser([...find("given").options].slice(1).map((option) => option.value));
const outbox = new Outbox({
  dataset, audit,
  reviewer: () => find("reviewer")?.value.trim() ?? "",
  onSaved: saved, onRefused: refused, onTrouble: trouble,
});
const state = { queue: null, place: 0, mode: "one", first: 0, undo: [], counting: null };

// ---- filters and address -------------------------------------------------------------------------------------

function filters() {
  const form = new FormData(find("filter-form"));
  const asked = {};
  for (const [field, parameter] of Object.entries(FIELDS)) if (form.get(field)) asked[parameter] = form.get(field);
  const verdict = form.get("state") || "none";
  return verdict === "all" ? asked : { ...asked, review: verdict };
}

function readAddress() {
  const asked = new URLSearchParams(location.search);
  for (const field of find("filter-form").elements) if (asked.has(field.name)) field.value = asked.get(field.name);
  state.mode = asked.get("mode") === "grid" ? "grid" : "one";
  return asked.get("at");
}

function writeAddress() {
  const shown = new URLSearchParams();
  const active = [];
  for (const field of find("filter-form").elements) {
    if (!field.value) continue;
    shown.set(field.name, field.value);
    active.push(field.selectedOptions ? field.selectedOptions[0].textContent : `${field.name} ${field.value}`);
  }
  if (state.mode === "grid") shown.set("mode", "grid");
  history.replaceState(null, "", `${location.pathname}${shown.size ? `?${shown}` : ""}`);
  find("filter-words").textContent = active.length ? active.join(", ") : "";
}

async function begin(at = null) {
  state.queue = new Queue(audit, { filters: filters(), afterRank: at === null ? null : await rankBefore(at) });
  state.place = 0;
  state.first = 0;
  state.undo = [];
  writeAddress();
  try {
    await state.queue.reach(0);
  } catch (error) {
    trouble(error);
    return;
  }
  render();
}

async function rankBefore(position) {
  const sample = await get(`/v1/audits/${audit}/samples/${position}`).catch(() => null);
  return sample ? sample.rank - 1 : null;
}

// ---- showing -------------------------------------------------------------------------------------------------

const current = () => state.queue.items[state.place];

function render() {
  const isEmpty = !current();
  find("one").hidden = isEmpty || state.mode !== "one";
  find("many").hidden = isEmpty || state.mode !== "grid";
  find("empty").hidden = !isEmpty;
  for (const mode of ["one", "grid"]) find(`mode-${mode}`).setAttribute("aria-pressed", String(state.mode === mode));
  if (isEmpty) {
    find("empty-title").textContent = state.queue.items.length ? "That was the last one" : "Nothing here";
    find("empty-words").textContent = state.queue.items.length
      ? "Every sample that fits these filters has been shown. Left arrow goes back."
      : "No sample fits these filters.";
  } else if (state.mode === "one") {
    view.one(withShown(current()), state);
    state.queue.prepare(state.place);
  } else renderGrid();
}

function withShown(item) {
  if (!("shownReview" in item)) item.shownReview = item.review;
  return item;
}

function gridItems() {
  return state.queue.items.slice(state.first, state.first + GRID);
}

function renderGrid() {
  state.first = Math.floor(state.place / GRID) * GRID;
  view.cells(gridItems().map(withShown), state.place - state.first, (place) => {
    state.place = state.first + place;
    view.frame(place);
  });
  state.queue.reach(state.first + 2 * GRID).catch(trouble);
}

async function go(place) {
  if (place < 0) return;
  if (place >= state.queue.items.length) await state.queue.reach(place).catch(trouble);
  state.place = Math.min(place, state.queue.items.length);
  const isSamePage = Math.floor(state.place / GRID) * GRID === state.first;
  if (state.mode === "grid" && isSamePage && current()) view.frame(state.place - state.first, { focus: true });
  else render();
}

// ---- verdicts ------------------------------------------------------------------------------------------------

function say(verdict) {
  const item = withShown(current());
  state.undo.push({ item, place: state.place, before: item.shownReview });
  record(item, verdict);
  go(state.place + 1);
}

function record(item, verdict) {
  item.shownReview = verdict;
  showOf(item);
  outbox.put(item, verdict && { verdict: verdict.verdict, ...(verdict.label ? { label: verdict.label } : {}) });
}

function undo() {
  const last = state.undo.pop();
  if (!last) return;
  record(last.item, last.before);
  state.place = last.place;
  render();
}

function showOf(item) {
  view.showVerdict(item);
  if (!state.queue) return; // a verdict that was left over is saved before the list is there
  const place = state.queue.items.indexOf(item) - state.first;
  if (state.mode === "grid" && place >= 0 && place < GRID) view.cell(item, place);
}

function sayOfAll(verdictOf) {
  for (const item of gridItems()) {
    if (withShown(item).shownReview) continue;
    state.undo.push({ item, place: state.queue.items.indexOf(item), before: null });
    record(item, verdictOf(item));
  }
  go(state.first + GRID);
}

function saved(item) {
  find("problem").hidden = true;
  item.shownReview = outbox.waiting.has(item.position) ? item.shownReview : item.review;
  showOf(item);
  countSoon();
}

function refused(item, error) {
  item.shownReview = item.review;
  showOf(item);
  find("conflict").textContent = `${error.message}. Yours was not saved; go back to the sample to change it.`;
  find("conflict").hidden = false;
  countSoon();
}

function trouble(error) {
  find("problem").textContent = `${error.message} ${outbox.size ? `${outbox.size} verdicts wait in this browser and are sent again.` : ""}`;
  find("problem").hidden = false;
}

function countSoon() {
  clearTimeout(state.counting);
  state.counting = setTimeout(async () => {
    const progress = await get(`/v1/audits/${audit}/review-progress`).catch(() => null);
    if (progress) view.counts(progress);
  }, COUNT_MILLISECONDS);
}

// ---- keys and buttons ----------------------------------------------------------------------------------------

const DOES = {
  keep: () => say({ verdict: "keep" }),
  accept: () => {
    const item = current();
    say(item.suggested_label === item.given_label ? { verdict: "keep" } : { verdict: "relabel", label: item.suggested_label });
  },
  other: () => chooser.open(current(), (label) => say(label === current().given_label ? { verdict: "keep" } : { verdict: "relabel", label })),
  drop: () => say({ verdict: "drop" }),
  unsure: () => say({ verdict: "unsure" }),
  undo,
  next: () => go(state.place + 1),
  previous: () => go(state.place - 1),
  mode: () => setMode(state.mode === "one" ? "grid" : "one"),
  help: () => find("help-dialog").showModal(),
};
const REPEATABLE = new Set(["previous", "next"]);
const WITHOUT_SAMPLE = new Set(["undo", "previous", "mode", "help"]);

function act(name) {
  if (!state.queue || (!current() && !WITHOUT_SAMPLE.has(name))) return;
  find("conflict").hidden = true;
  DOES[name]();
}

function setMode(mode) {
  state.mode = mode;
  writeAddress();
  render();
}

function columns() {
  return getComputedStyle(find("cells")).gridTemplateColumns.split(" ").length;
}

function gridKey(event) {
  const step = { ArrowDown: columns(), ArrowUp: -columns() }[event.key];
  if (step) go(Math.min(state.place + step, state.queue.items.length - 1));
  else if (event.key === "Enter") setMode("one");
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea, dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const isOnControl = event.target.closest("button, a, summary");
  if (state.mode === "grid" && (!isOnControl || isOnControl.matches(".sample")) && gridKey(event)) {
    event.preventDefault();
    return;
  }
  const name = KEYS[event.key.toLowerCase()];
  if (!name) return;
  event.preventDefault();
  if (event.repeat && !REPEATABLE.has(name)) return;
  act(name);
});
for (const button of document.querySelectorAll("[data-does]")) button.addEventListener("click", () => act(button.dataset.does));
find("help").addEventListener("click", DOES.help);
find("mode-one").addEventListener("click", () => setMode("one"));
find("mode-grid").addEventListener("click", () => setMode("grid"));
find("grid-next").addEventListener("click", () => go(state.first + GRID));
find("accept-all").addEventListener("click", () => sayOfAll((item) =>
  (item.suggested_label === item.given_label ? { verdict: "keep" } : { verdict: "relabel", label: item.suggested_label })));
find("keep-all").addEventListener("click", () => sayOfAll(() => ({ verdict: "keep" })));
find("filter-form").addEventListener("change", () => begin());
find("filter-form").addEventListener("submit", (event) => event.preventDefault());
addEventListener("beforeunload", (event) => {
  if (outbox.size && !outbox.loggedOut) event.preventDefault();
});
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && countSoon());

const reviewer = find("reviewer");
if (reviewer) {
  reviewer.value = localStorage.getItem(REVIEWER) ?? "";
  reviewer.addEventListener("change", () => localStorage.setItem(REVIEWER, reviewer.value.trim()));
}
countSoon();
const at = readAddress();
// The list shows what was left over as the service has it; a connection that is still broken holds nobody up.
await Promise.race([outbox.resume(), new Promise((resolve) => setTimeout(resolve, LEFT_OVER_MILLISECONDS))]);
begin(at);
