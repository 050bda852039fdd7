// Checks at random: one drawn sample after the other, without score and suggestion, then what the verdicts say.

import { get, send } from "./api.js";
import { ClassNames } from "./class_names.js";
import { find, make, makeMeter, showProblem } from "./dom.js";
import { formatCount, formatPercent } from "./format.js";
import { Chooser } from "./review_choose.js";
import { NUMBERED, findNumbered, isTyping, watchFields } from "./review_keys.js";
import { Outbox } from "./review_outbox.js";
import { toggleFullScreen } from "./picture_stage.js";
import { findStageAddress, findStageSide } from "./pictures.js";
import { VIEWS } from "./sample_views.js";

const root = find("check");
const { audit, dataset } = root.dataset;
const path = `/v1/audits/${audit}/check`;
const sampleCount = Number(root.dataset.samples);
const MORE = 100;
const MOST = 2000;
const HANDED = 20;
const HANDED_AHEAD = 8;
const HELD_MAX = 500;
const PICTURES_AHEAD = 8;
const REVIEWER = "limit-audit.reviewer";
const KEYS = { k: "keep", o: "other", d: "drop", u: "unsure", z: "undo", f: "full" };
const WORDS = { keep: "Right", drop: "Dropped: the range counts it both ways", unsure: "Unsure: the range counts it both ways" };

const stageSide = findStageSide();
const view = VIEWS[root.dataset.view];
const names = new ClassNames(find("class-names"));
const classes = names.listed;
const chooser = new Chooser(names);
const outbox = new Outbox({
  dataset, audit,
  reviewer: () => find("reviewer")?.value.trim() ?? "",
  onSaved: handleSaved, onRefused: handleRefused, onTrouble: showProblem,
});
// `items` are the samples of this page's visit in the order of checking; `place` is the one that is shown.
const page = { state: null, items: [], place: 0, featureNames: null, pictures: new Map(), deliveries: new Set(), reading: false, asking: null, hasMore: false };

// ---- what is to be checked -----------------------------------------------------------------------------------

async function start() {
  if (root.dataset.begun === "1") await readOpen();
  else find("begin").hidden = false;
}

async function want(samples) {
  try {
    page.state = await send("PUT", path, { body: { samples } });
  } catch (error) {
    showProblem(error);
    return;
  }
  find("begin").hidden = true;
  await readOpen();
}

// Read the samples without a verdict. The second half is drawn when the first one has its verdicts, so wait for them.
async function readOpen() {
  page.reading = true;
  try {
    await Promise.all([...page.deliveries, page.asking]);
    await ask();
    page.state = await get(path);
  } catch (error) {
    showProblem(error);
  }
  page.reading = false;
  render();
}

// Ask for samples that nobody else is handed; what this page holds is renewed.
async function ask() {
  const reviewer = find("reviewer")?.value.trim() ?? "";
  const held = page.items.filter((item) => !item.review).map((item) => item.position).slice(-HELD_MAX);
  const open = await send("POST", `${path}/queue`, { body: { count: HANDED, held, ...(reviewer ? { reviewer } : {}) } });
  page.featureNames = open.feature_names;
  const known = new Set(page.items.map((item) => item.position));
  const fresh = open.items.filter((item) => !known.has(item.position)).map(prepare);
  page.items.push(...fresh);
  page.hasMore = fresh.length > 0;
  const lost = new Set(open.lost);
  page.items = page.items.filter((item, place) => place <= page.place || item.shownReview || !lost.has(item.position));
}

// Fetch the next samples before the last one is reached.
function askAhead() {
  if (page.asking || !page.hasMore || page.items.length - page.place > HANDED_AHEAD) return;
  page.asking = ask().catch(showProblem).finally(() => {
    page.asking = null;
  });
}

const prepare = (item) => ({ ...item, review: null, shownReview: null, suggestions: [], feature_names: page.featureNames });

// ---- showing -------------------------------------------------------------------------------------------------

const getCurrent = () => page.items[page.place];

function getPicture(item) {
  if (!page.pictures.has(item.position)) {
    const image = new Image();
    image.src = findStageAddress(item, stageSide);
    image.decode?.().catch(() => {});
    page.pictures.set(item.position, image);
  }
  return page.pictures.get(item.position);
}

function render() {
  const item = getCurrent();
  showProgress();
  find("one").hidden = !item;
  if (item) showSample(item);
  showResult().catch(showProblem);
}

function showSample(item) {
  view.show(find("picture"), item, { queue: { getPicture } });
  view.showAlone?.(find("picture"), item);
  for (const next of page.items.slice(page.place, page.place + PICTURES_AHEAD)) if (next.image_url) getPicture(next);
  find("key").textContent = item.key;
  find("given-label").textContent = item.given_label;
  find("spoken").textContent = `${item.key}: given ${item.given_label}`;
  showVerdict(item);
}

function showVerdict(item) {
  if (item !== getCurrent()) return;
  const review = item.shownReview;
  find("verdict").textContent = review ? WORDS[review.verdict] ?? `Relabelled as ${review.label}` : "";
}

function showProgress() {
  const { state } = page;
  if (!state) return;
  const waiting = page.items.filter((item) => item.shownReview && !item.review).length;
  const answered = Math.min(state.wanted, state.answered + waiting);
  find("progress").hidden = false;
  find("progress-words").textContent = `${formatCount(answered)} of ${formatCount(state.wanted)} checked`
    + describeUncounted(state)
    + (!page.reading && !getCurrent() && !state.is_finished && page.items.length + state.answered > 0 ? "; other people have the next ones on their screens, reload to go on" : "");
  find("progress-share").textContent = describeShare(state);
  find("progress-meter").replaceChildren(makeMeter(answered / state.wanted, "good"));
}

