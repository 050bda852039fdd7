// The display of the review: one sample with its details, or a grid of samples.

import { find, make, makeMeter, makePicture } from "./dom.js";
import { formatCount, formatFixed, formatPercent, formatProbability } from "./format.js";
import { findStageAddress } from "./pictures.js";
import { NUMBERED, makeNumber } from "./review_keys.js";
import { VIEWS } from "./sample_views.js";
import { VERDICT_WORDS, chooseChip, describeVerdict } from "./verdict_words.js";

const ADVICE = {
  go_on: "Go on: one in four of the next samples, or more, may be wrong.",
  nearly_done: "Going on in this order finds less: fewer than one in four of the next samples is probably wrong, but it may be more than one in ten.",
  stop: "Going on in this order finds little: fewer than one in ten of the next samples is probably wrong.",
};

const MANY_LEFT = 50; // samples: what the advice looks ahead
const AGREEMENT_WORDS = { agreed: ", and others agree", unsure: "; somebody else was unsure", disputed: " disagree: your verdict settles it", settled: ", who settled a disagreement" };

export class View {
  // `onClass(label)` is called when a class is chosen from the list of probabilities.
  constructor(root, { classes, onClass }) {
    Object.assign(this, { classes, onClass });
    this.sample = VIEWS[root.dataset.view];
    this.mayClaim = root.dataset.claims === "1";
  }

  showSample(item, { queue, place }) {
    this.shown = item;
    this.sample.show(find("picture"), item, { queue });
    find("key").textContent = item.key;
    find("place").textContent = `rank ${formatCount(item.rank)}`;
    find("given-label").textContent = item.given_label;
    find("given-probability").textContent = isIfWrong(item) ? describeChance(item, this) : describeGiven(item);
    find("suggested-label").textContent = item.suggested_label;
    find("suggested-probability").textContent = formatProbability(item.suggested_confidence) + (isIfWrong(item) ? " if the given one is wrong" : "");
    find("spoken").textContent = `${item.key}: given ${item.given_label}, suggested ${item.suggested_label}`;
    this.showVerdict(item);
    find("probabilities-caption").textContent = isIfWrong(item) ? "Which label is right if the given one is wrong" : "Predicted probabilities";
    find("probabilities").replaceChildren(...this.makeProbabilityRows(item));
    find("facts").replaceChildren(...makeFacts(item, this));
    this.showSimilar(item, queue);
    this.place = place;
  }

  showVerdict(item) {
    if (item !== this.shown) return;
    const review = item.shownReview;
    const place = find("verdict");
    place.replaceChildren();
    if (review) place.append(make("span", { className: `chip ${chooseChip(review)}` }, describeVerdict(item, review)), review.reviewer ? ` by ${review.reviewer}` : "", AGREEMENT_WORDS[review.agreement] ?? "");
    for (const button of document.querySelectorAll("[data-does]")) {
      const does = button.dataset.does === "accept" || button.dataset.does === "other" ? "relabel" : button.dataset.does;
      const isSuggested = review?.label === item.suggested_label;
      const fits = review?.verdict === does && (does !== "relabel" || (button.dataset.does === "accept") === isSuggested);
      button.setAttribute("aria-pressed", String(Boolean(fits)));
    }
  }

  // A class that has a number key is listed even where its probability is not stored.
  makeProbabilityRows(item) {
    const rows = item.suggestions.map((one) => ({ ...one, words: formatProbability(one.probability) }));
    const add = (label, words) => rows.some((one) => one.label === label) || rows.push({ label, probability: 0, words });
    add(item.given_label, isIfWrong(item) ? "given" : describeGiven(item));
    if (this.classes.length <= NUMBERED) for (const name of this.classes) add(name, "–");
    return rows.map(({ label, probability, words }) => make("tr", {},
      make("th", { scope: "row" }, make("button", {
        type: "button", title: `Label it ${label}`, onclick: () => this.onClass(label),
        className: `class-name ${label === item.given_label ? "given" : label === item.suggested_label ? "suggested" : ""}`,
      }, makeNumber(this.classes, label), make("span", {}, label))),
      make("td", {}, makeMeter(probability, label === item.given_label ? "bad" : "good")),
      make("td", { className: "num" }, words)));
  }

  async showSimilar(item, queue) {
    const similar = await queue.getSimilar(item).catch(() => null);
    if (!similar || item !== this.shown) return;
    this.sample.compare(find("picture"), similar);
    for (const [id, group, className] of [["similar-given", similar.given, "given"], ["similar-other", similar.other, "suggested"]]) {
      find(id).replaceChildren(
        make("h3", {}, "Labelled ", make("span", { className }, group.label || "–")),
        make("ul", { className: "thumbs row" }, ...group.samples.map((sample) => make("li", { className: "thumb", title: sample.key },
          makePicture(sample, { alt: `${group.label}: ${sample.key}` })))),
      );
    }
  }

