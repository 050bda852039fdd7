// Uploading by drag and drop or by the file dialogue.

import { Problem, send } from "./api.js";
import { find, make } from "./dom.js";
import { bytes, percent } from "./format.js";

const drop = find("drop");
const chooser = find("files");

find("choose").addEventListener("click", () => chooser.click());
chooser.addEventListener("change", () => upload([...chooser.files]));
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  upload([...event.dataTransfer.files]);
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
    fail(text) {
      bar.remove();
      words.textContent = "";
      item.append(make("p", { className: "message", role: "alert" }, text));
    },
  };
}

async function upload(files) {
  if (!files.length) return;
  const name = files[0].name.replace(/\.(zip|tar|tgz|tar\.gz|npz|csv|parquet|gz)$/i, "");
  const line = entry(name);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  try {
    if (total > Number(drop.dataset.maxBytes)) throw new Error(`An upload may have at most ${bytes(Number(drop.dataset.maxBytes))}.`);
    const dataset = await send("POST", "/v1/datasets", { body: { name } });
    let before = 0;
    for (const [number, file] of files.entries()) {
      const last = number === files.length - 1;
      await put(`/v1/datasets/${dataset.id}/files/${encodeURIComponent(file.name)}?complete=${last}`, file, (sent) => {
        const share = (before + sent) / total;
        line.show(share, `${percent(share, 0)} of ${bytes(total)}`);
      });
      before += file.size;
    }
    location.assign(`/datasets/${dataset.id}`);
  } catch (error) {
    line.fail(error.message);
  }
}

function put(url, file, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.upload.addEventListener("progress", (event) => onSent(event.loaded));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      else reject(new Problem(request.status, JSON.parse(request.responseText || "{}")));
    });
    request.addEventListener("error", () => reject(new Error("The connection broke; drop the file again.")));
    request.send(file);
  });
}
