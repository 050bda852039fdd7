// Keys of the review and of the check: which field swallows them is said, and class numbers are the same on both.

import { find, make } from "./dom.js";

export const NUMBERED = 9; // classes that have a number key each

const FIELDS = "input:not([type=checkbox], [type=range]), select, textarea";

export const isTyping = (event) => Boolean(event.target.closest?.(`${FIELDS}, dialog`));

// Say when keys go into a field, and let Enter, Escape and a choice give them back.
export function watchFields() {
  const note = find("typing");
  document.addEventListener("focusin", (event) => {
    note.hidden = !event.target.matches(FIELDS) || Boolean(event.target.closest("dialog, #begin"));
  });
  document.addEventListener("focusout", () => {
    note.hidden = true;
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.matches?.(FIELDS) || event.target.closest("dialog, #begin")) return;
    if (event.key === "Escape" || event.key === "Enter") event.target.blur();
  });
  document.addEventListener("change", (event) => event.target.matches("select, input") && !event.target.closest("dialog") && event.target.blur());
}

// The class of a number key, of `classes` in the dataset's order; null: none has it.
export function findNumbered(event, classes) {
  const number = Number(event.key);
  return classes.length <= NUMBERED && Number.isInteger(number) && number >= 1 ? classes[number - 1] ?? null : null;
}

export const makeNumber = (classes, name) =>
  (classes.length <= NUMBERED ? make("kbd", {}, String(classes.indexOf(name) + 1)) : null);
