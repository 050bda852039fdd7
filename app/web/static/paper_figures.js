// The paper's figures from the API, drawn on the page and offered as files.

import { get } from "./api.js";
import { drawFigure } from "./charts.js";
import { find, make } from "./dom.js";

// Other cards of the page show these figures.
const SHOWN_ELSEWHERE = new Set(["distances", "roc", "confusing"]);

function makeFileLinks(link) {
  return [["PNG", link.png_url], ["SVG", link.svg_url], ["JSON", link.plotly_url]]
    .flatMap(([name, url]) => [make("a", { href: url, download: "", ariaLabel: `${link.title} as ${name}` }, name), " "]);
}

const capitalise = (words) => words[0].toUpperCase() + words.slice(1);

function makeCard(link) {
  return make("section", { className: "card" },
    make("h2", {}, capitalise(link.title)),
    make("div", { className: "chart", id: `figure-${link.name}`, role: "img", ariaLabel: link.title }),
    make("p", { className: "note" }, ...makeFileLinks(link)));
}

function makeFileCard(links) {
  return make("section", { className: "card" },
    make("h2", {}, "More figures as files"),
    ...links.map((link) => make("p", {}, `${capitalise(link.title)}: `, ...makeFileLinks(link))));
}

// With one fold and no blind fraction every network has learned every label.
const notMeasured = () => make("section", { className: "card", id: "memorisation-not-measured" },
  make("h2", {}, "Measured memorisation"), make("p", { className: "note" }, "Not measured: no label was held back."));

export async function drawPaperFigures(path) {
  const links = await get(`${path}/figures`);
  const drawn = links.filter((link) => !SHOWN_ELSEWHERE.has(link.name));
  const others = links.filter((link) => SHOWN_ELSEWHERE.has(link.name));
  const isMeasured = links.some((link) => link.name === "memorisation");
  find("paper-figures").replaceChildren(...drawn.map(makeCard), ...(isMeasured ? [] : [notMeasured()]), ...(others.length ? [makeFileCard(others)] : []));
  await Promise.all(drawn.map((link) => drawFigure(`figure-${link.name}`, link.plotly_url)));
}
