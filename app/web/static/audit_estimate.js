// How long the audit of the form would take, and the choice between the default, Fast and Thorough.

import { get, query } from "./api.js";
import { find, make } from "./dom.js";
import { formatCount, formatDuration } from "./format.js";

const WAIT_MILLISECONDS = 400;
const ASK_AGAIN_MILLISECONDS = 5000;
const TITLES = { fast: "Fast", thorough: "Thorough" };
const PARTS = { features: "Features", training: "Training", finishing: "Ranking" };
let answers = {};
let asked = 0;
let timer = 0;
let refresh = () => {};

export const getChosenFields = () => answers[document.querySelector("#effort input:checked")?.value]?.configuration ?? {};

export function followForm(form, buildRequest) {
  refresh = () => showEstimates(buildRequest()).catch(hideEstimates);
  form.addEventListener("input", (event) => {
    if (event.target.type === "radio") return;
    clearTimeout(timer);
    timer = setTimeout(refresh, WAIT_MILLISECONDS);
  });
  refresh();
}

async function showEstimates(request) {
  asked += 1;
  const number = asked;
  const configuration = JSON.stringify(request.configuration);
  const found = await get(`/v1/datasets/${request.dataset_id}/estimate${query({ configuration })}`);
  if (number !== asked) return; // a later answer is under way
  const chosen = document.querySelector("#effort input:checked")?.value ?? "default";
  answers = Object.fromEntries(found.presets.map((preset) => [preset.name, preset]));
  const says = "What limit-audit chooses by itself.";
  const choices = [{ name: "default", says, estimate: found.estimate }, ...found.presets];
  const kept = choices.some((choice) => choice.name === chosen) ? chosen : "default";
  find("effort").replaceChildren(
    make("legend", {}, "Time or thoroughness"),
    ...choices.map((choice) => makeChoice(choice, choice.name === kept)),
    make("p", { className: "note" }, describeParts(found.estimate), " ", describeWaiting(found)));
  find("effort").hidden = false;
  const measured = found.presets.filter((preset) => preset.measured);
  find("measured").replaceChildren(...measured.map((preset) => make("p", { className: "note" }, `${TITLES[preset.name]}: ${preset.measured}`)));
  if (found.workers === 0) timer = setTimeout(refresh, ASK_AGAIN_MILLISECONDS); // they may be starting
}

function hideEstimates() {
  answers = {};
  find("effort").hidden = true;
}

function makeChoice({ name, says, estimate }, isChosen) {
  const radio = make("input", { type: "radio", name: "effort", value: name });
  radio.checked = isChosen;
  return make("label", { className: "choice" }, radio, make("span", {},
    make("strong", {}, TITLES[name] ?? "Default"), ` · ${describeTime(estimate)}`,
    make("span", { className: "hint" }, says)));
}

export function describeTime({ low_seconds: low, high_seconds: high }) {
  if (low === null || high === null) return "time unknown";
  const [from, to] = [formatDuration(round(low)), formatDuration(round(high))];
  return from === to ? `about ${to}` : `${from} to ${to}`;
}

// Two digits are as much as an estimate has.
function round(seconds) {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(seconds, 1))) - 1);
  return Math.max(1, Math.round(seconds / unit) * unit);
}

function describeParts({ parts }) {
  return Object.entries(parts)
    .filter(([, part]) => part.high_seconds !== 0)
    .map(([name, part]) => `${PARTS[name]}: ${describeTime(part)} (${part.rests_on}).`).join(" ");
}

function describeWaiting({ workers, waiting, estimate }) {
  const who = workers === null ? "It is not known how many workers there are."
    : workers === 0 ? "No worker for it has answered within a second; it starts once one takes it."
      : `${formatCount(workers)} ${workers === 1 ? "worker answers" : "workers answer"}.`;
  const before = waiting ? ` ${formatCount(waiting)} ${waiting === 1 ? "job waits" : "jobs wait"} before it; that time is not counted.` : "";
  const runs = estimate.runs > 1 ? ` ${formatCount(estimate.runs)} trainings.` : "";
  return `${who}${runs}${before}`;
}
