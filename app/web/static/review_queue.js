// The suspects in order, loaded ahead page by page; images are fetched and decoded before they are shown.

import { get, query } from "./api.js";
import { drawBySize, findAddress } from "./pictures.js";

const PAGE = 100;
const READ_AHEAD = 40;
const PICTURES_AHEAD = 12;
const PICTURES_BEHIND = 4;
const SIMILAR_AHEAD = 3;

export class Queue {
  constructor(audit, { filters, side, afterRank = null }) {
    this.side = side; // CSS pixels of the stage
    this.path = `/v1/audits/${audit}`;
    this.filters = filters;
    this.items = [];
    this.afterRank = afterRank;
    this.cursor = null;
    this.ended = false;
    this.reading = null;
    this.pictures = new Map();
    this.similar = new Map();
  }

  // Load until the place is in the list, or the list has ended.
  async reach(place) {
    while (place >= this.items.length && !this.ended) await this.read();
  }

  read() {
    this.reading ??= this.readPage().finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  async readPage() {
    const page = await get(`${this.path}/suspects${query({ limit: PAGE, cursor: this.cursor, after_rank: this.cursor ? null : this.afterRank, ...this.filters })}`);
    this.cursor = page.next_cursor;
    this.ended = page.next_cursor === null;
    const known = new Set(this.items.map((item) => item.position));
    this.items.push(...page.items.filter((item) => !known.has(item.position)));
  }

  prepare(place) {
    if (place + READ_AHEAD > this.items.length && !this.ended) this.read().then(() => this.fetchAround(place), () => {});
    this.fetchAround(place);
  }

  fetchAround(place) {
    const positions = new Set();
    for (let near = place - PICTURES_BEHIND; near <= place + PICTURES_AHEAD; near += 1) {
      const item = this.items[near];
      if (!item?.image_url) continue;
      positions.add(item.position);
      this.getPicture(item);
    }
    for (const position of this.pictures.keys()) if (!positions.has(position)) this.pictures.delete(position);
    for (let near = place; near <= place + SIMILAR_AHEAD; near += 1) if (this.items[near]) this.getSimilar(this.items[near]);
  }

  getPicture(item) {
    if (!this.pictures.has(item.position)) {
      const image = new Image();
      image.src = findAddress(item, this.side);
      drawBySize(image);
      image.decode?.().catch(() => {});
      this.pictures.set(item.position, image);
    }
    return this.pictures.get(item.position);
  }

  getSimilar(item) {
    if (!this.similar.has(item.position)) {
      const similar = get(`${this.path}/samples/${item.position}/similar`);
      similar.catch(() => this.similar.delete(item.position));
      this.similar.set(item.position, similar);
    }
    return this.similar.get(item.position);
  }
}
