// An audit while it trains: its state and curves by server-sent events, provisional suspects beside them.

import { get, send } from "./api.js";
import { trainingCurves } from "./charts.js";
import { confirmAndDelete, find, make, picture, showProblem } from "./dom.js";
import { count, duration, percent } from "./format.js";

const { id, status, pixels } = find("audit").dataset;
const path = `/v1/audits/${id}`;
const SUSPECTS = 24;
const REFRESH_MILLISECONDS = 4000;
const SPEAK_MILLISECONDS = 20000;
const STAGES = { training: "Training", scoring: "Scoring every sample", loading: "Loading the data" };
const runs = new Map();
let scheduled = false;
let refreshed = 0;
let spoken = 0;

function curve(run) {
  if (!runs.has(run)) runs.set(run, { run, epochs: [] });
  return runs.get(run);
}

function drawSoon() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    trainingCurves([...runs.values()]);
  });
}

function show(audit) {
  find("fraction").value = audit.fraction;
  find("status").firstElementChild.textContent = audit.status;
  const run = audit.runs.find((one) => one.status === "running");
  const progress = run?.progress;
  if (audit.cancel_requested) find("stage").textContent = "Ending as asked";
  else if (progress) {
    const which = audit.runs.length > 1 ? `, run ${run.number + 1} of ${audit.runs.length}` : "";
    find("stage").textContent = `${STAGES[progress.stage] ?? progress.stage}${which}: epoch ${progress.epoch} of ${progress.epochs}`;
    find("speed").textContent = [
      progress.samples_per_second ? `${count(progress.samples_per_second)} samples/s` : null,
      `step ${count(progress.step)} of ${count(progress.steps)}`,
      run.device,
    ].filter(Boolean).join(" · ");
  } else if (audit.runs.some((one) => one.waiting)) {
    find("stage").textContent = "Waiting for a worker";
    find("speed").textContent = audit.runs.find((one) => one.waiting).waiting.detail;
  } else if (audit.runs.every((one) => one.status === "succeeded")) find("stage").textContent = "Ranking the samples";
  const left = audit.eta_seconds === null ? "" : ` · about ${duration(audit.eta_seconds)} left`;
  find("eta").textContent = `${percent(audit.fraction, 0)}${left}`;
  document.title = `${percent(audit.fraction, 0)} · ${audit.name}`;
  speak(audit);
  if (audit.provisional_available) suspects();
}

function speak(audit) {
  if (Date.now() - spoken < SPEAK_MILLISECONDS) return;
  spoken = Date.now();
  find("spoken").textContent = `${percent(audit.fraction, 0)} done`;
}

async function suspects() {
  if (Date.now() - refreshed < REFRESH_MILLISECONDS) return;
  refreshed = Date.now();
  const page = await get(`${path}/suspects?limit=${SUSPECTS}`).catch(() => null);
  if (!page?.items.length) return;
  find("provisional").hidden = false;
  find("suspects").replaceChildren(...page.items.map((item) => make("li", { className: "thumb", title: item.key },
    picture(item, { pixels: pixels === "1", alt: `Sample ${item.key}` }),
    make("span", { className: "words" },
      make("span", { className: "given" }, item.given_label), " → ",
      make("span", { className: "suggested" }, item.suggested_label)))));
}

function follow() {
  const stream = new EventSource(`${path}/events`);
  stream.addEventListener("epoch", (event) => {
    const epoch = JSON.parse(event.data);
    curve(epoch.run).epochs.push(epoch);
    drawSoon();
  });
  stream.addEventListener("audit", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("end", () => {
    stream.close();
    location.reload();
  });
}

async function past() {
  for (const found of await get(`${path}/epochs`)) runs.set(found.run, found);
  drawSoon();
}

find("cancel")?.addEventListener("click", () =>
  send("POST", `${path}/cancel`).then(show).catch(showProblem));
find("delete")?.addEventListener("click", () => confirmAndDelete(path, "Delete this audit?", "/audits"));

if (status === "queued" || status === "running") follow();
else past();
