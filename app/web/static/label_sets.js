// The page of samples with several labels: audits of all classes, and deciding the labels of each sample.

import { get, query, send } from "./api.js";
import { find, make, makePicture, showProblem } from "./dom.js";
import { formatCount, formatProbability } from "./format.js";
import { addSnippets } from "./snippets.js";

const PAGE = 20;
const POLL_MS = 2000;
const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const dataset = find("label-sets").dataset.id;
const address = `/v1/datasets/${dataset}`;
let cursor = null;
let classes = [];

const isUnder = (each) => each.dataset_id !== null && (each.status !== "ready" || (each.audit && !ENDED.has(each.audit.status)));

async function showClasses() {
  classes = (await get(`${address}/class-views`)).items;
  find("classes").replaceChildren(...classes.map(makeRow));
  const views = classes.filter((each) => each.dataset_id !== null);
  const done = views.filter((each) => each.audit?.status === "succeeded").length;
  find("state").textContent = !views.length ? "No class was audited yet." : `${done} of ${views.length} classes are audited.`;
  find("audit-classes").hidden = views.length > 0 && done === views.length;
  if (views.some(isUnder)) {
    setTimeout(() => showClasses().catch(showProblem), POLL_MS);
  } else if (done && find("review").hidden) {
    find("review").hidden = false;
    await showMore();
  }
}

function makeRow(each) {
  const audit = each.audit;
  const name = audit ? make("a", { href: `/audits/${audit.id}` }, each.class_name) : each.class_name;
  const state = audit ? audit.status : each.status === "ingesting" ? "preparing" : "not audited";
  return make("tr", {},
    make("th", { scope: "row" }, name),
    make("td", { className: "num" }, formatCount(each.samples)),
    make("td", {}, state),
    make("td", { className: "num" }, formatCount(audit?.flagged)),
    make("td", {}, describeCount(audit)));
}

function describeCount(audit) {
  if (audit?.status !== "succeeded") return "–";
  if (!audit.interval) return make("a", { href: `/audits/${audit.id}/check` }, "cannot tell yet: check at random");
  const [low, high] = audit.interval;
  return `${formatCount(low)} to ${formatCount(high)}${audit.rests_on ? ` (${audit.rests_on})` : ", not checked"}`;
}

async function auditAll() {
  find("audit-classes").disabled = true;
  find("state").textContent = "The classes are prepared.";
  await send("POST", `${address}/class-views`, { body: {} });
  const started = new Set();
  for (;;) {
    classes = (await get(`${address}/class-views`)).items.filter((each) => each.dataset_id !== null);
    for (const each of classes) {
      const needs = each.status === "ready" && (!each.audit || ["failed", "cancelled"].includes(each.audit.status));
      if (needs && !started.has(each.dataset_id)) {
        started.add(each.dataset_id);
        await send("POST", "/v1/audits", { body: { dataset_id: each.dataset_id } });
      }
    }
    if (classes.every((each) => each.status !== "ingesting")) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  find("audit-classes").disabled = false;
  await showClasses();
}

async function showMore() {
  const page = await get(`${address}/label-sets${query({ limit: PAGE, cursor, doubts: 50 })}`);
  await addSnippets(dataset, page.items);
  find("samples").append(...page.items.map(makeSample));
  cursor = page.next_cursor;
  find("more").hidden = cursor === null;
}

// The classes that a reviewer is asked about: those that the cut flags, or else the most doubtful one.
function listAsked(item) {
  const flagged = item.doubts.filter((doubt) => doubt.is_flagged);
  return flagged.length ? flagged : item.doubts.slice(0, 1);
}

function makeSample(item) {
  const asked = new Map(listAsked(item).map((doubt) => [doubt.class_name, doubt]));
  const chosen = new Set(item.final);
  const shown = [...new Set([...asked.keys(), ...item.given, ...item.final])];
  const state = make("span", { className: "note", ariaLive: "polite" }, describeState(item, asked));
  const chips = make("div", { className: "set-labels", role: "group", ariaLabel: `Labels of ${item.key}` });
  const viewed = new Set(classes.filter((each) => each.dataset_id !== null).map((each) => each.class_name));
  const add = (name) => chips.append(viewed.has(name) ? makeToggle(name, asked.get(name), chosen)
    : make("span", { className: "chip", title: "Too few samples have it to audit it; it stays." }, name));
  shown.forEach(add);
  const others = classes.filter((each) => each.dataset_id !== null && !shown.includes(each.class_name));
  const select = make("select", { ariaLabel: `Add a label to ${item.key}`, onchange: () => {
    if (!select.value) return;
    chosen.add(select.value);
    add(select.value);
    select.selectedOptions[0].remove();
    select.value = "";
  } }, make("option", { value: "" }, "Add …"), ...others.map((each) => make("option", { value: each.class_name }, each.class_name)));
  const save = (body) => store(item, body).then((saved) => replace(row, saved)).catch(showProblem);
  const row = make("li", { className: item.is_dropped || isDecided(asked) ? "set decided" : "set" },
    makePicture(item, { alt: `Sample ${item.key}`, side: 128 }),
    make("div", {},
      make("p", { className: "key" }, item.key, " ", state), chips,
      make("div", { className: "actions" }, others.length ? select : null,
        make("button", { type: "button", className: "primary", onclick: () => save({ labels: [...chosen], asked: [...asked.keys()] }) }, "Save"),
        make("button", { type: "button", className: "quiet", onclick: () => save({ labels: [], asked: [], is_dropped: true }) }, "Drop the sample"))));
  return row;
}

function makeToggle(name, doubt, chosen) {
  const button = make("button", { type: "button", className: doubt ? "chip doubtful" : "chip", onclick: () => {
    if (!chosen.delete(name)) chosen.add(name);
    button.setAttribute("aria-pressed", chosen.has(name));
  } }, name, doubt ? make("small", {}, ` ${describeDoubt(doubt)}`) : null);
  button.setAttribute("aria-pressed", chosen.has(name));
  return button;
}

function describeDoubt(doubt) {
  const what = doubt.is_given ? "wrong" : "missing";
  return doubt.error_probability === null ? `${what}?` : `${what}: ${formatProbability(doubt.error_probability, 0)}`;
}

const isDecided = (asked) => [...asked.values()].every((doubt) => doubt.verdict !== null);

function describeState(item, asked) {
  if (item.is_dropped) return "dropped";
  return isDecided(asked) ? "decided" : "";
}

// Versions of the verdicts that were seen go along, so that nobody's are replaced unseen.
function store(item, body) {
  const seen = Object.fromEntries(item.doubts.filter((doubt) => doubt.version !== null).map((doubt) => [doubt.class_name, doubt.version]));
  return send("PUT", `${address}/samples/${item.position}/label-set`, { body: { ...body, seen } });
}

async function replace(row, item) {
  const focused = row.contains(document.activeElement);
  await addSnippets(dataset, [item]);
  const next = makeSample(item);
  row.replaceWith(next);
  const following = next.nextElementSibling;
  if (focused && following) following.querySelector("button.chip")?.focus();
}

find("audit-classes").addEventListener("click", () => auditAll().catch(showProblem));
find("more").addEventListener("click", () => showMore().catch(showProblem));
showClasses().catch(showProblem);
