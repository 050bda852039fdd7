// Resumable uploads (tus 1.0). They continue by themselves after a lost connection, and after a closed page when the
// same files are dropped again. The browser stores started uploads until they are complete.

import { Problem } from "./api.js";

const VERSION = { "Tus-Resumable": "1.0.0" };
const RETRY_STATUSES = new Set([0, 409, 423, 429, 500, 502, 503, 504]);
const PART_BYTES = 64 * 1024 * 1024;
const WAIT_MILLISECONDS = 700;
const PATIENCE_MILLISECONDS = 120_000;
const STORE = "limit-audit.uploads";

const encodeBase64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const readStored = () => JSON.parse(localStorage.getItem(STORE) ?? "{}");

// Name an upload: the same files with the same options continue it.
export function makeFingerprint(files, options) {
  const names = files.map((file) => `${file.name} ${file.size} ${file.lastModified}`).join("; ");
  return Object.keys(options).length ? `${names} ${JSON.stringify(options)}` : names;
}

export function recall(fingerprint) {
  return readStored()[fingerprint] ?? null;
}

export function remember(fingerprint, uploads) {
  localStorage.setItem(STORE, JSON.stringify({ ...readStored(), [fingerprint]: uploads }));
}

export function forget(fingerprint) {
  const { [fingerprint]: _, ...others } = readStored();
  localStorage.setItem(STORE, JSON.stringify(others));
}

// Start an upload and return its address.
export async function begin(dataset, file, { isLast }) {
  const answer = await fetch(`/v1/datasets/${dataset}/uploads`, {
    method: "POST",
    headers: {
      ...VERSION, "Upload-Length": file.size,
      "Upload-Metadata": `filename ${encodeBase64(file.name)},complete ${encodeBase64(String(isLast))}`,
    },
  });
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
  return answer.headers.get("Location");
}

// Return the offset at which an upload continues.
export async function readOffset(location) {
  const answer = await fetch(location, { method: "HEAD", headers: VERSION });
  if (!answer.ok) throw new Problem(answer.status, {});
  return Number(answer.headers.get("Upload-Offset"));
}

// Send the rest of a file. `onSent` receives the number of bytes sent; `onTrouble` is called before a retry.
export async function send(location, file, { onSent, onTrouble }) {
  let offset = await readOffset(location);
  let deadline = Date.now() + PATIENCE_MILLISECONDS;
  while (offset < file.size) {
    let newOffset;
    try {
      newOffset = await patch(location, file, offset, onSent);
    } catch (error) {
      if (!RETRY_STATUSES.has(error.status ?? 0) || Date.now() > deadline) throw error;
      onTrouble();
      await new Promise((resolve) => setTimeout(resolve, WAIT_MILLISECONDS));
      newOffset = await readOffset(location).catch(() => offset);
    }
    if (newOffset > offset) deadline = Date.now() + PATIENCE_MILLISECONDS;
    offset = newOffset;
    onSent(offset);
  }
}

function patch(location, file, offset, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PATCH", location);
    request.setRequestHeader("Tus-Resumable", VERSION["Tus-Resumable"]);
    request.setRequestHeader("Upload-Offset", offset);
    request.setRequestHeader("Content-Type", "application/offset+octet-stream");
    request.upload.addEventListener("progress", (event) => onSent(offset + event.loaded));
    request.addEventListener("load", () => {
      if (request.status === 204) resolve(Number(request.getResponseHeader("Upload-Offset")));
      else reject(new Problem(request.status, parseJson(request.responseText)));
    });
    request.addEventListener("error", () => reject(new Problem(0, { detail: "The connection was lost." })));
    request.send(file.slice(offset, offset + PART_BYTES));
  });
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
