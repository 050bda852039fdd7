// Where the errors of an audit come from: each value of the user's own columns, compared with all others.

import { get } from "./api.js";
import { find, make } from "./dom.js";
import { formatCount, formatPercent } from "./format.js";

const { id } = find("audit").dataset;
const place = find("sources");

try {
  show(await get(`/v1/audits/${id}/error-sources`));
} catch (error) {
  place.replaceChildren(make("p", { className: "note" }, error.message));
}

function show(sources) {
  const hasShares = sources.basis !== "ranking";
  const said = sources.findings.length
    ? make("ul", {}, ...sources.findings.map((sentence) => make("li", {}, sentence)))
    : make("p", {}, `No value stands out among ${formatCount(sources.comparisons)} compared.`);
  const rests = hasShares
    ? `Shares of wrong labels with 95 % intervals, by ${sources.rests_on}. A value stands out if its interval and that of all other samples do not overlap, at a risk of 5 % for all comparisons together.`
    : `How many labels are wrong cannot be told yet, so values are compared by ${sources.rests_on}. Place: 0 % is the most suspicious of a class, 100 % the least.`;
  place.replaceChildren(said, make("p", { className: "note" }, rests), ...[...sources.columns].sort(putFindingsFirst).map((column) => makeTable(column, hasShares)));
}

function putFindingsFirst(one, other) {
  return Number(hasFinding(other)) - Number(hasFinding(one));
}

function hasFinding(column) {
  return column.groups.some((group) => group.finding === "more");
}

function makeTable(column, hasShares) {
  const checked = column.groups.some((group) => group.checked);
  const heads = ["Samples", hasShares ? "Wrong" : "Mean place", "95 % interval", ...(checked ? ["Checked, wrong"] : [])];
  const head = make("tr", {}, make("th", { scope: "col" }, column.name),
    ...heads.map((title) => make("th", { scope: "col", className: "num" }, title)), make("th", { scope: "col" }, "Stands out"), make("th", { scope: "col" }, make("span", {}, "Review")));
  const rows = column.groups.map((group) => makeRow(column, group, { hasShares, checked }));
  const others = column.other_values
    ? [make("p", { className: "note" }, `${formatCount(column.other_values)} rarer values with ${formatCount(column.other_samples)} samples are not compared.`)]
    : [];
  return make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)), ...others);
}

function makeRow(column, group, { hasShares, checked }) {
  const [middle, low, high] = hasShares
    ? [group.share, group.share_low, group.share_high]
    : [group.place, group.place_low, group.place_high];
  const words = { more: hasShares ? "more wrong labels" : "more suspicious", fewer: hasShares ? "fewer" : "less suspicious" };
  const chip = group.finding
    ? make("span", { className: group.finding === "more" ? "chip caution" : "chip" }, words[group.finding])
    : "";
  return make("tr", {},
    make("th", { scope: "row" }, group.value ?? "(no value)"),
    make("td", { className: "num" }, formatCount(group.samples)),
    make("td", { className: "num" }, formatPercent(middle)),
    make("td", { className: "num" }, `${formatPercent(low)} to ${formatPercent(high)}`),
    ...(checked ? [make("td", { className: "num" }, `${formatCount(group.checked)}, ${formatCount(group.checked_wrong)}`)] : []),
    make("td", {}, chip),
    make("td", {}, make("a", { href: linkReview(column, group), ariaLabel: `Review samples with ${column.name} ${group.value ?? "missing"}` }, "review")));
}

function linkReview(column, group) {
  const address = new URLSearchParams({ column: column.name });
  if (group.low !== null) {
    address.set("low", group.low);
    address.set("high", group.high);
  } else if (group.value !== null) address.set("value", group.value);
  return `/audits/${id}/review?${address}`;
}
