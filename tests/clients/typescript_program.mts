// Use the generated types with openapi-fetch: upload, audit, read suspects, and read an error by its type.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Problem = components["schemas"]["ProblemDocument"];
const [url, archive] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl: url });

function require<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.error !== undefined) throw new Error(answer.error.detail);
  if (answer.data === undefined) throw new Error("an answer without data");
  return answer.data;
}

async function waitUntil<T extends { status: string }>(read: () => Promise<T>, end: string): Promise<T> {
  for (let tries = 0; tries < 1200; tries += 1) {
    const found = await read();
    if (found.status === end) return found;
    if (["rejected", "failed", "cancelled"].includes(found.status)) throw new Error(found.status);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`never ${end}`);
}

const dataset = require(await client.POST("/v1/datasets", { body: { name: "generated" } }));
require(
  await client.PUT("/v1/datasets/{dataset_id}/files/{file_name}", {
    params: { path: { dataset_id: dataset.id, file_name: basename(archive) } },
    headers: { "Content-Type": "application/octet-stream" },
    body: readFileSync(archive) as unknown as string, // the generator calls binary data a string
    bodySerializer: (body: string) => body,
  }),
);
const byId = { params: { path: { dataset_id: dataset.id } } };
const ready = await waitUntil(
  async () => require(await client.GET("/v1/datasets/{dataset_id}", byId)),
  "ready",
);
const audit = require(
  await client.POST("/v1/audits", {
    body: { dataset_id: dataset.id, configuration: { method: "ce", epochs: 2, folds: 1 } },
  }),
);
const path = { params: { path: { audit_id: audit.id } } };
await waitUntil(async () => require(await client.GET("/v1/audits/{audit_id}", path)), "succeeded");
const suspects = require(await client.GET("/v1/audits/{audit_id}/suspects", path));
const missing = { params: { path: { dataset_id: crypto.randomUUID() } } };
const { error } = await client.GET("/v1/datasets/{dataset_id}", missing);
if (error === undefined || error.status !== 404) throw new Error("expected a problem with status 404");
console.log(
  `TypeScript: ${ready.sample_count} samples, ${suspects.items.length} suspects; an error is a ProblemDocument`,
);
