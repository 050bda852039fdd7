// Uploads that go on where they broke (tus 1.0): after a lost connection by themselves, after a closed page when
// the same files are dropped again. What was begun is remembered in the browser until it is done.

import { Problem } from "./api.js";

const VERSION = { "Tus-Resumable": "1.0.0" };
const GOES_ON = new Set([0, 409, 423, 429, 500, 502, 503, 504]);
const PART_BYTES = 64 * 1024 * 1024;
const WAIT_MILLISECONDS = 700;
const PATIENCE_MILLISECONDS = 120_000;
const STORE = "limit-audit.uploads";

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const fingerprint = (files) => files.map((file) => `${file.name} ${file.size} ${file.lastModified}`).join("; ");
const remembered = () => JSON.parse(localStorage.getItem(STORE) ?? "{}");

export function recall(files) {
  return remembered()[fingerprint(files)] ?? null;
}

export function remember(files, begun) {
  localStorage.setItem(STORE, JSON.stringify({ ...remembered(), [fingerprint(files)]: begun }));
}

export function forget(files) {
  const { [fingerprint(files)]: _, ...others } = remembered();
  localStorage.setItem(STORE, JSON.stringify(others));
}

// Return the address of an upload that begins.
export async function begin(dataset, file, { isLast }) {
  const answer = await fetch(`/v1/datasets/${dataset}/uploads`, {
    method: "POST",
    headers: {
      ...VERSION, "Upload-Length": file.size,
      "Upload-Metadata": `filename ${base64(file.name)},complete ${base64(String(isLast))}`,
    },
  });
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
  return answer.headers.get("Location");
}

// Return at which byte an upload goes on.
export async function offsetOf(location) {
  const answer = await fetch(location, { method: "HEAD", headers: VERSION });
  if (!answer.ok) throw new Problem(answer.status, {});
  return Number(answer.headers.get("Upload-Offset"));
}

// Send the rest of a file; `onSent` hears how many bytes have left, `onTrouble` that it is tried again.
export async function send(location, file, { onSent, onTrouble }) {
  let offset = await offsetOf(location);
  let deadline = Date.now() + PATIENCE_MILLISECONDS;
  while (offset < file.size) {
    let reached;
    try {
      reached = await patch(location, file, offset, onSent);
    } catch (error) {
      if (!GOES_ON.has(error.status ?? 0) || Date.now() > deadline) throw error;
      onTrouble();
      await new Promise((resolve) => setTimeout(resolve, WAIT_MILLISECONDS));
      reached = await offsetOf(location).catch(() => offset);
    }
    if (reached > offset) deadline = Date.now() + PATIENCE_MILLISECONDS;
    offset = reached;
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
      else reject(new Problem(request.status, parsed(request.responseText)));
    });
    request.addEventListener("error", () => reject(new Problem(0, { detail: "The connection broke." })));
    request.send(file.slice(offset, offset + PART_BYTES));
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
