// The review: keys and buttons decide, verdicts are saved, the next sample appears at once.

import { get } from "./api.js";
import { ClassNames } from "./class_names.js";
import { find } from "./dom.js";
import { toggleFullScreen } from "./picture_stage.js";
import { findStageSide } from "./pictures.js";
import { Bulk } from "./review_bulk.js";
import { Chooser } from "./review_choose.js";
import { readAddress, readFilters, readTypedFilters, writeAddress } from "./review_filters.js";
import { Grid, describeCount } from "./review_grid.js";
import { findNumbered, isTyping, makeNumber, watchFields } from "./review_keys.js";
import { Outbox } from "./review_outbox.js";
import { Queue } from "./review_queue.js";
import { View } from "./review_view.js";
import { Notes } from "./sample_notes.js";

const root = find("review");
const { audit, dataset } = root.dataset;
const GRID = 48;
const COUNT_MILLISECONDS = 600;
const RESUME_MILLISECONDS = 1500;
const REVIEWER = "limit-audit.reviewer";
const KEYS = { k: "keep", a: "accept", o: "other", d: "drop", u: "unsure", z: "undo", arrowleft: "previous", arrowright: "next", g: "mode", f: "full", n: "note", x: "pick", escape: "none", "?": "help" };

const names = new ClassNames(find("given"));
const classes = names.listed;
new ClassNames(find("suggested")); // its field searches, too
const readReviewer = () => find("reviewer")?.value.trim() ?? "";
const view = new View(root, { classes, onClass: (label) => decideLabel(label) });
const chooser = new Chooser(names);
const bulk = new Bulk({ audit, reviewer: readReviewer });
const notes = new Notes({ dataset, reviewer: readReviewer });
const outbox = new Outbox({ dataset, audit, reviewer: readReviewer, onSaved: handleSaved, onRefused: handleRefused, onTrouble: showTrouble });
const grid = new Grid({
  onFrame: (place) => go(state.first + place),
  onOpen: (place) => { state.place = state.first + place; setMode("one"); },
  onDecide: (place, name) => { state.place = state.first + place; grid.moveFrame(place); decide(chooseVerdict(name, getCurrent())); },
  onSelect: () => { state.matching = null; showSelection(); },
});
// `matching` is { filters, count } while all samples of a filter are selected.
const state = { queue: null, place: 0, mode: "one", first: 0, undo: [], counting: null, matching: null, isBusy: false, begun: 0 };

// The samples on the screen stay, and take verdicts, until others have arrived.
async function begin(at = null, rank = null) {
  const earlier = state.queue;
  const turn = ++state.begun;
  await earlier?.release();
  const queue = new Queue(audit, {
    filters: readFilters(), typed: readTypedFilters(), side: findStageSide(), afterRank: at === null ? rank && rank - 1 : await rankBefore(at),
    reviewer: readReviewer, onLost: dropLost, dataset,
  });
  state.queue ??= queue;
  state.matching = null;
  grid.selected.clear();
  showSelection();
  writeAddress(state.mode);
  try {
    await queue.reach(0);
  } catch (error) {
    showTrouble(error);
    return;
  }
  if (turn !== state.begun) { // asked for others meanwhile
    queue.release();
    return;
  }
  if (queue.isShared) queue.leaveOut(new Set(earlier?.items.filter((item) => !isOpen(item)).map((item) => item.position)));
  state.queue = queue;
  state.place = 0;
  state.first = 0;
  render();
}

// What somebody else was handed meanwhile is not shown here any more.
function dropLost(positions) {
  const current = getCurrent();
  const isLost = (item) => positions.has(item.position) && isOpen(item);
  state.queue.items = state.queue.items.filter((item, place) => place < state.place || !isLost(item));
  if (!current || !isLost(current)) return;
  find("conflict").textContent = `${current.key} went to somebody else while this page was not used.`;
  find("conflict").hidden = false;
  render();
}

async function rankBefore(position) {
  const sample = await get(`/v1/audits/${audit}/samples/${position}`).catch(() => null);
  return sample ? sample.rank - 1 : null;
}

// ---- showing -------------------------------------------------------------------------------------------------

// What was left unsure in an earlier version is to be decided like what has no verdict.
const isOpen = ({ shownReview: review }) => !review || Boolean(review.carried && review.verdict === "unsure");
const getCurrent = () => state.queue?.items[state.place];

function render() {
  const isEmpty = !getCurrent();
  find("one").hidden = isEmpty || state.mode !== "one";
  find("many").hidden = isEmpty || state.mode !== "grid";
  find("empty").hidden = !isEmpty;
  for (const mode of ["one", "grid"]) find(`mode-${mode}`).setAttribute("aria-pressed", String(state.mode === mode));
  if (isEmpty) {
    find("empty-title").textContent = state.queue.items.length ? "That was the last sample" : "No samples";
    find("empty-words").textContent = state.queue.items.length
      ? "You have seen all samples that match the filters and that nobody else has now. The left arrow goes back."
      : "No sample matches the filters, or other people have them on their screens now.";
  } else if (state.mode === "one") {
    view.showSample(prepareItem(getCurrent()), state);
    state.queue.prepare(state.place);
  } else renderGrid();
}

