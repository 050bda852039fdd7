// The map of an audit: computed on request, then points to look at, to select and to take into the review.

import { get, query, send } from "./api.js";
import { find, make, makePicture, showProblem } from "./dom.js";
import { formatCount, formatPercent } from "./format.js";
import { VERDICTS, chooseColours, chooseMarkColours, makeLegend } from "./map_colours.js";
import { Plane } from "./map_plane.js";
import { Points, fetchNpy } from "./map_points.js";
import { isTyping } from "./review_keys.js";

const root = find("map");
const { audit } = root.dataset;
const classes = JSON.parse(root.dataset.classes);
const path = `/v1/audits/${audit}`;
const POLL_MILLISECONDS = 700;
const SELECTED_MAX = 100_000;
const NEAR = 10;
const SOURCES = { network: "the features of the network that this audit trained", inputs: "the samples' own values; no network was asked" };
const state = { points: null, plane: null, way: "given" };

// ---- computing -----------------------------------------------------------------------------------------------

const WAITING = {
  none: "The map puts samples that look alike beside each other. It is computed once; this takes from seconds to some minutes.",
  queued: "The map waits for a worker.",
  running: "The map is being computed.",
  cancelled: "The map was cancelled.",
  failed: "The map could not be computed:",
};

async function follow(found) {
  const isBusy = ["queued", "running"].includes(found.status);
  find("waiting").hidden = found.status === "succeeded";
  if (found.status === "succeeded") {
    await show(found);
    return;
  }
  const words = `${WAITING[found.status]}${found.error ? ` ${found.error.detail}` : ""}`;
  if (find("waiting-words").textContent !== words) find("waiting-words").textContent = words; // or it is read aloud again
  find("waiting-share").hidden = !isBusy;
  find("waiting-share").value = found.fraction;
  find("waiting-percent").textContent = found.status === "running" ? `${formatPercent(found.fraction, 0)} done.` : "";
  find("start").hidden = isBusy;
  find("cancel").hidden = !isBusy;
  if (isBusy) setTimeout(() => get(`${path}/map`).then(follow).catch(showProblem), POLL_MILLISECONDS);
}

find("start").addEventListener("click", () => send("PUT", `${path}/map`).then(follow).catch(showProblem));
find("cancel").addEventListener("click", () => send("POST", `${path}/map/cancel`).then(follow).catch(showProblem));

// ---- showing -------------------------------------------------------------------------------------------------

async function show(found) {
  const [values, verdicts] = await Promise.all([fetchNpy(found.points_url, Float32Array), fetchNpy(found.verdicts_url, Uint8Array)]);
  const points = new Points(values);
  points.verdict = verdicts;
  find("drawn").hidden = false;
  find("map-words").textContent = describe(found.facts);
  state.points = points;
  state.plane = new Plane(find("plane"), find("marks"), points, { onPick: pick, onSelect: select });
  colour();
  find("as-table").addEventListener("toggle", fillTable, { once: true });
  performance.mark("map-drawn");
}

function describe(facts) {
  const source = facts.source === "encoder" ? `the features of the encoder ${facts.encoder}` : SOURCES[facts.source];
  const part = facts.points < facts.samples
    ? `The map has ${formatCount(facts.points)} of ${formatCount(facts.samples)} samples: the ${formatCount(facts.highest_ranked)} with the highest ranks, and others at random.`
    : `All ${formatCount(facts.samples)} samples.`;
  const between = facts.landmarks < facts.points ? ` ${formatCount(facts.landmarks)} points were laid out together; each of the others lies between the nearest of these.` : "";
  const late = facts.is_complete ? "" : " The time was up before the layout had settled.";
  return `${part} Points near each other are alike by ${source}. Distances between groups mean little.${between}${late}`;
}

function colour() {
  const { pixels, entries } = chooseColours(state.way, state.points, classes);
  Object.assign(state.plane, { colours: pixels, ...chooseMarkColours() });
  find("legend").replaceChildren(...makeLegend(entries));
  state.plane.draw();
}

async function pick(point) {
  state.plane.pick(point);
  const position = state.points.position[point];
  const item = await get(`${path}/samples/${position}`).catch(showProblem);
  if (!item || state.plane.picked !== point) return;
  const agrees = item.given_label === item.suggested_label;
  find("one-sample").replaceChildren(
    item.image_url ? makePicture(item, { alt: `Sample ${item.key}`, side: 256 }) : "",
    make("p", { className: "mono" }, item.key),
    make("p", {}, "given ", make("span", { className: "given" }, item.given_label), agrees ? ", which agrees" : make("span", { className: "suggested" }, ` → ${item.suggested_label}`)),
    make("p", { className: "note" }, `rank ${formatCount(item.rank)}, ${VERDICTS[state.points.verdict[point]]}`),
    make("p", {}, make("a", { href: `/audits/${audit}/review${query({ at: position, state: "all" })}` }, "Open in the review")),
  );
}

