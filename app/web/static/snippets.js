// The first words of texts, or the first cells of rows, which lists show instead of pictures.

import { get } from "./api.js";

const MOST = 500;

// Give each item its `snippet`; pictures and rows without names have none. Nothing fails for want of them.
export async function addSnippets(dataset, items) {
  if (!items.length || items[0].image_url) return items;
  for (let start = 0; start < items.length; start += MOST) {
    const part = items.slice(start, start + MOST);
    const found = await get(`/v1/datasets/${dataset}/snippets?positions=${part.map((item) => item.position).join(",")}`).catch(() => ({ items: [] }));
    const texts = new Map(found.items.map((each) => [each.position, each.text]));
    for (const item of part) if (texts.has(item.position)) item.snippet = texts.get(item.position);
  }
  return items;
}
