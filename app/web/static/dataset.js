// One dataset: the progress of its ingestion, and its samples.

import { get, query, send } from "./api.js";
import { confirmAndDelete } from "./dialogs.js";
import { find, make, makePicture } from "./dom.js";
import { formatCount, formatPercent } from "./format.js";
import { readOptions } from "./reading_form.js";

const { id, status } = find("dataset").dataset;
const path = `/v1/datasets/${id}`;
const PAGE = 48;
const POLL_MILLISECONDS = 700;
let cursor = null;

find("delete").addEventListener("click", () =>
  confirmAndDelete(path, { title: "Delete this dataset?", question: "Its files and all verdicts on its samples are deleted, for ever.", then: "/" }));

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

async function loadMore() {
  const label = find("class").value;
  const page = await get(`${path}/samples${query({ limit: PAGE, cursor, given_label: label })}`);
  cursor = page.next_cursor;
  find("more").hidden = cursor === null;
  find("samples").append(...page.items.map((item) => make("li", { className: "thumb", title: item.key },
    makePicture(item, { alt: `Sample ${item.key}` }),
    make("span", { className: "words" }, item.given_label))));
}

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

if (status === "ready" || status === "rejected") find("read-again").addEventListener("submit", readAgain);
if (status === "ingesting") followIngestion();
if (status === "ready") {
  find("more").addEventListener("click", loadMore);
  find("class").addEventListener("change", () => {
    cursor = null;
    find("samples").replaceChildren();
    loadMore();
  });
  loadMore();
}
