// Uploading by drag and drop or by the dialogues for files and for a folder.

import { get, send as sendJson } from "./api.js";
import { find, make } from "./dom.js";
import * as folders from "./folders.js";
import { bytes, percent } from "./format.js";
import { begin, forget, offsetOf, recall, remember, send } from "./resumable.js";

const ENDINGS = /\.(zip|tar|tgz|tar\.gz|npz|csv|parquet|gz)$/i;

const drop = find("drop");
const chooser = find("files");
const folderChooser = find("folder");

find("choose").addEventListener("click", () => chooser.click());
find("choose-folder").addEventListener("click", () => folderChooser.click());
chooser.addEventListener("change", () => upload([...chooser.files]));
folderChooser.addEventListener("change", () => uploadFolder(folders.chosen([...folderChooser.files])));
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  // The browser forgets what was dropped when this function has returned; so both are asked for at once.
  const files = [...event.dataTransfer.files];
  const inFolders = folders.dropped(event.dataTransfer);
  inFolders.then((found) => (found ? uploadFolder(found) : upload(files)), fail);
});

function entry(name) {
  const words = make("span", {}, "starting");
  const bar = make("progress", { max: 1, value: 0, ariaLabel: `Upload of ${name}` });
  const item = make("li", {}, make("span", { className: "line" }, make("strong", {}, name), words), bar);
  find("uploads").append(item);
  return {
    show(share, text) {
      bar.value = share;
      words.textContent = text;
    },
    say(text) {
      words.textContent = text;
    },
    fail(text) {
      bar.remove();
      words.textContent = "";
      item.append(make("p", { className: "message", role: "alert" }, text));
    },
  };
}

const fail = (error) => entry("What was dropped").fail(error.message);

function uploadFolder(found) {
  try {
    upload([folders.packed(found)]);
  } catch (error) {
    fail(error);
  }
}

async function upload(files) {
  if (!files.length) return;
  const line = entry(files[0].name);
  const most = Number(drop.dataset.maxBytes);
  try {
    const large = files.find((file) => file.size > most);
    if (large) throw new Error(`${large.name} has ${bytes(large.size)}; a file may have at most ${bytes(most)}.`);
    const dataset = await sendAll(files, line);
    forget(files);
    location.assign(`/datasets/${dataset}`);
  } catch (error) {
    line.fail(`${error.message} Drop the same files again to go on.`);
  }
}

async function sendAll(files, line) {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const begun = await resumed(files) ?? await started(files);
  let before = 0;
  for (const [number, file] of files.entries()) {
    const show = (sent) => line.show((before + sent) / total, `${percent((before + sent) / total, 0)} of ${bytes(total)}`);
    begun.locations[number] ??= await begin(begun.dataset, file, { isLast: number === files.length - 1 });
    remember(files, begun);
    await send(begun.locations[number], file, { onSent: show, onTrouble: () => line.say("the connection broke, trying again") });
    before += file.size;
  }
  return begun.dataset;
}

async function started(files) {
  const name = files[0].name.replace(ENDINGS, "") || files[0].name;
  const dataset = await sendJson("POST", "/v1/datasets", { body: { name } });
  return { dataset: dataset.id, locations: [] };
}

// What an earlier page had begun, if the service still has all of it.
async function resumed(files) {
  const begun = recall(files);
  if (!begun) return null;
  try {
    if ((await get(`/v1/datasets/${begun.dataset}`)).status !== "uploading") return null;
    await Promise.all(begun.locations.map(offsetOf));
    return begun;
  } catch {
    return null;
  }
}
