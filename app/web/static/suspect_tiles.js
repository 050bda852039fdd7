// Tiles of suspects: the picture, the given label, and what is suggested below it, whole.

import { make, makePicture } from "./dom.js";
import { formatCount } from "./format.js";
import { chooseChip, describeVerdict } from "./verdict_words.js";

// Return the two labels; a suggestion that is the given label agrees with it.
export function makeLabels(item) {
  const agrees = item.suggested_label === item.given_label;
  return make("span", { className: "pair" },
    make("span", { className: agrees ? "agreed" : "given" }, item.given_label),
    agrees ? make("span", { className: "note" }, "agrees") : make("span", { className: "suggested" }, `→ ${item.suggested_label}`));
}

export function makeSuspect(item, { link = null } = {}) {
  const { review } = item;
  const decided = review ? make("span", { className: `chip ${chooseChip(review)}` }, describeVerdict(item, review)) : null;
  const inside = [makePicture(item, { alt: `Sample ${item.key}` }), makeLabels(item), decided];
  return make("li", { title: `${item.key}, rank ${formatCount(item.rank)}` },
    link ? make("a", { className: "thumb", href: link }, ...inside) : make("div", { className: "thumb" }, ...inside));
}