// ---- selecting -----------------------------------------------------------------------------------------------

const listSelected = () => [...state.plane.selected.keys()].filter((point) => state.plane.selected[point]);

function select(points, isAdded = false) {
  const began = performance.now();
  if (!isAdded) state.plane.selected.fill(0);
  for (const point of points) state.plane.selected[point] = 1;
  const count = state.plane.selected.reduce((sum, is) => sum + is, 0);
  find("chosen").hidden = !count;
  const words = `${formatCount(count)} ${count === 1 ? "sample" : "samples"} selected`;
  find("chosen-count").textContent = count > SELECTED_MAX ? `${words}; the review takes ${formatCount(SELECTED_MAX)} at most` : words;
  find("open-review").disabled = count > SELECTED_MAX;
  state.plane.draw();
  performance.measure("map-select", { start: began });
}

async function openReview() {
  const positions = listSelected().map((point) => state.points.position[point]);
  if (!positions.length || positions.length > SELECTED_MAX) return;
  const selection = await send("POST", `${path}/selections`, { body: { positions } }).catch(showProblem);
  if (selection) location.assign(`/audits/${audit}/review${query({ selection: selection.id, state: "all", mode: "grid" })}`);
}

// Go through the samples in view, from the most suspicious on.
function step(by) {
  const inView = state.plane.listInView();
  if (!inView.length) return;
  const at = inView.indexOf(state.plane.picked);
  pick(inView[at < 0 ? 0 : (at + by + inView.length) % inView.length]);
}

function setTool(tool) {
  state.plane.tool = tool;
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
}

const KEYS = {
  "+": () => state.plane.zoomBy(1.43), "=": () => state.plane.zoomBy(1.43), "-": () => state.plane.zoomBy(0.7), 0: () => state.plane.zoomBy(0),
  arrowleft: () => state.plane.moveBy(-1, 0), arrowright: () => state.plane.moveBy(1, 0), arrowup: () => state.plane.moveBy(0, 1), arrowdown: () => state.plane.moveBy(0, -1),
  n: () => step(1), p: () => step(-1), v: () => select(state.plane.listInView()), enter: openReview, escape: () => select([]),
};

find("plane").addEventListener("keydown", (event) => {
  const act = KEYS[event.key.toLowerCase()];
  if (!act || !state.plane || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => setTool(button.dataset.tool));
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => state.plane.zoomBy(Number(button.dataset.zoom)));
find("select-view").addEventListener("click", () => select(state.plane.listInView()));
find("select-none").addEventListener("click", () => select([]));
find("open-review").addEventListener("click", openReview);
find("colour").addEventListener("change", (event) => { state.way = event.target.value; colour(); });
find("only").addEventListener("change", (event) => {
  const chosen = event.target.value === "" ? null : Number(event.target.value);
  state.plane.isShown = chosen === null ? () => true : (point) => state.points.given[point] === chosen;
  state.plane.draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.plane && colour());
// Verdicts may have been given in the review meanwhile; a page that comes back from the browser's memory runs nothing.
addEventListener("pageshow", async (event) => {
  if (!event.persisted || !state.plane) return;
  state.points.verdict = await fetchNpy(`${path}/map/verdicts.npy`, Uint8Array);
  colour();
});

// ---- the map as a table --------------------------------------------------------------------------------------

function fillTable() {
  const { points } = state;
  const common = points.findSurroundings(NEAR, classes.length);
  const rows = classes.map((name, label) => ({ name, label, points: 0, reviewed: 0, others: new Map() }));
  for (let point = 0; point < points.count; point += 1) {
    const row = rows[points.given[point]];
    row.points += 1;
    row.reviewed += points.verdict[point] > 0;
    if (common[point] >= 0 && common[point] !== row.label) row.others.set(common[point], (row.others.get(common[point]) ?? 0) + 1);
  }
  find("classes").tBodies[0].replaceChildren(...rows.filter((row) => row.points).map((row) => makeRow(row, common)));
}

function makeRow(row, common) {
  const among = [...row.others.values()].reduce((sum, count) => sum + count, 0);
  const [most] = [...row.others].sort((one, other) => other[1] - one[1])[0] ?? [null];
  const isAmong = (point) => state.points.given[point] === row.label && common[point] >= 0 && common[point] !== row.label;
  const choose = () => select(Array.from({ length: state.points.count }, (_, point) => point).filter(isAmong));
  return make("tr", {},
    make("th", { scope: "row" }, row.name),
    make("td", { className: "num" }, formatCount(row.points)),
    make("td", { className: "num" }, `${formatCount(among)} (${formatPercent(among / row.points, 0)})`),
    make("td", {}, most === null ? "–" : classes[most]),
    make("td", { className: "num" }, formatCount(row.reviewed)),
    make("td", {}, among ? make("button", { type: "button", ariaLabel: `Select the ${among} points of ${row.name} among another class`, onclick: choose }, "select") : ""));
}

get(`${path}/map`).then(follow).catch(showProblem);
