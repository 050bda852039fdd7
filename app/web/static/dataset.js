// One dataset: the progress of its ingestion, and its samples.

import { get, query, send } from "./api.js";
import { ClassNames } from "./class_names.js";
import { confirmAndDelete } from "./dialogs.js";
import { find, make, makePicture } from "./dom.js";
import { formatCount, formatPercent } from "./format.js";
import { readOptions } from "./reading_form.js";
import { addSnippets } from "./snippets.js";

const { id, status } = find("dataset").dataset;
const path = `/v1/datasets/${id}`;
const PAGE = 48;
const CLASSES = 16; // of which samples are shown while no class is chosen
const POLL_MILLISECONDS = 700;
const classes = status === "ready" ? new ClassNames(find("class")) : null;
let sources = [];

find("delete").addEventListener("click", () =>
  confirmAndDelete(path, { title: "Delete this dataset?", question: "Its files and all verdicts on its samples are deleted, for ever. Versions that were made from it stay, but can no longer be compared with it.", then: "/" }));

async function followIngestion() {
  const answer = await get(path);
  if (answer.status !== status) {
    location.reload();
    return;
  }
  const done = answer.progress?.samples ?? answer.progress?.done;
  const total = answer.progress?.total;
  if (done) {
    find("reading").textContent = total ? `${formatCount(done)} of ${formatCount(total)} samples (${formatPercent(done / total, 0)})` : `${formatCount(done)} samples`;
    if (total) find("reading-bar").value = done / total;
  }
  setTimeout(followIngestion, POLL_MILLISECONDS);
}

// Of the chosen class, or of classes spread over all of them: uploads are often sorted by class.
function chooseClasses() {
  const chosen = find("class").value;
  const all = classes.listed;
  const step = Math.max(1, all.length / CLASSES);
  const labels = chosen ? [chosen] : all.filter((_, place) => Math.floor(place % step) === 0).slice(0, CLASSES);
  sources = labels.map((label) => ({ label, cursor: null, limit: Math.ceil(PAGE / labels.length) }));
  find("samples-words").textContent = chosen || all.length === 1 ? "" : `The first samples of ${labels.length < classes.count ? `${labels.length} of ${formatCount(classes.count)} classes` : "each class"}.`;
  find("samples").replaceChildren();
  loadMore();
}

async function loadMore() {
  const current = sources;
  const read = ({ label, cursor, limit }) => get(`${path}/samples${query({ limit, cursor, given_label: label })}`);
  const pages = await Promise.all(current.map(read));
  await addSnippets(id, pages.flatMap((page) => page.items));
  if (current !== sources) return; // another class was chosen meanwhile
  sources = current.map((source, place) => ({ ...source, cursor: pages[place].next_cursor })).filter((source) => source.cursor !== null);
  find("more").hidden = !sources.length;
  find("samples").append(...pages.flatMap((page) => page.items).map(makeItem));
}

const makeItem = (item) => make("li", { className: "thumb", title: item.key },
  makePicture(item, { alt: `Sample ${item.key}` }), make("span", { className: "words" }, item.given_label));

async function readAgain(event) {
  event.preventDefault();
  try {
    const dataset = await send("POST", `${path}/readings`, { body: readOptions(event.target) });
    location.assign(`/datasets/${dataset.id}`);
  } catch (error) {
    find("problem").textContent = error.message;
    find("problem").hidden = false;
  }
}

if (status === "ready" || status === "rejected") find("read-again")?.addEventListener("submit", readAgain);
if (status === "ingesting") followIngestion();
if (status === "ready") {
  find("more").addEventListener("click", loadMore);
  find("class").addEventListener("change", chooseClasses);
  chooseClasses();
}
