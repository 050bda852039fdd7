// Builds elements. Text is always inserted as text, so names from a dataset cannot become markup.

import { drawBySize, findAddress } from "./pictures.js";

const SVG = "http://www.w3.org/2000/svg";

export const find = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== "list") element[key] = value;
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function makeMeter(share, kind = "") {
  const bar = document.createElementNS(SVG, "svg");
  bar.setAttribute("class", `meter ${kind}`);
  bar.setAttribute("viewBox", "0 0 100 1");
  bar.setAttribute("preserveAspectRatio", "none");
  bar.setAttribute("aria-hidden", "true");
  const filled = document.createElementNS(SVG, "rect");
  filled.setAttribute("width", String(100 * Math.min(1, Math.max(0, share ?? 0))));
  filled.setAttribute("height", "1");
  bar.append(filled);
  return bar;
}

export function showProblem(error) {
  const place = find("problem");
  place.textContent = error.message;
  place.hidden = false;
}

export function makePicture(item, { alt, side = 128 }) {
  if (!item.image_url) return make("span", { className: item.snippet ? "cell told" : "cell", dir: "auto" }, item.snippet ?? item.key);
  return drawBySize(make("img", { src: findAddress(item, side), alt, loading: "lazy", decoding: "async", width: side, height: side }));
}
