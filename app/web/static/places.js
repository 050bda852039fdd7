// Places: adding pictures that stay where they lie, and synchronising a dataset with its place.

import { send } from "./api.js";
import { find, showProblem } from "./dom.js";
import { formatCount } from "./format.js";

async function addPlace(event) {
  event.preventDefault();
  const place = event.target.elements.place.value.trim();
  const name = place.split("?")[0].replace(/\/+$/, "").split("/").pop() || place;
  try {
    const dataset = await send("POST", "/v1/datasets", { body: { name, place } });
    location.assign(`/datasets/${dataset.id}`);
  } catch (error) {
    showProblem(error);
  }
}

async function synchronise(event) {
  const button = event.currentTarget;
  const onlyCompares = button.dataset.compare !== undefined;
  const words = find("sync-words");
  words.hidden = false;
  words.textContent = "Comparing with the place …";
  button.disabled = true;
  try {
    const found = await send("POST", `/v1/datasets/${button.dataset.sync}/sync?compare_only=${onlyCompares}`);
    if (found.version) {
      location.assign(`/datasets/${found.version.id}`);
      return;
    }
    words.textContent = `${formatCount(found.new)} new, ${formatCount(found.changed)} changed, ${formatCount(found.gone)} gone.`;
  } catch (error) {
    words.hidden = true;
    showProblem(error);
  }
  button.disabled = false;
}

document.getElementById("add-place")?.addEventListener("submit", addPlace);
for (const button of document.querySelectorAll("[data-sync]")) button.addEventListener("click", synchronise);
