// A feature sample in the review: its values beside those of similar samples, after these have arrived.

import { make } from "./dom.js";
import { replaceRow, showRowFirst } from "./row_first.js";

const FEATURES_SHOWN = 40;

export const featureView = {
  show(place, item) {
    showRowFirst(place, item, featureView.showAlone);
  },
  compare(place, similar) {
    replaceRow(place, makeTable(similar));
  },
  // Without similar samples, as a random check shows it: in the order of the upload.
  showAlone(place, item) {
    place.replaceChildren(makePlainTable(item));
  },
};

const findMedian = (values) => {
  const known = values.filter((value) => value !== null).sort((one, other) => one - other);
  return known.length ? known[Math.floor(known.length / 2)] : null;
};

const formatNumber = (value) => (value === null ? "–" : Number(value.toPrecision(5)).toString());

function makeTable(similar) {
  const column = (group) => similar.features.map((_, place) => findMedian(group.samples.map((sample) => sample.features[place])));
  const given = column(similar.given);
  const other = column(similar.other);
  const rows = similar.features.map((value, place) => ({
    name: similar.feature_names?.[place] ?? `feature ${place + 1}`, value, given: given[place], other: other[place],
    separation: Math.abs((given[place] ?? 0) - (other[place] ?? 0)) / (Math.abs(given[place] ?? 0) + Math.abs(other[place] ?? 0) + 1e-9),
  })).sort((one, next) => next.separation - one.separation);
  const cells = (row) => [row.value, row.given, row.other].map((value) => make("td", { className: "num" }, formatNumber(value)));
  return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Features" }, make("table", {},
    make("caption", { className: "note" }, `This sample, and medians of similar samples. Features that separate the two classes best come first${rows.length > FEATURES_SHOWN ? `; ${FEATURES_SHOWN} of ${rows.length}` : ""}`),
    make("thead", {}, make("tr", {}, ...["Feature", "This sample", `Labelled ${similar.given.label}`, `Labelled ${similar.other.label}`].map((text, place) => make("th", { scope: "col", className: place ? "num" : "" }, text)))),
    make("tbody", {}, ...rows.slice(0, FEATURES_SHOWN).map((row) => make("tr", {}, make("th", { scope: "row" }, row.name), ...cells(row))))));
}

function makePlainTable(item) {
  const name = (place) => item.feature_names?.[place] ?? `feature ${place + 1}`;
  return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Features" }, make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Feature"), make("th", { scope: "col", className: "num" }, "This sample"))),
    make("tbody", {}, ...item.features.map((value, place) => make("tr", {}, make("th", { scope: "row" }, name(place)), make("td", { className: "num" }, formatNumber(value)))))));
}
