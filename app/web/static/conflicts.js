// Duplicates: those with different labels are settled by one choice, of identical copies all but one are dropped.

import { find, make } from "./dom.js";
import { DuplicateGroups } from "./duplicate_groups.js";
import { makeEnlargeable } from "./enlarged.js";
import { formatCount } from "./format.js";
import { refreshHeadline } from "./headline.js";

const MEMBERS = 6; // copies of a group that are shown
const { id: audit, dataset, reviewable } = find("audit").dataset;
const canReview = reviewable === "1";

if (find("conflicts")) begin("conflicts", "conflicting_duplicate", makeConflict, describeConflict);
if (find("copies")) begin("copies", "exact_duplicate", makeCopies, describeCopies);

function begin(name, kind, makeGroup, describe) {
  const section = find(name);
  const part = (role) => section.querySelector(`[data-part="${role}"]`);
  const groups = new DuplicateGroups({
    audit, dataset, kind, describe, list: part("groups"), more: part("more"), spoken: part("spoken"),
    makeGroup: (samples) => makeGroup(groups, samples), onSaved: refreshHeadline,
    onShown: (list) => {
      section.hidden = !list.groups.length; // copies that have different labels are shown among those
      if (canReview) showCount(part("count"), list);
    },
  });
  groups.showMore();
}

// The heading counts what is left. Of groups that are not shown yet nobody knows here whether they are decided.
function showCount(place, list) {
  const shown = list.groups.length;
  const groups = `${formatCount(shown)} ${shown === 1 ? "group" : "groups"}`;
  if (!list.isAllShown) place.textContent = `the first ${groups}${list.decided ? `, ${formatCount(list.decided)} of them decided` : ""}`;
  else {
    const left = shown - list.decided;
    const unsure = list.unsure ? `, ${formatCount(list.unsure)} unsure` : "";
    if (!list.decided) place.textContent = groups;
    else place.textContent = left || !unsure ? `${formatCount(left)} of ${groups} left to decide${unsure}` : `${formatCount(list.decided - list.unsure)} decided${unsure}`;
  }
}

const makeBox = (words, samples, onKey) => make("li", {
  tabIndex: canReview ? 0 : -1, role: "group", ariaLabel: words, onkeydown: canReview ? onKey : () => {},
}, ...samples);

const makeButton = (words, key, className, onclick) =>
  make("button", { type: "button", className, onclick }, `${words} `, key ? make("kbd", {}, key) : null);

const UNSURE = () => ({ verdict: "unsure" });
const DROP = () => ({ verdict: "drop" });
const isUnsure = (group) => group.samples.every((sample) => sample.review?.verdict === "unsure");

// ---- different labels ----------------------------------------------------------------------------------------

function makeConflict(groups, samples) {
  const labels = [...new Set(samples.map((sample) => sample.given_label))];
  const group = { samples };
  const settle = (label) => groups.decide(group, (sample) =>
    (sample.given_label === label ? { verdict: "keep" } : { verdict: "relabel", label }));
  const buttons = labels.map((label, place) => makeButton(`All are ${label}`, place < 9 ? String(place + 1) : null, "", () => settle(label)));
  const options = labels.map((label, place) => makeOption(samples.filter((sample) => sample.given_label === label), label, canReview && buttons[place]));
  const act = (key) => {
    const label = labels[Number(key) - 1];
    if (label !== undefined) settle(label);
    else if (key === "d") groups.decide(group, DROP);
    else if (key === "u") groups.decide(group, UNSURE);
    else return false;
    return true;
  };
  const dropAll = makeButton("Drop all", "d", "quiet danger", () => groups.decide(group, DROP));
  const unsure = makeButton("Unsure", "u", "quiet", () => groups.decide(group, UNSURE));
  group.choices = [
    ...labels.map((label, place) => [buttons[place], ({ final }) => final === label]),
    [dropAll, ({ final }) => final === null],
    [unsure, ({ isUnsure: isLeft }) => isLeft],
  ];
  const actions = canReview ? groups.makeActions(group, dropAll, unsure) : "";
  group.element = makeBox(`Duplicates labelled ${labels.join(" and ")}`,
    [make("div", { className: "options" }, ...options), actions], (event) => groups.handleKey(event, group, act));
  return group;
}

function makeOption(members, label, button) {
  const words = `${members[0].key}${members.length > 1 ? ` and ${members.length - 1} more` : ""}`;
  return make("div", { className: "thumb", title: members.map((each) => each.key).join("\n") },
    makeEnlargeable(members[0], { alt: `Sample ${members[0].key}` }),
    make("span", { className: "pair" }, make("strong", {}, label)),
    make("span", { className: "note words" }, words), button || "");
}

function describeConflict({ samples }) {
  if (isUnsure({ samples })) return { words: "Unsure: they keep their labels", isSettled: true, isUnsure: true };
  const finals = new Set(samples.map(({ given_label: given, review }) =>
    ({ keep: given, relabel: review?.label, drop: null })[review?.verdict]));
  const [final] = finals;
  if (finals.size === 1 && final !== undefined) return { words: final === null ? "All dropped" : `All are ${final} now`, isSettled: true, final };
  const reviewed = samples.filter((sample) => sample.review).length;
  return { words: reviewed ? `${reviewed} of ${samples.length} reviewed` : "", isSettled: false };
}

// ---- identical copies ----------------------------------------------------------------------------------------

// A copy is dropped, the one that stays gets no verdict: nobody has said that its label is right.
function makeCopies(groups, samples) {
  if (new Set(samples.map((sample) => sample.given_label)).size > 1) return null; // shown above
  const group = { samples };
  const keep = (kept) => groups.decide(group, (sample) => (sample === kept ? null : { verdict: "drop" }));
  const shown = samples.slice(0, MEMBERS);
  const buttons = shown.map((sample, place) => makeButton("Keep only this", String(place + 1), "", () => keep(sample)));
  const options = shown.map((sample, place) => makeOption([sample], sample.given_label, canReview && buttons[place]));
  group.choices = shown.map((sample, place) => [buttons[place], ({ final }) => final === sample]);
  const act = (key) => {
    const sample = key === "d" ? samples[0] : shown[Number(key) - 1];
    if (sample) keep(sample);
    return Boolean(sample);
  };
  const copies = samples.length - 1;
  const actions = canReview ? groups.makeActions(group,
    makeButton(copies === 1 ? "Drop the copy" : `Drop the ${formatCount(copies)} copies`, "d", "quiet danger", () => keep(samples[0]))) : "";
  group.element = makeBox(`Identical copies labelled ${samples[0].given_label}`,
    [make("div", { className: "options" }, ...options), actions], (event) => groups.handleKey(event, group, act));
  return group;
}

function describeCopies({ samples }) {
  const dropped = samples.filter((sample) => sample.review?.verdict === "drop").length;
  const isSettled = dropped >= samples.length - 1;
  if (!dropped) return { words: "", isSettled };
  const left = samples.filter((sample) => sample.review?.verdict !== "drop");
  const final = left.length === 1 ? left[0] : undefined;
  return { words: dropped === samples.length ? "All dropped" : `${formatCount(dropped)} of ${formatCount(samples.length)} dropped`, isSettled, final };
}
