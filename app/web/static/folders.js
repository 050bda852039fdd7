// Packs a dropped or chosen folder into one tar archive. The archive is a Blob of references to the files: no file is
// read before it is sent, and a slice of it costs no more than a slice of a file.

const BLOCK = 512;
const NAME_BYTES = 100;
const ASCII = /^[\x20-\x7e]*$/;
const encoder = new TextEncoder();

// Return [path, File] for each dropped file, or null if no folder was dropped.
export async function readDropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return null;
  return (await Promise.all(entries.map(walk))).flat();
}

// Return [path, File] for each file of a folder dialogue.
export const readChosen = (files) => files.map((file) => [file.webkitRelativePath, file]);

// Return one archive of all visible files. The name of a single folder becomes the archive's name and is not part of
// its paths.
export function packFiles(files) {
  const visible = files.filter(([path]) => !path.split("/").some((part) => part.startsWith(".")));
  if (!visible.length) throw new Error("There is no file in this folder.");
  visible.sort(([one], [other]) => (one < other ? -1 : 1));
  const tops = new Set(visible.map(([path]) => path.split("/")[0]));
  const isOne = tops.size === 1 && visible.every(([path]) => path.includes("/"));
  const skipped = isOne ? visible[0][0].indexOf("/") + 1 : 0;
  const parts = visible.flatMap(([path, file]) => makeMember(path.slice(skipped), file));
  const lastModified = visible.reduce((latest, [, file]) => Math.max(latest, file.lastModified), 0);
  return new File([...parts, new Uint8Array(2 * BLOCK)], `${isOne ? [...tops][0] : "folders"}.tar`, { lastModified });
}

async function walk(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [[path, await new Promise((resolve, reject) => entry.file(resolve, reject))]];
  const reader = entry.createReader();
  const inside = [];
  // A reader returns some entries per call, and none at the end.
  for (let some = await readNext(reader); some.length; some = await readNext(reader)) inside.push(...some);
  return (await Promise.all(inside.map(walk))).flat();
}

const readNext = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));

function makeMember(path, file) {
  const bytes = encoder.encode(path);
  const fits = bytes.length <= NAME_BYTES && ASCII.test(path);
  const before = fits ? [] : makePathRecord(path);
  const name = fits ? bytes : bytes.slice(0, NAME_BYTES);
  return [...before, makeHeader(name, file.size, "0"), file, makePadding(file.size)];
}

// The POSIX.1-2001 record for a path that does not fit the old header: "length path=...\n"; length counts itself too.
function makePathRecord(path) {
  const record = ` path=${path}\n`;
  const rest = encoder.encode(record).length;
  let length = rest + String(rest).length;
  if (rest + String(length).length > length) length += 1;
  const body = encoder.encode(`${length}${record}`);
  return [makeHeader(encoder.encode("path"), body.length, "x"), body, makePadding(body.length)];
}

const makePadding = (size) => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
const formatOctal = (number, digits) => number.toString(8).padStart(digits, "0");

function makeHeader(name, size, kind) {
  const block = new Uint8Array(BLOCK);
  const write = (at, value) => block.set(typeof value === "string" ? encoder.encode(value) : value, at);
  write(0, name);
  write(100, `${formatOctal(0o644, 7)}\0${formatOctal(0, 7)}\0${formatOctal(0, 7)}\0${formatOctal(size, 11)}\0${formatOctal(0, 11)}\0`);
  write(148, " ".repeat(8));
  write(156, kind);
  write(257, "ustar\0" + "00");
  write(148, `${formatOctal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0 `);
  return block;
}
