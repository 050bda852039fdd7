// Uploads by drag and drop, or by the dialogues for files and folders.

import { get, send as sendJson } from "./api.js";
import { find, make } from "./dom.js";
import * as folders from "./folders.js";
import { formatBytes, formatPercent } from "./format.js";
import { readOptions } from "./reading_form.js";
import { begin, forget, makeFingerprint, readOffset, recall, remember, send } from "./resumable.js";

const ENDINGS = /\.(zip|tar|tgz|tar\.gz|npz|csv|xlsx|parquet|gz)$/i;

const drop = find("drop");
const chooser = find("files");
const folderChooser = find("folder");

find("choose").addEventListener("click", () => chooser.click());
find("choose-folder").addEventListener("click", () => folderChooser.click());
chooser.addEventListener("change", () => upload([...chooser.files]));
folderChooser.addEventListener("change", () => uploadFolder(folders.readChosen([...folderChooser.files])));
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  // The browser forgets the dropped items when this function returns, so read files and folders at once.
  const files = [...event.dataTransfer.files];
  const inFolders = folders.readDropped(event.dataTransfer);
  inFolders.then((entries) => (entries ? uploadFolder(entries) : upload(files)), fail);
});

find("try-sample")?.addEventListener("click", async (event) => {
  event.target.disabled = true;
  try {
    const answer = await fetch("/sample-dataset.zip");
    if (!answer.ok) throw new Error("The sample dataset could not be read.");
    await upload([new File([await answer.blob()], "digits.zip")]);
  } catch (error) {
    fail(error);
  }
  event.target.disabled = false;
});

function addEntry(name) {
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

const fail = (error) => addEntry("Upload").fail(error.message);

function uploadFolder(entries) {
  try {
    upload([folders.packFiles(entries)]);
  } catch (error) {
    fail(error);
  }
}

async function upload(files) {
  if (!files.length) return;
  const line = addEntry(files[0].name);
  const most = Number(drop.dataset.maxBytes);
  const options = readOptions(find("reading"));
  try {
    const large = files.find((file) => file.size > most);
    if (large) throw new Error(`${large.name} has ${formatBytes(large.size)}; a file can have at most ${formatBytes(most)}.`);
    const dataset = await sendAll(files, options, line);
    forget(makeFingerprint(files, options));
    location.assign(`/datasets/${dataset}`);
  } catch (error) {
    line.fail(`${error.message} Drop the same files again to continue.`);
  }
}

async function sendAll(files, options, line) {
  const fingerprint = makeFingerprint(files, options);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const uploads = await resumeUpload(fingerprint) ?? await createDataset(files, options);
  let sentBefore = 0;
  for (const [number, file] of files.entries()) {
    const show = (sent) => line.show((sentBefore + sent) / total, `${formatPercent((sentBefore + sent) / total, 0)} of ${formatBytes(total)}`);
    uploads.locations[number] ??= await begin(uploads.dataset, file, { isLast: number === files.length - 1 });
    remember(fingerprint, uploads);
    await send(uploads.locations[number], file, { onSent: show, onTrouble: () => line.say("connection lost, retrying") });
    sentBefore += file.size;
  }
  return uploads.dataset;
}

async function createDataset(files, options) {
  const name = files[0].name.replace(ENDINGS, "") || files[0].name;
  const dataset = await sendJson("POST", "/v1/datasets", { body: { name, ...options } });
  return { dataset: dataset.id, locations: [] };
}

// Return the uploads that an earlier page started, if the service still has all of them.
async function resumeUpload(fingerprint) {
  const uploads = recall(fingerprint);
  if (!uploads) return null;
  try {
    if ((await get(`/v1/datasets/${uploads.dataset}`)).status !== "uploading") return null;
    await Promise.all(uploads.locations.map(readOffset));
    return uploads;
  } catch {
    return null;
  }
}
