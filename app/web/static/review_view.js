// What the review shows: one sample with all that is known of it, or many.

import { find, make, meter } from "./dom.js";
import { count, fixed, percent } from "./format.js";
import { VIEWS } from "./sample_views.js";

const ADVICE = {
  begin: "Begin with the most suspicious; one key each.",
  go_on: "Go on: the next samples are worth a look.",
  nearly_done: "Nearly done: fewer than one in four of the next are worth a look.",
  stop: "You can stop here: fewer than one in ten of the next are worth a look.",
};

const DONE = { keep: "kept", relabel: "relabelled", drop: "dropped", unsure: "unsure" };

export function words(item, review) {
  if (!review) return "";
  if (review.verdict === "relabel") return review.label === item.suggested_label ? `Relabelled ${review.label}, as suggested` : `Relabelled ${review.label}`;
  return DONE[review.verdict].replace(/^./, (letter) => letter.toUpperCase());
}

const kind = (review) => ({ keep: "good", relabel: "busy", drop: "bad", unsure: "caution" })[review.verdict];

export class View {
  constructor(root) {
    this.sample = VIEWS[root.dataset.view];
    this.isPixels = root.dataset.pixels === "1";
    this.hasOriginals = root.dataset.originals === "1";
  }

  one(item, { queue, place }) {
    this.shown = item;
    this.sample.show(find("picture"), item, { queue, isPixels: this.isPixels });
    find("key").textContent = item.key;
    find("place").textContent = `rank ${count(item.rank)}`;
    find("given-label").textContent = item.given_label;
    find("given-probability").textContent = percent(item.given_label_probability);
    find("suggested-label").textContent = item.suggested_label;
    find("suggested-probability").textContent = percent(item.suggested_confidence);
    find("spoken").textContent = `${item.key}: given ${item.given_label}, suggested ${item.suggested_label}`;
    this.showVerdict(item);
    find("probabilities").replaceChildren(...rowsOfProbabilities(item));
    find("facts").replaceChildren(...facts(item, this.hasOriginals));
    this.showSimilar(item, queue);
    this.place = place;
  }

  showVerdict(item) {
    if (item !== this.shown) return;
    const said = item.shownReview;
    const place = find("verdict");
    place.replaceChildren();
    if (said) place.append(make("span", { className: `chip ${kind(said)}` }, words(item, said)), said.reviewer ? ` by ${said.reviewer}` : "");
    for (const button of document.querySelectorAll("[data-does]")) {
      const does = button.dataset.does === "accept" || button.dataset.does === "other" ? "relabel" : button.dataset.does;
      const isSuggested = said?.label === item.suggested_label;
      const fits = said?.verdict === does && (does !== "relabel" || (button.dataset.does === "accept") === isSuggested);
      button.setAttribute("aria-pressed", String(Boolean(fits)));
    }
  }

  async showSimilar(item, queue) {
    const found = await queue.similarTo(item).catch(() => null);
    if (!found || item !== this.shown) return;
    this.sample.compare(find("picture"), found);
    for (const [id, group, className] of [["similar-given", found.given, "given"], ["similar-other", found.other, "suggested"]]) {
      find(id).replaceChildren(
        make("h3", {}, "labelled ", make("span", { className }, group.label || "–")),
        make("ul", { className: "thumbs row" }, ...group.samples.map((sample) => make("li", { className: "thumb", title: sample.key },
          sample.image_url
            ? make("img", { src: sample.image_url, alt: `${group.label}: ${sample.key}`, className: this.isPixels ? "pixels" : "", width: 72, height: 72 })
            : make("span", { className: "cell" }, sample.key)))),
      );
    }
  }

  cells(items, current, onPick) {
    find("cells").replaceChildren(...items.map((item, place) => {
      const cell = make("button", { type: "button", className: "sample", onclick: () => onPick(place), title: `${item.key}, distance ${fixed(item.distance)}` },
        item.image_url
          ? make("img", { src: item.image_url, alt: `Sample ${item.key}`, className: this.isPixels ? "pixels" : "", width: 128, height: 128 })
          : make("span", { className: "cell" }, item.key),
        make("span", { className: "words" }, make("span", { className: "given" }, item.given_label), " → ", make("span", { className: "suggested" }, item.suggested_label)),
        make("span", { className: "words chip-place" }));
      return cell;
    }));
    items.forEach((item, place) => this.cell(item, place));
    this.frame(current);
  }

  cell(item, place) {
    const cell = find("cells").children[place];
    if (!cell) return;
    const said = item.shownReview;
    cell.dataset.verdict = said?.verdict ?? "";
    cell.lastChild.replaceChildren(said ? make("span", { className: `chip ${kind(said)}` }, words(item, said)) : "\u00a0");
  }

  frame(place, { focus = false } = {}) {
    for (const [number, cell] of [...find("cells").children].entries()) {
      if (number === place) {
        cell.setAttribute("aria-current", "true");
        cell.scrollIntoView({ block: "nearest" });
        if (focus) cell.focus();
      } else cell.removeAttribute("aria-current");
    }
  }

  counts(progress) {
    const { verdicts } = progress;
    find("count-reviewed").textContent = count(progress.reviewed);
    find("count-kinds").textContent = Object.entries(DONE).filter(([verdict]) => verdicts[verdict])
      .map(([verdict, said]) => `${count(verdicts[verdict])} ${said}`).join(", ");
    find("count-precision").textContent = percent(progress.precision, 0);
    find("count-recent").textContent = progress.recent_precision === null ? "" : `${percent(progress.recent_precision, 0)} of the latest 50`;
    find("count-left").textContent = count(progress.expected_errors_left);
    find("count-expected").textContent = `of ${count(progress.expected_errors)} expected`;
    find("count-next").textContent = progress.next_precision === null ? "–" : percent(progress.next_precision, 0);
    const advice = find("advice");
    const text = progress.next_precision === null ? "Every sample has a verdict." : ADVICE[progress.advice];
    if (advice.textContent !== text) advice.textContent = text;
    advice.className = `advice ${progress.advice}`;
  }
}

function rowsOfProbabilities(item) {
  const known = [...item.suggestions];
  if (!known.some((one) => one.label === item.given_label)) known.push({ label: item.given_label, probability: item.given_label_probability });
  return known.map((one) => make("tr", {},
    make("th", { scope: "row", className: one.label === item.given_label ? "given" : one.label === item.suggested_label ? "suggested" : "" }, one.label),
    make("td", {}, meter(one.probability, one.label === item.given_label ? "bad" : "good")),
    make("td", { className: "num" }, percent(one.probability))));
}

function facts(item, hasOriginals) {
  const rows = [
    ["Probably wrong", percent(item.error_probability, 0)],
    ["Distance", fixed(item.distance)],
    item.neighbour_disagreement === null || item.neighbour_disagreement === undefined ? null : ["Neighbours that disagree", percent(item.neighbour_disagreement, 0)],
    item.split ? ["Split", item.split] : null,
  ];
  const shown = rows.filter(Boolean).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  if (hasOriginals) {
    shown.push(make("dt", {}, "Picture"), make("dd", {}, make("a", { href: `${item.image_url}?variant=original`, target: "_blank", rel: "noopener" }, "as uploaded")));
  }
  return shown;
}