function prepareItem(item) {
  if (!("shownReview" in item)) item.shownReview = item.review;
  return item;
}

function renderGrid() {
  state.first = Math.floor(state.place / GRID) * GRID;
  grid.show(state.queue.items.slice(state.first, state.first + GRID).map(prepareItem), state.place - state.first);
  state.queue.reach(state.first + 2 * GRID).catch(showTrouble);
}

async function go(place) {
  if (place < 0) return;
  if (place >= state.queue.items.length) await state.queue.reach(place).catch(showTrouble);
  state.place = Math.min(place, state.queue.items.length);
  const isSamePage = Math.floor(state.place / GRID) * GRID === state.first;
  if (state.mode === "grid" && isSamePage && getCurrent()) grid.moveFrame(state.place - state.first, { focus: true });
  else render();
}

function showItem(item) {
  view.showVerdict(item);
  if (!state.queue) return; // verdicts of an earlier page are saved before the list is loaded
  const place = state.queue.items.indexOf(item) - state.first;
  if (state.mode === "grid" && place >= 0 && place < GRID) grid.showCell(item, place);
}

// ---- verdicts ------------------------------------------------------------------------------------------------

const judge = (item, label) => (label === item.given_label ? { verdict: "keep" } : { verdict: "relabel", label });
const chooseVerdict = (name, item) => (name === "accept" ? judge(item, item.suggested_label) : { verdict: name });

function decide(verdict) {
  const item = prepareItem(getCurrent());
  state.undo.push({ item, place: state.place, before: item.shownReview });
  find("done").hidden = true;
  record(item, verdict);
  go(state.place + 1);
}

function decideLabel(label) {
  if (countSelected()) decideMany("relabel", label);
  else if (getCurrent()) decide(judge(getCurrent(), label));
}

function record(item, verdict) {
  item.shownReview = verdict;
  showItem(item);
  outbox.put(item, verdict && { verdict: verdict.verdict, ...(verdict.label ? { label: verdict.label } : {}) });
}

async function undo() {
  const last = state.undo.at(-1);
  if (!last || state.isBusy) return;
  if (last.bulk) {
    if (!await runBusy(() => undoMany(last))) return;
  } else {
    record(last.item, last.before?.agreement ? null : last.before);
    state.place = last.place;
  }
  state.undo.pop();
  find("done").hidden = true;
  render();
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

// ---- many at once --------------------------------------------------------------------------------------------

const countSelected = () => (state.mode === "grid" ? state.matching?.count ?? grid.selected.size : 0);

function showSelection() {
  const count = countSelected();
  find("bulk").hidden = count === 0;
  find("bulk-count").textContent = `${describeCount(count)} selected${state.matching ? ", all that match the filters" : ""}`;
}

async function runBusy(work) {
  state.isBusy = true;
  root.setAttribute("aria-busy", "true");
  try {
    await outbox.settle();
    return await work();
  } catch (error) {
    showTrouble(error);
    return null;
  } finally {
    state.isBusy = false;
    root.removeAttribute("aria-busy");
  }
}

async function selectMatching() {
  const filters = readTypedFilters();
  const preview = await runBusy(() => bulk.count(filters));
  if (!preview) return;
  grid.selectPage();
  state.matching = { filters, count: preview.samples };
  showSelection();
}

async function decideMany(action, label = null) {
  if (state.isBusy) return;
  const items = state.queue.items.filter((item) => grid.selected.has(item.position));
  const replaces = ![undefined, "none"].includes(state.matching?.filters.review);
  const chosen = state.matching ? { filters: state.matching.filters, replaces } : { items };
  const done = await runBusy(() => bulk.decide(action, label, chosen));
  if (!done) return;
  const saved = new Set(done.reviews?.map((review) => review.position));
  const touched = state.matching || !done.reviews ? null : items.filter((item) => saved.has(item.position));
  const entry = { bulk: done.id, items: touched, place: state.place };
  await showDone(done.reviews, touched);
  state.undo.push(entry);
  grid.clear();
}

async function undoMany({ bulk: id, items, place }) {
  const undone = await bulk.undo(id);
  await showDone(undone.reviews, items);
  state.place = Math.min(place, Math.max(0, state.queue.items.length - 1));
  return undone;
}

// Show the reviews that there are now; where they are too many to be sent, read the list again.
async function showDone(reviews, items) {
  scheduleCounts();
  if (!reviews || !items) {
    await begin();
    return;
  }
  const current = new Map(reviews.map((review) => [review.position, review]));
  for (const item of items) {
    item.review = current.get(item.position) ?? null;
    item.shownReview = item.review;
    showItem(item);
  }
}

// ---- keys and buttons ----------------------------------------------------------------------------------------

const decideOne = (name) => () => (countSelected() ? decideMany(name) : decide(chooseVerdict(name, getCurrent())));
const ACTIONS = {
  keep: decideOne("keep"),
  accept: decideOne("accept"),
  other: () => chooser.open(countSelected() ? { suggestions: [] } : getCurrent(), decideLabel),
  drop: decideOne("drop"),
  unsure: decideOne("unsure"),
  undo,
  next: () => go(state.place + 1),
  previous: () => go(state.place - 1),
  pick: () => state.mode === "grid" && grid.toggle(state.place - state.first),
  none: () => grid.clear(),
  mode: () => setMode(state.mode === "one" ? "grid" : "one"),
  full: () => toggleFullScreen(find("one")),
  note: () => notes.open(getCurrent()),
  help: () => find("help-dialog").showModal(),
};
const REPEATABLE = new Set(["previous", "next"]);
const WITHOUT_SAMPLE = new Set(["undo", "previous", "mode", "help"]);

function act(name) {
  if (!state.queue || state.isBusy || (!getCurrent() && !WITHOUT_SAMPLE.has(name))) return;
  find("conflict").hidden = true;
  ACTIONS[name]();
}

function setMode(mode) {
  state.mode = mode;
  writeAddress(mode);
  showSelection();
  render();
}

function handleGridKey(event) {
  const step = { ArrowDown: grid.countColumns(), ArrowUp: -grid.countColumns() }[event.key];
  if (step) go(Math.min(state.place + step, state.queue.items.length - 1));
  else if (event.key === "Enter") setMode("one");
  else return false;
  return true;
}

function handleKey(event) {
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !state.queue) return false;
  const control = event.target.closest("button, a, summary, input");
  if (state.mode === "grid" && (!control || control.matches(".look")) && handleGridKey(event)) return true;
  if (event.target.matches("[type=range]") && event.key.startsWith("Arrow")) return false;
  if (state.mode === "one" && view.sample.handleKey?.(event)) return true;
  const name = KEYS[event.key.toLowerCase()];
  const label = findNumbered(event, classes);
  if (event.repeat && !REPEATABLE.has(name)) return Boolean(name || label);
  if (label !== null && !state.isBusy) decideLabel(label);
  else if (name) act(name);
  return Boolean(name || label !== null) && name !== "none";
}

