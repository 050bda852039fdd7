// The review: keys and buttons decide, verdicts are saved, the next sample appears at once.

import { get } from "./api.js";
import { find } from "./dom.js";
import { toggleFullScreen } from "./picture_stage.js";
import { findStageSide } from "./pictures.js";
import { Chooser } from "./review_choose.js";
import { Outbox } from "./review_outbox.js";
import { Queue } from "./review_queue.js";
import { View } from "./review_view.js";

const root = find("review");
const { audit, dataset } = root.dataset;
const GRID = 48;
const COUNT_MILLISECONDS = 600;
const RESUME_MILLISECONDS = 1500;
const REVIEWER = "limit-audit.reviewer";
const FIELDS = { given: "given_label", suggested: "suggested_label", min: "min_distance", max: "max_distance", cut: "is_label_issue" };
const KEYS = { k: "keep", a: "accept", o: "other", d: "drop", u: "unsure", z: "undo", arrowleft: "previous", arrowright: "next", g: "mode", f: "full", "?": "help" };

const view = new View(root);
const chooser = new Chooser([...find("given").options].slice(1).map((option) => option.value));
const outbox = new Outbox({
  dataset, audit,
  reviewer: () => find("reviewer")?.value.trim() ?? "",
  onSaved: handleSaved, onRefused: handleRefused, onTrouble: showTrouble,
});
const state = { queue: null, place: 0, mode: "one", first: 0, undo: [], counting: null };

// ---- filters and address -------------------------------------------------------------------------------------

function readFilters() {
  const form = new FormData(find("filter-form"));
  const parameters = {};
  for (const [field, parameter] of Object.entries(FIELDS)) if (form.get(field)) parameters[parameter] = form.get(field);
  const verdict = form.get("state") || "none";
  return verdict === "all" ? parameters : { ...parameters, review: verdict };
}

function readAddress() {
  const address = new URLSearchParams(location.search);
  for (const field of find("filter-form").elements) if (address.has(field.name)) field.value = address.get(field.name);
  state.mode = address.get("mode") === "grid" ? "grid" : "one";
  return address.get("at");
}

function writeAddress() {
  const address = new URLSearchParams();
  const active = [];
  for (const field of find("filter-form").elements) {
    if (!field.value) continue;
    address.set(field.name, field.value);
    active.push(field.selectedOptions ? field.selectedOptions[0].textContent : `${field.name} ${field.value}`);
  }
  if (state.mode === "grid") address.set("mode", "grid");
  history.replaceState(null, "", `${location.pathname}${address.size ? `?${address}` : ""}`);
  find("filter-words").textContent = active.length ? active.join(", ") : "";
}

async function begin(at = null) {
  state.queue = new Queue(audit, { filters: readFilters(), side: findStageSide(), afterRank: at === null ? null : await rankBefore(at) });
  state.place = 0;
  state.first = 0;
  state.undo = [];
  writeAddress();
  try {
    await state.queue.reach(0);
  } catch (error) {
    showTrouble(error);
    return;
  }
  render();
}

async function rankBefore(position) {
  const sample = await get(`/v1/audits/${audit}/samples/${position}`).catch(() => null);
  return sample ? sample.rank - 1 : null;
}

// ---- showing -------------------------------------------------------------------------------------------------

const getCurrent = () => state.queue.items[state.place];

function render() {
  const isEmpty = !getCurrent();
  find("one").hidden = isEmpty || state.mode !== "one";
  find("many").hidden = isEmpty || state.mode !== "grid";
  find("empty").hidden = !isEmpty;
  for (const mode of ["one", "grid"]) find(`mode-${mode}`).setAttribute("aria-pressed", String(state.mode === mode));
  if (isEmpty) {
    find("empty-title").textContent = state.queue.items.length ? "That was the last sample" : "No samples";
    find("empty-words").textContent = state.queue.items.length
      ? "You have seen all samples that match the filters. The left arrow goes back."
      : "No sample matches the filters.";
  } else if (state.mode === "one") {
    view.showSample(prepareItem(getCurrent()), state);
    state.queue.prepare(state.place);
  } else renderGrid();
}

function prepareItem(item) {
  if (!("shownReview" in item)) item.shownReview = item.review;
  return item;
}

function getGridItems() {
  return state.queue.items.slice(state.first, state.first + GRID);
}

function renderGrid() {
  state.first = Math.floor(state.place / GRID) * GRID;
  view.showGrid(getGridItems().map(prepareItem), state.place - state.first, (place) => {
    state.place = state.first + place;
    view.moveFrame(place);
  });
  state.queue.reach(state.first + 2 * GRID).catch(showTrouble);
}

async function go(place) {
  if (place < 0) return;
  if (place >= state.queue.items.length) await state.queue.reach(place).catch(showTrouble);
  state.place = Math.min(place, state.queue.items.length);
  const isSamePage = Math.floor(state.place / GRID) * GRID === state.first;
  if (state.mode === "grid" && isSamePage && getCurrent()) view.moveFrame(state.place - state.first, { focus: true });
  else render();
}

// ---- verdicts ------------------------------------------------------------------------------------------------

function decide(verdict) {
  const item = prepareItem(getCurrent());
  state.undo.push({ item, place: state.place, before: item.shownReview });
  record(item, verdict);
  go(state.place + 1);
}

