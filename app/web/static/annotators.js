// The annotators of a dataset: attach their labels, and wait for their consensus.

import { get, Problem } from "./api.js";
import { find } from "./dom.js";

const { id, state } = find("annotators").dataset;
const path = `/v1/datasets/${id}`;
const POLL_MILLISECONDS = 700;

async function attach(event) {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(`${path}/annotations`, { method: "PUT", body: find("file").files[0] });
    if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
    location.reload();
  } catch (error) {
    find("problem").textContent = error.message;
    find("problem").hidden = false;
    button.disabled = false;
  }
}

async function follow() {
  const answer = await get(`${path}/consensus`);
  if (answer.state === state) setTimeout(follow, POLL_MILLISECONDS);
  else location.reload();
}

find("attach").addEventListener("submit", attach);
if (state === "computing" || state === "renewing") follow();