document.addEventListener("keydown", (event) => handleKey(event) && event.preventDefault());
for (const button of document.querySelectorAll("[data-does]")) button.addEventListener("click", () => act(button.dataset.does));
for (const button of document.querySelectorAll("[data-bulk]")) button.addEventListener("click", () => act(button.dataset.bulk === "relabel" ? "other" : button.dataset.bulk));
find("help").addEventListener("click", ACTIONS.help);
find("mode-one").addEventListener("click", () => setMode("one"));
find("mode-grid").addEventListener("click", () => setMode("grid"));
find("grid-next").addEventListener("click", () => go(state.first + GRID));
find("select-page").addEventListener("click", () => grid.selectPage());
find("select-filter").addEventListener("click", selectMatching);
find("select-none").addEventListener("click", () => grid.clear());
find("filter-form").addEventListener("change", () => begin());
find("forget-selection").addEventListener("click", () => { find("selection").value = ""; begin(); });
find("filter-form").addEventListener("submit", (event) => event.preventDefault());
addEventListener("beforeunload", (event) => {
  if (outbox.size && !outbox.loggedOut) event.preventDefault();
});
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && scheduleCounts());

// Leases are renewed while somebody is here: whoever leaves gives the samples to the others after minutes.
const RENEW_MILLISECONDS = 60000;
const notice = () => {
  const { queue } = state;
  if (queue?.renewedAt && Date.now() - queue.renewedAt > Math.min(RENEW_MILLISECONDS, queue.leaseMilliseconds / 3)) {
    queue.renewedAt = Date.now();
    queue.renew()?.catch(() => {});
  }
};
for (const name of ["keydown", "pointerdown", "pointermove", "wheel"]) document.addEventListener(name, notice, { passive: true });
addEventListener("pagehide", () => state.queue?.release());

watchFields();
find("class-keys").append(...classes.flatMap((name) => [makeNumber(classes, name), ` ${name} \u00a0 `].filter(Boolean)));
find("class-keys").hidden = makeNumber(classes, classes[0]) === null;
const reviewer = find("reviewer");
if (reviewer) {
  reviewer.value = localStorage.getItem(REVIEWER) ?? "";
  reviewer.addEventListener("change", () => {
    localStorage.setItem(REVIEWER, reviewer.value.trim());
    begin();
  });
}
scheduleCounts();
const address = readAddress();
state.mode = address.mode;
// Send the verdicts of an earlier page first, so that the list shows them; wait only a moment if the connection is
// broken.
await Promise.race([outbox.resume(), new Promise((resolve) => setTimeout(resolve, RESUME_MILLISECONDS))]);
begin(address.at, address.rank);
