// The form of a new audit: empty fields are omitted from the request.

import { send } from "./api.js";
import { followForm, getChosenFields } from "./audit_estimate.js";
import { find, showProblem } from "./dom.js";

const form = find("audit");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const request = buildRequest();
    Object.assign(request.configuration, getChosenFields());
    const answer = await send("POST", "/v1/audits", { body: request });
    location.assign(`/audits/${answer.id}`);
  } catch (error) {
    showProblem(error);
    const pointer = error.document?.errors?.[0]?.pointer.split("/").pop();
    form.elements[pointer]?.closest("details")?.setAttribute("open", "");
    form.elements[pointer]?.focus();
  }
});

function buildRequest() {
  const configuration = {};
  for (const field of form.elements) {
    if (!field.name || field.name === "name" || field.type === "radio" || field.value === "") continue;
    configuration[field.name] = field.type === "number" ? Number(field.value) : field.value;
  }
  const rate = find("rate").value;
  if (rate !== "") configuration.rehearsal = { rate: Number(rate) / 100 };
  const name = find("name").value.trim();
  return { dataset_id: form.dataset.dataset, configuration, ...(name ? { name } : {}) };
}

followForm(form, buildRequest);
// Disabled until here: a form that is sent before its script is there would start nothing.
find("start").disabled = false;