function record(item, verdict) {
  item.shownReview = verdict;
  showItem(item);
  outbox.put(item, verdict && { verdict: verdict.verdict, ...(verdict.label ? { label: verdict.label } : {}) });
}

function undo() {
  const last = state.undo.pop();
  if (!last) return;
  record(last.item, last.before);
  state.place = last.place;
  render();
}

function showItem(item) {
  view.showVerdict(item);
  if (!state.queue) return; // verdicts of an earlier page are saved before the list is loaded
  const place = state.queue.items.indexOf(item) - state.first;
  if (state.mode === "grid" && place >= 0 && place < GRID) view.showCell(item, place);
}

function decideAll(chooseVerdict) {
  for (const item of getGridItems()) {
    if (prepareItem(item).shownReview) continue;
    state.undo.push({ item, place: state.queue.items.indexOf(item), before: null });
    record(item, chooseVerdict(item));
  }
  go(state.first + GRID);
}

function handleSaved(item) {
  find("problem").hidden = true;
  item.shownReview = outbox.waiting.has(item.position) ? item.shownReview : item.review;
  showItem(item);
  scheduleCounts();
}

function handleRefused(item, error) {
  item.shownReview = item.review;
  showItem(item);
  find("conflict").textContent = `${error.message}. Your verdict was not saved; go back to the sample to change it.`;
  find("conflict").hidden = false;
  scheduleCounts();
}

function showTrouble(error) {
  find("problem").textContent = `${error.message} ${outbox.size ? `${outbox.size} verdicts wait in this browser and will be sent again.` : ""}`;
  find("problem").hidden = false;
}

function scheduleCounts() {
  clearTimeout(state.counting);
  state.counting = setTimeout(async () => {
    const progress = await get(`/v1/audits/${audit}/review-progress`).catch(() => null);
    if (progress) view.showCounts(progress);
  }, COUNT_MILLISECONDS);
}

// ---- keys and buttons ----------------------------------------------------------------------------------------

const ACTIONS = {
  keep: () => decide({ verdict: "keep" }),
  accept: () => {
    const item = getCurrent();
    decide(item.suggested_label === item.given_label ? { verdict: "keep" } : { verdict: "relabel", label: item.suggested_label });
  },
  other: () => chooser.open(getCurrent(), (label) => decide(label === getCurrent().given_label ? { verdict: "keep" } : { verdict: "relabel", label })),
  drop: () => decide({ verdict: "drop" }),
  unsure: () => decide({ verdict: "unsure" }),
  undo,
  next: () => go(state.place + 1),
  previous: () => go(state.place - 1),
  mode: () => setMode(state.mode === "one" ? "grid" : "one"),
  full: () => toggleFullScreen(find("one")),
  help: () => find("help-dialog").showModal(),
};
const REPEATABLE = new Set(["previous", "next"]);
const WITHOUT_SAMPLE = new Set(["undo", "previous", "mode", "help"]);

function act(name) {
  if (!state.queue || (!getCurrent() && !WITHOUT_SAMPLE.has(name))) return;
  find("conflict").hidden = true;
  ACTIONS[name]();
}

function setMode(mode) {
  state.mode = mode;
  writeAddress();
  render();
}

function countColumns() {
  return getComputedStyle(find("cells")).gridTemplateColumns.split(" ").length;
}

function handleGridKey(event) {
  const step = { ArrowDown: countColumns(), ArrowUp: -countColumns() }[event.key];
  if (step) go(Math.min(state.place + step, state.queue.items.length - 1));
  else if (event.key === "Enter") setMode("one");
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea, dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const isOnControl = event.target.closest("button, a, summary");
  if (state.mode === "grid" && (!isOnControl || isOnControl.matches(".sample")) && handleGridKey(event)) {
    event.preventDefault();
    return;
  }
  if (state.mode === "one" && view.sample.handleKey?.(event)) {
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
find("help").addEventListener("click", ACTIONS.help);
find("mode-one").addEventListener("click", () => setMode("one"));
find("mode-grid").addEventListener("click", () => setMode("grid"));
find("grid-next").addEventListener("click", () => go(state.first + GRID));
find("accept-all").addEventListener("click", () => decideAll((item) =>
  (item.suggested_label === item.given_label ? { verdict: "keep" } : { verdict: "relabel", label: item.suggested_label })));
find("keep-all").addEventListener("click", () => decideAll(() => ({ verdict: "keep" })));
find("filter-form").addEventListener("change", () => begin());
find("filter-form").addEventListener("submit", (event) => event.preventDefault());
addEventListener("beforeunload", (event) => {
  if (outbox.size && !outbox.loggedOut) event.preventDefault();
});
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && scheduleCounts());

const reviewer = find("reviewer");
if (reviewer) {
  reviewer.value = localStorage.getItem(REVIEWER) ?? "";
  reviewer.addEventListener("change", () => localStorage.setItem(REVIEWER, reviewer.value.trim()));
}
scheduleCounts();
const at = readAddress();
// Send the verdicts of an earlier page first, so that the list shows them; wait only a moment if the connection is
// broken.
await Promise.race([outbox.resume(), new Promise((resolve) => setTimeout(resolve, RESUME_MILLISECONDS))]);
begin(at);
