// A dropped or chosen folder as one tar archive. The archive is a Blob of references to the files: nothing is read
// before it is sent, and a slice of it is as cheap as a slice of a file.

const BLOCK = 512;
const NAME_BYTES = 100;
const ASCII = /^[\x20-\x7e]*$/;
const encoder = new TextEncoder();

// Return [path, File] of everything that was dropped, or null where no folder is among it.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return null;
  return (await Promise.all(entries.map(walked))).flat();
}

// Return [path, File] of what a folder dialogue gave.
export const chosen = (files) => files.map((file) => [file.webkitRelativePath, file]);

// Return one File with all visible files; a single folder's own name is the archive's and not part of its paths.
export function packed(found) {
  const visible = found.filter(([path]) => !path.split("/").some((part) => part.startsWith(".")));
  if (!visible.length) throw new Error("There is no file in this folder.");
  visible.sort(([one], [other]) => (one < other ? -1 : 1));
  const tops = new Set(visible.map(([path]) => path.split("/")[0]));
  const isOne = tops.size === 1 && visible.every(([path]) => path.includes("/"));
  const skipped = isOne ? visible[0][0].indexOf("/") + 1 : 0;
  const parts = visible.flatMap(([path, file]) => member(path.slice(skipped), file));
  const lastModified = visible.reduce((latest, [, file]) => Math.max(latest, file.lastModified), 0);
  return new File([...parts, new Uint8Array(2 * BLOCK)], `${isOne ? [...tops][0] : "folders"}.tar`, { lastModified });
}

async function walked(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [[path, await new Promise((resolve, reject) => entry.file(resolve, reject))]];
  const reader = entry.createReader();
  const inside = [];
  // A reader gives some entries at a time, and none when it is through.
  for (let some = await next(reader); some.length; some = await next(reader)) inside.push(...some);
  return (await Promise.all(inside.map(walked))).flat();
}

const next = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));

function member(path, file) {
  const bytes = encoder.encode(path);
  const fits = bytes.length <= NAME_BYTES && ASCII.test(path);
  const before = fits ? [] : extended(path);
  const name = fits ? bytes : bytes.slice(0, NAME_BYTES);
  return [...before, header(name, file.size, "0"), file, padding(file.size)];
}

// POSIX.1-2001's way to say a path that the old header has no room for: "length path=...\n", which counts itself.
function extended(path) {
  const record = ` path=${path}\n`;
  const rest = encoder.encode(record).length;
  let length = rest + String(rest).length;
  if (rest + String(length).length > length) length += 1;
  const body = encoder.encode(`${length}${record}`);
  return [header(encoder.encode("path"), body.length, "x"), body, padding(body.length)];
}

const padding = (size) => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
const octal = (number, digits) => number.toString(8).padStart(digits, "0");

function header(name, size, kind) {
  const block = new Uint8Array(BLOCK);
  const write = (at, value) => block.set(typeof value === "string" ? encoder.encode(value) : value, at);
  write(0, name);
  write(100, `${octal(0o644, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(size, 11)}\0${octal(0, 11)}\0`);
  write(148, " ".repeat(8));
  write(156, kind);
  write(257, "ustar\0" + "00");
  write(148, `${octal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0 `);
  return block;
}
