// The paper's figures as the API has them: drawn, and to be taken along as files.

import { get } from "./api.js";
import { drawFigure } from "./charts.js";
import { find, make } from "./dom.js";

const path = `/v1/audits/${find("audit").dataset.id}`;
// Cards further up show these.
const SHOWN_ELSEWHERE = new Set(["distances", "roc", "confusing"]);

function files(link) {
  return [["PNG", link.png_url], ["SVG", link.svg_url], ["JSON", link.plotly_url]]
    .flatMap(([name, url]) => [make("a", { href: url, download: "", ariaLabel: `${link.title} as ${name}` }, name), " "]);
}

const capital = (words) => words[0].toUpperCase() + words.slice(1);

function card(link) {
  return make("section", { className: "card" },
    make("h2", {}, capital(link.title)),
    make("div", { className: "chart", id: `figure-${link.name}`, role: "img", ariaLabel: link.title }),
    make("p", { className: "note" }, ...files(link)));
}

function filesAlone(links) {
  return make("section", { className: "card" },
    make("h2", {}, "As files"),
    ...links.map((link) => make("p", {}, `${capital(link.title)}: `, ...files(link))));
}

const links = await get(`${path}/figures`);
const drawn = links.filter((link) => !SHOWN_ELSEWHERE.has(link.name));
const others = links.filter((link) => SHOWN_ELSEWHERE.has(link.name));
find("paper-figures").replaceChildren(...drawn.map(card), ...(others.length ? [filesAlone(others)] : []));
await Promise.all(drawn.map((link) => drawFigure(`figure-${link.name}`, link.plotly_url)));
