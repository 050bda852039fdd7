// The suspects in order, loaded ahead page by page; images are fetched and decoded before they are shown.
// Samples without a verdict are handed out: nobody else gets them while this page is used.

import { get, query, send } from "./api.js";
import { drawBySize, findStageAddress } from "./pictures.js";
import { addSnippets } from "./snippets.js";

const PAGE = 100;
const READ_AHEAD = 40;
const HANDED = 30; // at once, few enough that the others have something to do
const HANDED_AHEAD = 20;
const HELD_MAX = 500;
const PICTURES_AHEAD = 12;
const PICTURES_BEHIND = 4;
const SIMILAR_AHEAD = 3;

export class Queue {
  // `typed` are the filters as a body takes them; `onLost(positions)` tells what was handed to somebody else.
  constructor(audit, { filters, typed = {}, side, afterRank = null, reviewer = () => "", onLost = () => {}, dataset }) {
    Object.assign(this, { typed, reviewer, onLost, dataset });
    this.isShared = filters.review === "none";
    this.ahead = this.isShared ? HANDED_AHEAD : READ_AHEAD;
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
    if (this.isShared) this.ended = false; // others may have given samples back
    while (place >= this.items.length && !this.ended) await this.read();
  }

  read() {
    this.reading ??= this.readPage().finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  async readPage() {
    if (this.isShared) {
      await this.ask(HANDED);
      return;
    }
    const page = await get(`${this.path}/suspects${query({ limit: PAGE, cursor: this.cursor, after_rank: this.cursor ? null : this.afterRank, ...this.filters })}`);
    this.cursor = page.next_cursor;
    this.ended = page.next_cursor === null;
    const known = new Set(this.items.map((item) => item.position));
    const added = page.items.filter((item) => !known.has(item.position));
    this.items.push(...await addSnippets(this.dataset, added));
  }

  listHeld() {
    return this.items.filter((item) => !item.review).map((item) => item.position).slice(-HELD_MAX);
  }

  // Renew what this page holds, and ask for more samples; 0 only renews.
  async ask(count) {
    const reviewer = this.reviewer();
    this.holder = reviewer;
    const held = this.listHeld();
    const body = { count, held, after_rank: this.afterRank ?? 0, filters: this.typed, ...(reviewer ? { reviewer } : {}) };
    const answer = await send("POST", `${this.path}/queue`, { body });
    this.renewedAt = Date.now();
    this.leaseMilliseconds = 1000 * answer.lease_seconds;
    const known = new Set(this.items.map((item) => item.position));
    const fresh = answer.items.filter((item) => !known.has(item.position));
    this.items.push(...await addSnippets(this.dataset, fresh));
    if (count) this.ended = fresh.length === 0;
    if (answer.lost.length) this.onLost(new Set(answer.lost));
  }

  renew() {
    return this.isShared && this.listHeld().length ? this.ask(0) : null;
  }

  // Let others have at once what nobody decided here.
  async release() {
    const held = this.isShared ? this.listHeld() : [];
    const reviewer = this.holder; // the name may have changed since
    if (held.length) await send("POST", `${this.path}/queue/release`, { body: { held, ...(reviewer ? { reviewer } : {}) }, keepalive: true }).catch(() => {});
  }

  leaveOut(positions) {
    this.items = this.items.filter((item) => !positions.has(item.position));
  }

  prepare(place) {
    if (place + this.ahead > this.items.length && !this.ended) this.read().then(() => this.fetchAround(place), () => {});
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
      image.src = findStageAddress(item, this.side);
      drawBySize(image);
      image.decode?.().catch(() => {});
      this.pictures.set(item.position, image);
    }
    return this.pictures.get(item.position);
  }

  async readSimilar(item) {
    const similar = await get(`${this.path}/samples/${item.position}/similar`);
    await addSnippets(this.dataset, [...similar.given.samples, ...similar.other.samples]);
    return similar;
  }

  getSimilar(item) {
    if (!this.similar.has(item.position)) {
      const similar = this.readSimilar(item);
      similar.catch(() => this.similar.delete(item.position));
      this.similar.set(item.position, similar);
    }
    return this.similar.get(item.position);
  }
}
