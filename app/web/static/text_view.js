// A text in the review: whole, long ones folded, with the words marked that speak for and against the label.

import { make } from "./dom.js";

const FOLDED = 1200; // characters that are shown at first
const SHOWN = 15; // words that are marked
const LEAST = 0.15; // of the strongest effect, from which a word is marked

export const textView = {
  show(place, item) {
    place.replaceChildren(make("p", { className: "text" }, item.snippet ?? ""));
  },
  compare(place, similar) {
    place.replaceChildren(make("div", { className: "text-sample" }, ...describeWords(similar.reasons), makeText(similar.features[0], similar.reasons?.words ?? []), makeSimilar(similar)));
  },
  // Without similar samples, as a random check shows it: without marks.
  showAlone(place, item) {
    place.replaceChildren(makeText(item.features[0], []));
  },
};

function describeWords(reasons) {
  if (!reasons) return [];
  if (!reasons.words.some((word) => word.effect > 0)) return [make("p", { className: "note" }, `No single word speaks for ${reasons.label}.`)];
  return [make("p", { className: "note" }, "Words that speak for ", make("mark", { className: "for" }, reasons.label), ", and for the ", make("mark", { className: "against" }, "given label"), ".")];
}

// The service counts code points; so does the spread of a text.
function makeText(text, words) {
  const characters = [...text];
  const least = LEAST * Math.max(0, ...words.map((word) => Math.abs(word.effect)));
  const marks = words.slice(0, SHOWN).filter((word) => Math.abs(word.effect) >= least).toSorted((one, other) => one.start - other.start);
  const [head, tail] = [[], []];
  let at = 0;
  const add = (start, stop, word) => {
    if (start >= stop) return;
    const part = characters.slice(start, stop).join("");
    const node = word ? make("mark", { className: word.effect > 0 ? "for" : "against", title: `odds × ${Number(Math.exp(word.effect).toPrecision(2))}` }, part) : part;
    (start < FOLDED ? head : tail).push(node);
  };
  for (const word of marks) {
    add(at, Math.min(word.start, Math.max(at, FOLDED)), null);
    add(Math.max(at, Math.min(word.start, FOLDED)), word.start, null);
    add(word.start, word.start + word.length, word);
    at = Math.max(at, word.start + word.length);
  }
  add(at, Math.max(at, Math.min(characters.length, FOLDED)), null);
  add(Math.max(at, FOLDED), characters.length, null);
  const box = make("div", { className: "text", tabIndex: 0, role: "region", ariaLabel: "Text", dir: "auto" }, ...head);
  if (tail.length) box.append(make("details", {}, make("summary", {}, `${characters.length.toLocaleString("en")} characters: show the rest`), ...tail));
  return box;
}

function makeSimilar(similar) {
  const list = (group) => [make("dt", {}, `Labelled ${group.label || "–"}`), ...group.samples.slice(0, 3).map((sample) => make("dd", { dir: "auto" }, shorten(sample.features[0])))];
  return make("dl", { className: "similar-texts" }, ...list(similar.given), ...list(similar.other));
}

const shorten = (text) => (text.length > 160 ? `${text.slice(0, 160)}…` : text);
