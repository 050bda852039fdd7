// The colours of a map: classes, suspicion, verdicts, and the legend that says what they mean.

import { make } from "./dom.js";
import { formatCount } from "./format.js";

const LISTED = 24; // classes in the legend; of more, colours repeat
export const VERDICTS = ["not reviewed", "kept", "relabelled", "dropped", "unsure"];
const TOKENS = ["edge", "right", "accent", "wrong", "caution"];
const STEPS = 5;

const readToken = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// A colour of CSS as a pixel of an image, whose bytes are red, green, blue, alpha.
function toPixel(colour) {
  const context = toPixel.context ??= Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0];
}

// Hues a golden angle apart: any two classes that follow each other differ.
function nameClassColour(place) {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const light = (isDark ? 66 : 44) + 10 * (Math.floor(place / 8) % 2);
  return `hsl(${(place * 137.508 + 210) % 360} 62% ${light}%)`;
}

// From blue over amber to red: what is not suspicious recedes, what is stands out, for the colour-blind too.
function nameScoreColour(share) {
  const [low, middle, high] = ["suspicion-low", "suspicion-middle", "suspicion-high"].map(readToken);
  const mix = (from, to, part) => `color-mix(in oklab, ${to} ${Math.round(100 * part)}%, ${from})`;
  return share < 0.5 ? mix(low, middle, 2 * share) : mix(middle, high, 2 * share - 1);
}

// Return the pixels of all points and the entries of the legend.
export function chooseColours(way, points, classes) {
  if (way === "score") return colourScores(points);
  const isVerdict = way === "verdict";
  const names = isVerdict ? VERDICTS : classes;
  const colours = names.map((_, place) => (isVerdict ? readToken(TOKENS[place]) : nameClassColour(place)));
  const values = isVerdict ? points.verdict : points.given;
  const counts = new Uint32Array(names.length);
  for (const value of values) counts[value] += 1;
  return {
    pixels: paint(points, (point) => values[point], colours),
    entries: names.map((name, place) => ({ name, colour: colours[place], count: counts[place] })).filter((entry) => entry.count),
  };
}

function colourScores(points) {
  const shade = (point) => Math.min(STEPS * 4 - 1, Math.max(0, Math.floor(points.score[point] * STEPS * 4)));
  const colours = Array.from({ length: STEPS * 4 }, (_, step) => nameScoreColour(step / (STEPS * 4 - 1)));
  const counts = new Uint32Array(STEPS);
  for (let point = 0; point < points.count; point += 1) counts[Math.floor(shade(point) / 4)] += 1;
  const entries = Array.from(counts, (count, step) => ({ name: `${(100 / STEPS) * step} to ${(100 / STEPS) * (step + 1)}`, colour: colours[4 * step + 2], count }));
  return { pixels: paint(points, shade, colours), entries: entries.reverse() };
}

function paint(points, find, colours) {
  const shades = colours.map(toPixel);
  return Uint32Array.from({ length: points.count }, (_, point) => shades[find(point)]);
}

export const chooseMarkColours = () => ({ ink: readToken("ink"), selectedColour: toPixel(readToken("ink")) });

export function makeLegend(entries) {
  const rest = entries.length - LISTED;
  return [
    ...entries.slice(0, LISTED).map(({ name, colour, count }) => {
      const dot = make("span", { className: "dot" });
      dot.style.background = colour;
      return make("li", {}, dot, make("span", {}, name), make("span", { className: "note" }, formatCount(count)));
    }),
    rest > 0 ? make("li", { className: "note" }, `and ${formatCount(rest)} more`) : "",
  ];
}
