// A sample of features in the review: its numbers beside those of similar samples, once these are known.

import { make } from "./dom.js";

const FEATURES_SHOWN = 40;

export const featureView = {
  show() {},
  compare(place, found) {
    place.replaceChildren(comparison(found));
  },
};

const middle = (values) => {
  const known = values.filter((value) => value !== null).sort((one, other) => one - other);
  return known.length ? known[Math.floor(known.length / 2)] : null;
};

const short = (value) => (value === null ? "–" : Number(value.toPrecision(5)).toString());

function comparison(found) {
  const column = (group) => found.features.map((_, place) => middle(group.samples.map((sample) => sample.features[place])));
  const given = column(found.given);
  const other = column(found.other);
  const rows = found.features.map((value, place) => ({
    name: found.feature_names?.[place] ?? `feature ${place + 1}`, value, given: given[place], other: other[place],
    tells: Math.abs((given[place] ?? 0) - (other[place] ?? 0)) / (Math.abs(given[place] ?? 0) + Math.abs(other[place] ?? 0) + 1e-9),
  })).sort((one, next) => next.tells - one.tells);
  const cells = (row) => [row.value, row.given, row.other].map((value) => make("td", { className: "num" }, short(value)));
  return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Features" }, make("table", {},
    make("caption", { className: "note" }, `What tells the two classes apart comes first${rows.length > FEATURES_SHOWN ? `; ${FEATURES_SHOWN} of ${rows.length}` : ""}`),
    make("thead", {}, make("tr", {}, ...["Feature", "This", `like ${found.given.label}`, `like ${found.other.label}`].map((text, place) => make("th", { scope: "col", className: place ? "num" : "" }, text)))),
    make("tbody", {}, ...rows.slice(0, FEATURES_SHOWN).map((row) => make("tr", {}, make("th", { scope: "row" }, row.name), ...cells(row))))));
}
