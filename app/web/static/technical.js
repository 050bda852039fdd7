// The technical details of an audit, drawn when they are opened: charts need their place's width.

import { get } from "./api.js";
import { drawFigure, drawTrainingCurves } from "./charts.js";
import { find } from "./dom.js";
import { drawPaperFigures } from "./paper_figures.js";

export function showTechnicalDetails(path) {
  const details = find("technical");
  details.addEventListener("toggle", () => drawAll(path), { once: true });
  addEventListener("hashchange", openForAddress);
  openForAddress();
}

// An address that names something inside opens the details and goes there.
function openForAddress() {
  const target = location.hash && find(decodeURIComponent(location.hash.slice(1)));
  if (!target || !find("technical").contains(target)) return;
  find("technical").open = true;
  target.scrollIntoView();
}

async function drawAll(path) {
  drawFigure("histogram", `${path}/figures/distances`, { xaxis: "distance" });
  drawTrainingCurves(await get(`${path}/epochs`));
  await drawPaperFigures(path);
}
