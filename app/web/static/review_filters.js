// The filters of the review, their words, and the address that keeps them.

import { find } from "./dom.js";

const FIELDS = { given: "given_label", suggested: "suggested_label", min: "min_distance", max: "max_distance", cut: "is_label_issue", column: "column", value: "value", low: "low", high: "high", selection: "selection" };

// The filters as the list of suspects takes them.
export function readFilters() {
  const form = new FormData(find("filter-form"));
  const parameters = {};
  for (const [field, parameter] of Object.entries(FIELDS)) if (form.get(field)) parameters[parameter] = form.get(field);
  const verdict = form.get("state") || "none";
  return verdict === "all" ? parameters : { ...parameters, review: verdict };
}

// The same with numbers and booleans, as a body takes them.
export function readTypedFilters() {
  const typed = readFilters();
  for (const name of ["min_distance", "max_distance"]) if (name in typed) typed[name] = Number(typed[name]);
  if ("is_label_issue" in typed) typed.is_label_issue = typed.is_label_issue === "true";
  return typed;
}

// Return the mode, and the position or rank that the address names.
export function readAddress() {
  const address = new URLSearchParams(location.search);
  for (const field of find("filter-form").elements) if (address.has(field.name)) field.value = address.get(field.name);
  return { mode: address.get("mode") === "grid" ? "grid" : "one", at: address.get("at"), rank: Number(address.get("rank")) || null };
}

export function writeAddress(mode) {
  const address = new URLSearchParams();
  const active = [];
  for (const field of find("filter-form").elements) {
    if (!field.value) continue;
    address.set(field.name, field.value);
    if (field.type === "hidden") continue;
    active.push(field.selectedOptions ? field.selectedOptions[0].textContent : `${field.name} ${field.value}`);
  }
  find("selected-on-map").hidden = !find("selection").value;
  if (mode === "grid") address.set("mode", "grid");
  history.replaceState(null, "", `${location.pathname}${address.size ? `?${address}` : ""}`);
  find("filter-words").textContent = active.length ? active.join(", ") : "";
}
