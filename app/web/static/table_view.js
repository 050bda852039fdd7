// A row of a table in the review: its cells beside what is typical of similar rows, and which of them speak
// against the label.

import { make } from "./dom.js";
import { replaceRow, showRowFirst } from "./row_first.js";

const COLUMNS_SHOWN = 40;

export const tableView = {
  show(place, item) {
    showRowFirst(place, item, tableView.showAlone);
  },
  compare(place, similar) {
    replaceRow(place, makeTable(similar));
  },
  // Without similar rows, as a random check shows it: in the order of the upload, without reasons.
  showAlone(place, item) {
    const rows = item.features.map((value, column) => ({ name: findName(item.feature_names, column), cells: [value] }));
    place.replaceChildren(makeCells(["Column", "This row"], rows, "", []));
  },
};

const findName = (names, column) => names?.[column] ?? `column ${column + 1}`;

const formatCell = (value) => (value === null || value === undefined ? "–" : typeof value === "number" ? Number(value.toPrecision(6)).toString() : value);

// The median of numbers, else the most frequent value.
function findTypical(values) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return null;
  if (known.every((value) => typeof value === "number")) return known.sort((one, other) => one - other)[Math.floor(known.length / 2)];
  const counts = new Map();
  for (const value of known) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1])[0][0];
}

function describeReasons(reasons) {
  if (!reasons) return [];
  if (!reasons.columns.length) return [make("p", { className: "note" }, `No single column speaks for ${reasons.label}.`)];
  const named = reasons.columns.slice(0, 3).map(({ column, effect }) => `${column} (${formatFactor(effect)})`).join(", ");
  return [make("p", {}, "For ", make("span", { className: "suggested" }, reasons.label), ` speak: ${named}.`)];
}

const formatFactor = (effect) => `odds × ${Number(Math.exp(effect).toPrecision(2)).toLocaleString("en")}`;

function makeTable(similar) {
  const effects = new Map((similar.reasons?.columns ?? []).map(({ column, effect }) => [column, effect]));
  const typical = (group, column) => findTypical(group.samples.map((sample) => sample.features[column]));
  const rows = similar.features.map((value, column) => {
    const name = findName(similar.feature_names, column);
    const effect = effects.get(name);
    return { name, effect: effect ?? 0, cells: [value, typical(similar.given, column), typical(similar.other, column), ...(similar.reasons ? [effect ? formatFactor(effect) : ""] : [])] };
  }).sort((one, next) => next.effect - one.effect);
  const titles = ["Column", "This row", `Labelled ${similar.given.label}`, `Labelled ${similar.other.label}`];
  const caption = "This row, and what is typical of similar rows: the median, or the most frequent value."
    + (similar.reasons ? ` The odds of ${similar.reasons.label} with this cell, compared with cells of other rows.` : "");
  return makeCells(similar.reasons ? [...titles, `For ${similar.reasons.label}`] : titles, rows, caption, describeReasons(similar.reasons));
}

function makeCells(titles, rows, caption, above) {
  const more = rows.length > COLUMNS_SHOWN ? ` ${COLUMNS_SHOWN} of ${rows.length} columns.` : "";
  return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Columns" }, ...above, make("table", {},
    make("caption", { className: "note" }, `${caption}${more}`),
    make("thead", {}, make("tr", {}, ...titles.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...rows.slice(0, COLUMNS_SHOWN).map((row) => make("tr", {},
      make("th", { scope: "row" }, row.name), ...row.cells.map((value) => make("td", { className: typeof value === "number" ? "num" : "" }, formatCell(value))))))));
}
