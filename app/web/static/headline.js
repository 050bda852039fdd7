// The headline of a finished audit: how many labels are wrong, and what is reviewed; both follow new verdicts.

import { get } from "./api.js";
import { find, make, showProblem } from "./dom.js";
import { formatCount } from "./format.js";

const WAIT_MILLISECONDS = 300; // several groups are often decided one after the other
const OWN = ["reviewed-stat", "auc-stat"]; // filled by this page, empty as the server sends them
const { id } = find("audit").dataset;
let waiting = null;

// Whoever has kept a label should not meet it again as a suspect, above all not in the next version.
function describeDecided({ reviewed, carried }) {
  const before = !carried ? "" : carried === reviewed ? ", given in an earlier version" : `, ${formatCount(carried)} of them given in an earlier version`;
  return `${formatCount(reviewed)} ${reviewed === 1 ? "sample has a verdict" : "samples have a verdict"}${before}; ${reviewed === 1 ? "it is" : "they are"} left out unless you choose “all samples”${carried ? " or they were left unsure there" : ""}.`;
}

export function showReviewed(progress) {
  const { reviewed, carried, errors } = progress;
  find("reviewed-stat").hidden = !reviewed;
  find("decided-words").textContent = reviewed ? describeDecided(progress) : "";
  const words = carried === reviewed ? "in an earlier version" : `${formatCount(errors)} wrong`;
  find("reviewed").replaceChildren(formatCount(reviewed), make("small", {}, ` ${words}`));
}

export function refreshHeadline() {
  clearTimeout(waiting);
  waiting = setTimeout(() => readHeadline().catch(showProblem), WAIT_MILLISECONDS);
}

// The server writes these words, so they are taken from a page that it makes anew.
async function readHeadline() {
  const [answer, progress] = await Promise.all([fetch(location.pathname), get(`/v1/audits/${id}/review-progress`)]);
  if (!answer.ok) return; // a login that has ended is said by the next verdict
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("estimate");
  if (!fresh) return;
  for (const own of OWN) fresh.querySelector(`#${own}`).replaceWith(find(own));
  find("estimate").replaceChildren(...fresh.childNodes);
  showReviewed(progress);
}