function describeUncounted({ unsure, dropped }) {
  const parts = [unsure ? `${formatCount(unsure)} unsure` : null, dropped ? `${formatCount(dropped)} dropped` : null].filter(Boolean);
  return parts.length ? ` (${parts.join(", ")}: counted both as right and as wrong)` : "";
}

// An interval of a few checks is so wide that it looks broken: it is told from `least` on, as all other figures are.
function describeShare({ follows, decided, least, error_share: share }) {
  if (follows && share) return `by these, ${formatPercent(share.low)} to ${formatPercent(share.high)} of all labels are wrong`;
  return `how many labels are wrong is told from ${formatCount(least)} on that are found right or wrong; ${formatCount(decided)} so far`;
}

async function showResult() {
  const isOver = page.state?.is_finished && !getCurrent();
  const isFresh = page.state?.follows && page.items.every((item) => !item.shownReview);
  find("result").hidden = !isOver && !isFresh;
  if (!isOver && !isFresh) return;
  find("more").hidden = !isOver || page.state.wanted >= Math.min(MOST, sampleCount);
  if (!page.state.follows) {
    const { decided, least } = page.state;
    find("result-count").textContent = `${formatCount(decided)} labels were found right or wrong; ${formatCount(least)} are needed to tell how many are wrong. Check more samples.`;
    return;
  }
  const result = await get(`${path}/result`);
  const [low, high] = result.error_count_interval;
  find("result-count").replaceChildren(
    make("strong", {}, `${formatCount(low)} to ${formatCount(high)}`), ` of ${formatCount(result.sample_count)} labels are wrong (95 % interval). By those alone that were found right or wrong the middle is ${formatCount(result.error_count)}.`);
  find("result-facts").replaceChildren(...[
    ["Flagged: likelier wrong than right", formatCount(result.flagged_count)],
    ["Wrong labels among them", formatShare(result.flagged_precision)],
    ["Put right by the suggestion", formatShare(result.suggestion_improves)],
    ["Made worse by the suggestion", formatShare(result.suggestion_worsens)],
  ].flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  find("result-note").textContent = `${result.rests_on.replace(/^c/, "C")}. Probabilities, what is flagged, classes, pairs and the review budget follow these checks; the order of the ranking stays.`;
}

const formatShare = (share) =>
  (share ? `${formatPercent(share.centre, 0)} (${formatPercent(share.low, 0)} to ${formatPercent(share.high, 0)})` : "unknown: none is checked");

// ---- verdicts ------------------------------------------------------------------------------------------------

function decide(verdict) {
  record(getCurrent(), verdict);
  page.place += 1;
  askAhead();
  if (getCurrent()) render();
  else {
    find("one").hidden = true; // no key is taken for a sample that has its verdict
    readOpen();
  }
}

function record(item, verdict) {
  item.shownReview = verdict;
  const delivery = outbox.put(item, verdict);
  page.deliveries.add(delivery);
  delivery.finally(() => page.deliveries.delete(delivery));
}

function undo() {
  if (page.place === 0) return;
  page.place -= 1;
  record(getCurrent(), null);
  render();
}

async function handleSaved(item) {
  find("problem").hidden = true;
  showVerdict(item);
  page.state = await get(path).catch(() => page.state);
  showProgress();
}

function handleRefused(item, error) {
  item.shownReview = item.review;
  find("conflict").textContent = `${error.message}. That verdict stays.`;
  find("conflict").hidden = false;
  showVerdict(item);
}

// ---- keys and buttons ----------------------------------------------------------------------------------------

const takesVerdicts = () => !page.reading && Boolean(getCurrent());
const decideLabel = (label) => decide(label === getCurrent().given_label ? { verdict: "keep" } : { verdict: "relabel", label });
const ACTIONS = {
  keep: () => decide({ verdict: "keep" }),
  other: () => chooser.open(getCurrent(), decideLabel),
  drop: () => decide({ verdict: "drop" }),
  unsure: () => decide({ verdict: "unsure" }),
  undo,
  full: () => toggleFullScreen(find("one")),
};

function act(name) {
  if (page.reading || (!getCurrent() && name !== "undo")) return;
  find("conflict").hidden = true;
  ACTIONS[name]();
}

document.addEventListener("keydown", (event) => {
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat) return;
  if (view.handleKey?.(event)) {
    event.preventDefault();
    return;
  }
  const label = findNumbered(event, classes);
  if (label !== null && takesVerdicts()) {
    event.preventDefault();
    decideLabel(label);
    return;
  }
  const name = KEYS[event.key.toLowerCase()];
  if (!name) return;
  event.preventDefault();
  act(name);
});
for (const button of document.querySelectorAll("[data-does]")) button.addEventListener("click", () => act(button.dataset.does));
find("begin-form").addEventListener("submit", (event) => {
  event.preventDefault();
  want(Number(find("wanted").value));
});
find("more").addEventListener("click", () => want(Math.min(page.state.wanted + MORE, MOST, sampleCount)));
addEventListener("beforeunload", (event) => {
  if (outbox.size && !outbox.loggedOut) event.preventDefault();
});

watchFields();
if (classes.length <= NUMBERED) {
  find("class-keys").hidden = false;
  find("class-keys").append(...classes.map((name, number) => make("button", {
    type: "button", className: "class-name", title: `Label it ${name}`, onclick: () => takesVerdicts() && decideLabel(name),
  }, make("kbd", {}, String(number + 1)), make("span", {}, name))));
}
const reviewer = find("reviewer");
if (reviewer) {
  reviewer.value = localStorage.getItem(REVIEWER) ?? "";
  reviewer.addEventListener("change", () => localStorage.setItem(REVIEWER, reviewer.value.trim()));
}
await outbox.resume();
start();
