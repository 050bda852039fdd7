// Plotly charts in the page's colours, drawn again when the colour scheme changes. Figures of the API are drawn from
// its JSON; charts that only the page has are built here.

import { get } from "./api.js";

// With more classes the cells are too small for numbers.
const MATRIX_NUMBERS = 12;
// The page's colour names for the colours with a meaning in app/figures/figure_data.py.
const TOKENS = { "#3b7dd8": "accent", "#d8573b": "wrong", "#8a8a8a": "muted" };
const drawn = new Map();

function readToken(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const readPalette = () => ["accent", "wrong", "right", "caution", "muted"].map(readToken);

function buildLayout(options) {
  const axis = {
    gridcolor: readToken("line"), linecolor: readToken("line"), zerolinecolor: readToken("line"), automargin: true,
    fixedrange: true,
  };
  return {
    autosize: true,
    margin: { l: 48, r: 12, t: 8, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: readToken("muted") },
    colorway: readPalette(),
    hoverlabel: { bgcolor: readToken("surface"), bordercolor: readToken("edge"), font: { color: readToken("ink") } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    ...options,
    xaxis: { ...axis, ...options.xaxis },
    yaxis: { ...axis, ...options.yaxis },
  };
}

export function draw(id, build) {
  const place = document.getElementById(id);
  drawn.set(id, build);
  const { data, layout } = build(readToken);
  const drawing = window.Plotly.react(place, data, buildLayout(layout), { displayModeBar: false, responsive: true });
  listen(place);
  return drawing;
}

// Where a click on a chart leads: from Plotly's point to an address, or to nothing.
const leads = new Map();

export function leadFrom(id, findAddress) {
  leads.set(id, findAddress);
  document.getElementById(id).classList.add("leads");
  listen(document.getElementById(id));
}

function listen(place) {
  if (!leads.has(place.id) || !place.on || place.dataset.listens) return;
  place.dataset.listens = "1";
  place.on("plotly_click", ({ points }) => {
    const address = leads.get(place.id)(points[0]);
    if (address) location.assign(address);
  });
}

// Draw a figure of the API in the page's colours, without its title, which the card shows. `titles` are shorter axis
// titles for small screens.
export async function drawFigure(id, url, titles = {}) {
  const { data, layout } = await get(url);
  const { title, height, margin, ...rest } = layout;
  for (const [axis, text] of Object.entries(titles)) rest[axis] = { ...rest[axis], title: { text } };
  const recoloured = (colour) => JSON.parse(JSON.stringify(data), (key, value) =>
    (key === "color" && TOKENS[value] ? colour(TOKENS[value]) : value));
  draw(id, (colour) => ({ data: recoloured(colour), layout: { ...rest, ...(height ? { height, margin } : {}) } }));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [id, build] of drawn) draw(id, build);
});

const makeLine = (name, x, y, extra = {}) => ({
  name, x, y, mode: x.length > 1 ? "lines" : "markers", type: "scatter", ...extra,
});

const CURVES = {
  loss: { classifier_loss: "classifier", predictor_loss: "predictor" },
  accuracy: {
    accuracy: "classifier", predictor_accuracy: "predictor", validation_accuracy: "held out",
    true_accuracy: "classifier, on correct labels", predictor_true_accuracy: "predictor, on correct labels",
  },
};

export function drawTrainingCurves(runs) {
  for (const [id, fields] of Object.entries(CURVES)) {
    const data = runs.flatMap((run) => Object.entries(fields).flatMap(([field, name]) => {
      const known = run.epochs.filter((epoch) => epoch[field] !== null);
      const label = runs.length > 1 ? `run ${run.run}: ${name}` : name;
      return known.length ? [makeLine(label, known.map((epoch) => epoch.epoch), known.map((epoch) => epoch[field]))] : [];
    }));
    const scale = id === "loss" ? { rangemode: "tozero" } : { range: [0, 1.02], tickformat: ".0%" };
    draw(id, () => ({ data, layout: { xaxis: { title: { text: "epoch" } }, yaxis: scale, showlegend: true } }));
  }
}

export function drawBudget(budget, progress) {
  draw("budget", (colour) => ({
    data: [
      makeLine("expected", budget.review, budget.expected_found, { line: { color: colour("accent"), width: 2 } }),
      ...(progress ? [{ name: "found so far", x: [progress.reviewed], y: [progress.errors], mode: "markers", type: "scatter",
                    marker: { size: 10, color: colour("wrong") } }] : []),
    ],
    layout: {
      showlegend: Boolean(progress), xaxis: { title: { text: "samples reviewed, worst first" }, rangemode: "tozero" },
      yaxis: { title: { text: "wrong labels found" }, rangemode: "tozero" },
    },
  }));
}

export function drawMatrix(transitions) {
  const percentages = transitions.matrix.map((row) => row.map((value) => (value === null ? null : 100 * value)));
  // The diagonal (right labels) has its own colour scale, or it would hide all other cells.
  const part = (isKept) => percentages.map((row, is) => row.map((value, given) => (isKept(is, given) ? value : null)));
  const wrong = part((is, given) => is !== given);
  const most = Math.max(1, ...wrong.flat().map((value) => value ?? 0));
  const names = transitions.classes.map((name) => `${name}\u200b`);
  const cells = (z, zmax, colors) => ({
    type: "heatmap", x: names, y: names, z, zmin: 0, zmax, xgap: 1, ygap: 1, showscale: false, hoverongaps: false,
    colorscale: [[0, colors[0]], [1, colors[1]]], hovertemplate: "true class %{y}<br>given label %{x}<br>%{z:.1f} %<extra></extra>",
    ...(names.length <= MATRIX_NUMBERS
      ? { text: z.map((row) => row.map((value) => (value >= 0.5 ? value.toFixed(0) : ""))), texttemplate: "%{text}" }
      : {}),
  });
  draw("matrix", (colour) => ({
    data: [
      cells(wrong, most, [colour("surface"), colour("wrong")]),
      cells(part((is, given) => is === given), 100, [colour("surface"), colour("right-soft")]),
    ],
    layout: {
      xaxis: { title: { text: "given label" }, type: "category", showgrid: false },
      yaxis: { title: { text: "true class" }, type: "category", autorange: "reversed", showgrid: false },
    },
  }));
}

export function drawPrecisionRecall(points) {
  draw("pr", (colour) => ({
    data: [makeLine("this audit", points.x, points.y, { line: { color: colour("accent"), width: 2 } })],
    layout: {
      showlegend: false, xaxis: { title: { text: "wrong labels found" }, range: [-0.01, 1.01] },
      yaxis: { title: { text: "precision" }, range: [-0.01, 1.02] },
    },
  }));
}
