// The paper's figures as the API has them: drawn, and to be taken along as files.

import { get } from "./api.js";
import { draw } from "./charts.js";
import { find, make } from "./dom.js";

const path = `/v1/audits/${find("audit").dataset.id}`;
// The page shows these in its own way.
const SHOWN_ELSEWHERE = new Set(["distances", "roc", "confusing"]);

function card(link) {
  const files = [["PNG", link.png_url], ["SVG", link.svg_url], ["JSON", link.plotly_url]];
  return make("section", { className: "card" },
    make("h2", {}, link.title[0].toUpperCase() + link.title.slice(1)),
    SHOWN_ELSEWHERE.has(link.name) ? null
      : make("div", { className: "chart", id: `figure-${link.name}`, role: "img", ariaLabel: link.title }),
    make("p", { className: "note" }, ...files.flatMap(([name, url]) => [make("a", { href: url, download: "" }, name), " "])));
}

async function show(link) {
  const { data, layout } = await get(link.plotly_url);
  const { title, height, margin, ...rest } = layout;
  draw(`figure-${link.name}`, () => ({ data, layout: { ...rest, ...(height ? { height, margin } : {}) } }));
}

const links = await get(`${path}/figures`);
find("paper-figures").replaceChildren(...links.map(card));
await Promise.all(links.filter((link) => !SHOWN_ELSEWHERE.has(link.name)).map(show));
