// A row of values in the review: shown by itself at once, and beside similar rows when these have arrived.

import { get } from "./api.js";
import { find } from "./dom.js";

const WAITING = "row";

export async function showRowFirst(place, item, showAlone) {
  const mark = `${WAITING} ${item.position}`;
  place.dataset.shown = mark;
  const sample = await get(`/v1/datasets/${find("review").dataset.dataset}/samples/${item.position}`).catch(() => null);
  if (place.dataset.shown !== mark) return; // similar rows were faster, or another sample is shown
  if (sample?.features) showAlone(place, sample);
  else place.replaceChildren();
}

export function replaceRow(place, element) {
  place.dataset.shown = "compared";
  place.replaceChildren(element);
}
