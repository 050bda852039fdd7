// An audit during training: its state and curves from server-sent events, and its provisional suspects.

import { get, query, send } from "./api.js";
import { describeTime } from "./audit_estimate.js";
import { drawTrainingCurves } from "./charts.js";
import { makeChip } from "./chips.js";
import { confirmAndDelete } from "./dialogs.js";
import { find, showProblem } from "./dom.js";
import { formatCount, formatDuration, formatPercent } from "./format.js";
import { makeSuspect } from "./suspect_tiles.js";

const { dataset, id, status } = find("audit").dataset;
const path = `/v1/audits/${id}`;
const SUSPECTS = 24;
const REFRESH_MILLISECONDS = 4000;
const ANNOUNCE_MILLISECONDS = 20000;
const STAGES = { training: "Training", scoring: "Scoring all samples", loading: "Loading the data", evidence: "Judging every label" };
const runs = new Map();
let scheduled = false;
let refreshedAt = 0;
let announcedAt = 0;
let estimated = ""; // said until the audit itself has told how long it takes
let isMeasured = false;

function getCurve(run) {
  if (!runs.has(run)) runs.set(run, { run, epochs: [] });
  return runs.get(run);
}

function scheduleDraw() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    const drawn = [...runs.values()].filter((curve) => curve.epochs.length);
    find("curves").hidden = !drawn.length;
    if (drawn.length) drawTrainingCurves(drawn);
  });
}

function showAudit(audit) {
  find("fraction").value = audit.fraction;
  find("status").replaceChildren(makeChip(audit.status));
  const run = audit.runs.find((one) => one.status === "running");
  const isRanking = audit.runs.every((one) => one.status === "succeeded");
  const progress = run?.progress;
  if (audit.cancel_requested) find("stage").textContent = "Cancelling";
  else if (progress) {
    const which = audit.runs.length > 1 ? `, run ${run.number + 1} of ${audit.runs.length}` : "";
    const isOver = progress.stage === "evidence";
    find("stage").textContent = `${STAGES[progress.stage] ?? progress.stage}${which}${isOver ? "" : `: epoch ${progress.epoch} of ${progress.epochs}`}`;
    find("speed").textContent = [
      progress.samples_per_second ? `${formatCount(progress.samples_per_second)} samples/s` : null,
    ].filter(Boolean).join(" · ");
  } else if (audit.features) showFeatures(audit);
  else if (audit.runs.some((one) => one.waiting)) {
    find("stage").textContent = "Waiting for a worker";
    find("speed").textContent = audit.runs.find((one) => one.waiting).waiting.detail;
  } else if (audit.runs_before) {
    find("stage").textContent = "Waiting for a worker";
    find("speed").textContent = `${formatCount(audit.runs_before)} ${audit.runs_before === 1 ? "training comes" : "trainings come"} before it`;
  } else if (isRanking) find("stage").textContent = "Ranking the samples";
  const reasons = new Set(audit.runs.map((one) => one.encoder?.reason).filter(Boolean));
  find("encoder").textContent = [...reasons].map((reason) => `How the samples are seen: ${reason}.`).join(" ");
  isMeasured ||= audit.eta_seconds !== null;
  const before = isRanking ? "" : isMeasured ? " · time left not known yet" : estimated;
  const left = audit.eta_seconds === null ? before : audit.eta_seconds < 1 ? " · nearly done" : ` · about ${formatDuration(audit.eta_seconds)} left`;
  find("eta").textContent = `${formatPercent(audit.fraction, 0)}${left}`;
  document.title = `${formatPercent(audit.fraction, 0)} · ${audit.name}`;
  announce(audit);
  if (audit.provisional_available) refreshSuspects();
}

function showFeatures({ features, runs: queued }) {
  find("stage").textContent = `Computing features with ${features.encoder}: ${formatCount(features.done)} of ${formatCount(features.total)} samples`;
  find("speed").textContent = [
    features.samples_per_second ? `${formatCount(features.samples_per_second)} samples/s` : null,
    features.shards > 1 ? `${formatCount(features.shards_done)} of ${formatCount(features.shards)} shards` : null,
    queued.find((one) => one.waiting)?.waiting.detail,
  ].filter(Boolean).join(" · ");
}

function announce(audit) {
  if (Date.now() - announcedAt < ANNOUNCE_MILLISECONDS) return;
  announcedAt = Date.now();
  find("spoken").textContent = `${formatPercent(audit.fraction, 0)} done`;
}

async function refreshSuspects() {
  if (Date.now() - refreshedAt < REFRESH_MILLISECONDS) return;
  refreshedAt = Date.now();
  const page = await get(`${path}/suspects?limit=${SUSPECTS}`).catch(() => null);
  if (!page?.items.length) return;
  find("provisional").hidden = false;
  find("suspects").replaceChildren(...page.items.map((item) => makeSuspect(item)));
}

function follow() {
  const stream = new EventSource(`${path}/events`);
  stream.addEventListener("epoch", (event) => {
    const epoch = JSON.parse(event.data);
    getCurve(epoch.run).epochs.push(epoch);
    scheduleDraw();
  });
  stream.addEventListener("audit", (event) => showAudit(JSON.parse(event.data)));
  stream.addEventListener("end", () => {
    stream.close();
    location.reload();
  });
}

// The form has said this before; it is for the whole audit.
async function readEstimate() {
  const audit = await get(path);
  const configuration = JSON.stringify(audit.configuration);
  const { estimate } = await get(`/v1/datasets/${dataset}/estimate${query({ configuration })}`);
  if (estimate.high_seconds !== null) estimated = ` · ${describeTime(estimate)} in all, as estimated`;
}

async function loadCurves() {
  for (const curves of await get(`${path}/epochs`)) runs.set(curves.run, curves);
  scheduleDraw();
}

find("cancel")?.addEventListener("click", () =>
  send("POST", `${path}/cancel`).then(showAudit).catch(showProblem));
find("delete")?.addEventListener("click", () => confirmAndDelete(path, {
  title: "Delete this audit?", question: "The dataset and all verdicts stay.", then: "/audits",
}));

if (status === "queued" || status === "running") {
  follow();
  readEstimate().catch(() => {}); // without it no time is said
} else loadCurves();
