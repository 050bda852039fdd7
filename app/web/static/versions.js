// Versions: making the corrected one, auditing it again, and saying whose version an upload is.

import { get, send } from "./api.js";
import { confirm } from "./dialogs.js";
import { showProblem } from "./dom.js";
import { formatCount } from "./format.js";

const plural = (number, one, many = `${one}s`) => `${formatCount(number)} ${number === 1 ? one : many}`;

function describePlan(plan) {
  const changes = `${plural(plan.relabelled, "label")} ${plan.relabelled === 1 ? "changes" : "change"} and ${plural(plan.dropped, "sample")} ${plan.dropped === 1 ? "is" : "are"} dropped; ${plural(plan.samples, "sample")} ${plan.samples === 1 ? "stays" : "stay"}.`;
  const unsure = plan.unsure ? ` ${plural(plan.unsure, "sample")} that nobody could decide keep their labels.` : "";
  return [`${changes}${unsure} This dataset stays as it is.`, ...plan.warnings.map((warning) => `Beware: ${warning}.`)].join(" ");
}

async function makeVersion(event) {
  const button = event.currentTarget;
  const path = `/v1/datasets/${button.dataset.makeVersion}/versions`;
  try {
    const plan = await get(`${path}/preview`);
    if (!plan.relabelled && !plan.dropped) throw new Error("Nobody has relabelled or dropped a sample yet, so a version would be the same. Review the suspects first.");
    if (!await confirm(describePlan(plan), { title: `Make version ${plan.number} from version ${plan.parent_version}?`, yes: "Make the version" })) return;
    button.disabled = true;
    const made = await send("POST", path, { body: {} });
    location.assign(`/datasets/${made.id}`);
  } catch (error) {
    button.disabled = false;
    showProblem(error);
  }
}

async function auditAgain(event) {
  const button = event.currentTarget;
  const { again, dataset } = button.dataset;
  button.disabled = true;
  try {
    const audit = await send("POST", `/v1/audits/${again}/again`, { body: { dataset_id: dataset } });
    location.assign(`/audits/${audit.id}`);
  } catch (error) {
    button.disabled = false;
    showProblem(error);
  }
}

async function setParent(event) {
  const { child, parent } = event.currentTarget.dataset;
  try {
    await send("PUT", `/v1/datasets/${child}/parent`, { body: { parent_id: parent || null } });
    location.reload();
  } catch (error) {
    showProblem(error);
  }
}

for (const [selector, act] of [["[data-make-version]", makeVersion], ["[data-again]", auditAgain], ["[data-child]", setParent]]) {
  for (const button of document.querySelectorAll(selector)) button.addEventListener("click", act);
}