  showCounts(progress) {
    const { verdicts } = progress;
    find("count-line").textContent = describeCounts(progress);
    find("count-reviewed").textContent = formatCount(progress.reviewed);
    find("count-kinds").textContent = Object.entries(VERDICT_WORDS).filter(([verdict]) => verdicts[verdict])
      .map(([verdict, word]) => `${formatCount(verdicts[verdict])} ${word}`).concat(progress.unseen ? `${formatCount(progress.unseen)} without a look` : [], progress.carried ? `${formatCount(progress.carried)} of them carried over` : []).join(", ");
    find("count-precision").textContent = formatPercent(progress.precision, 0);
    find("count-recent").textContent = progress.recent_precision === null ? "of those kept or relabelled" : `of those kept or relabelled; ${formatPercent(progress.recent_precision, 0)} of the latest ${formatCount(progress.recent_decided)}`;
    find("count-left").textContent = formatCount(progress.expected_errors_left);
    find("count-expected").textContent = describeExpected(progress);
    find("count-next").textContent = formatProbability(progress.next_precision, 0);
    const advice = find("advice");
    const isOver = progress.reviewed >= progress.sample_count;
    const text = isOver ? `All samples have a verdict${progress.unseen ? `; nobody has looked at ${formatCount(progress.unseen)} of them` : ""}${progress.carried ? `; ${formatCount(progress.carried)} are carried over from an earlier version` : ""}.` : (ADVICE[progress.advice] ?? describeCheck(progress)) + describeRest(progress) + describeConflicts(progress) + describeCarriedCount(progress);
    if (advice.textContent !== text) advice.textContent = text;
    advice.className = `advice ${progress.advice}`;
  }
}

// The counts in one line, which is above the sample while the tiles are below it.
function describeCounts(progress) {
  const { carried, errors, expected_errors_left_interval: left } = progress;
  return [
    `${formatCount(progress.reviewed)} of ${formatCount(progress.sample_count)} reviewed${carried ? `, ${formatCount(carried)} of them in an earlier version` : ""}`,
    `${formatCount(errors)} wrong`,
    left === null ? "how many are left is not known" : `${formatCount(left[0])} to ${formatCount(left[1])} wrong left`,
  ].join(" · ");
}

// What counts as reviewed, and what follows from it: nobody should review for a number that never comes.
function describeCheck({ verdicts_to_advice: left }) {
  const more = `${formatCount(left)} more ${left === 1 ? "sample" : "samples"}`;
  return `How many labels are wrong is not known yet: “Check at random” tells it. Or review here: after ${more} that you keep or relabel (unsure and dropped do not count), this line says whether it is worth going on.`;
}

// The next samples of the ranking are not all: where many may be left, nobody should take the review for over.
function describeRest({ advice, expected_errors_left_interval: left }) {
  return left && left[1] >= MANY_LEFT && (advice === "stop" || advice === "nearly_done") ? ` Up to ${formatCount(left[1])} wrong labels may be left all the same; more checks at random tell how many.` : "";
}

function describeCarriedCount({ carried }) {
  return carried ? ` ${formatCount(carried)} ${carried === 1 ? "verdict is" : "verdicts are"} carried over from an earlier version; these samples are left out here, except those that were left unsure.` : "";
}

// Duplicates with different labels stand on the audit's page; the review of suspects does not end them.
function describeConflicts({ open_conflicts: groups }) {
  return groups ? ` ${formatCount(groups)} ${groups === 1 ? "group" : "groups"} of duplicates with different labels ${groups === 1 ? "is" : "are"} still to decide, on the audit's page.` : "";
}

function describeExpected(progress) {
  if (progress.expected_errors === null) return "unknown";
  const [low, high] = progress.expected_errors_left_interval;
  return `${formatCount(low)} to ${formatCount(high)} may be left (${progress.rests_on})${describeExcess(progress)}`;
}

// Verdicts outweigh an estimate: what the next samples are expected to hold may be more than it leaves. Then this is said,
// so that both numbers do not contradict each other.
function describeExcess({ errors, expected_errors_interval: all, expected_errors_left_interval: left }) {
  const isMore = Math.round(errors + left[1]) > Math.round(all[1]);
  return isMore ? `; with the ${formatCount(errors)} found that is more than the audit's ${formatCount(all[0])} to ${formatCount(all[1])}, as so many of the latest verdicts found a wrong label` : "";
}

const findSuggestion = (item, label) => item.suggestions.find((one) => one.label === label);

// Whether the suggestions' probabilities are those of being right if the given label is wrong. Audits without evidence, and
// of older versions, have the networks' instead, which nearly always list the given label.
const isIfWrong = (item) => item.error_probability !== null && item.suggested_label !== item.given_label && !findSuggestion(item, item.given_label);

// How likely the given label is wrong: it stands first, so that nobody takes the next number for it.
function describeChance(item, { mayClaim }) {
  return mayClaim ? `wrong: ${formatProbability(item.error_probability, 0)}` : "how likely it is wrong is not known";
}

// The probability of the given label by the same networks as the suggestions. All other classes that are not listed are
// at most as likely as the last one that is. Without such suggestions it is the predictor's.
function describeGiven(item) {
  const known = findSuggestion(item, item.given_label);
  return known ? formatProbability(known.probability) : `≤ ${formatPercent(item.suggestions.at(-1).probability)}`;
}

function makeFacts(item, { mayClaim }) {
  const rows = [
    item.error_probability === null || !mayClaim ? null : ["Error probability", formatProbability(item.error_probability, 0)],
    item.score === null ? null : ["Score", formatFixed(item.score)],
    ["Distance", formatFixed(item.distance)],
    item.neighbour_disagreement === null || item.neighbour_disagreement === undefined ? null : ["Neighbours with another label", formatPercent(item.neighbour_disagreement, 0)],
    item.split ? ["Split", item.split] : null,
    ...Object.entries(item.own ?? {}).map(([name, value]) => [name, String(value)]),
  ];
  const shown = rows.filter(Boolean).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  if (item.image_url) {
    shown.push(make("dt", {}, "Picture"), make("dd", {}, make("a", { href: findStageAddress(item), target: "_blank", rel: "noopener" }, "open in a tab")));
  }
  return shown;
}
