// A list of audits: those that are not finished show their progress.

import { get } from "./api.js";
import { makeChip } from "./chips.js";
import { formatDuration, formatPercent } from "./format.js";

const POLL_MILLISECONDS = 3000;
const UNFINISHED = new Set(["queued", "running"]);

async function follow(cell) {
  const audit = await get(`/v1/audits/${cell.dataset.live}`).catch(() => null);
  if (audit && !UNFINISHED.has(audit.status)) {
    location.reload();
    return;
  }
  if (audit) {
    const left = audit.eta_seconds === null ? "" : `, about ${formatDuration(audit.eta_seconds)} left`;
    cell.querySelector(".chip").replaceWith(makeChip(audit.status));
    cell.querySelector(".note").textContent = `${formatPercent(audit.fraction, 0)}${left}`;
    cell.querySelector("progress").value = audit.fraction;
  }
  setTimeout(() => follow(cell), POLL_MILLISECONDS);
}

document.querySelectorAll("[data-live]").forEach(follow);
