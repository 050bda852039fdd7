// Verdicts in words, the same on every page.

export const VERDICT_WORDS = { keep: "kept", relabel: "relabelled", drop: "dropped", unsure: "unsure" };

const capitalise = (words) => words.replace(/^./, (letter) => letter.toUpperCase());

export function describeVerdict(item, review) {
  if (!review) return "";
  if (review.carried) return describeCarried(review);
  if (review.verdict === "relabel") return review.label === item.suggested_label ? `Relabelled as ${review.label}, as suggested` : `Relabelled as ${review.label}`;
  return capitalise(VERDICT_WORDS[review.verdict]);
}

// What was decided in an earlier version: a corrected label is right by now.
function describeCarried({ carried, verdict }) {
  if (carried.verdict === "relabel" && verdict === "keep") return `Relabelled from ${carried.given} in version ${carried.version}`;
  return `${capitalise(VERDICT_WORDS[verdict])} in version ${carried.version}`;
}

export const chooseChip = (review) => ({ keep: "good", relabel: "busy", drop: "bad", unsure: "caution" })[review.verdict];
