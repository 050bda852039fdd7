// Sends verdicts. Each is stored in the browser until the service has saved it, so that neither a reload nor a broken
// connection loses one. Verdicts on one sample are sent one after the other, each with the version it replaces, so
// that a colleague's verdict is never overwritten unseen.

import { Problem, get, query, send } from "./api.js";

const LONGEST_WAIT = 15000;

export class Outbox {
  constructor({ dataset, audit, reviewer, onSaved, onRefused, onTrouble }) {
    Object.assign(this, { dataset, audit, reviewer, onSaved, onRefused, onTrouble });
    this.store = `limit-audit.verdicts.${dataset}`;
    this.waiting = new Map();
    this.chains = new Map();
    this.loggedOut = false;
  }

  get size() {
    return this.waiting.size;
  }

  // Send the verdicts that an earlier page could not send.
  resume() {
    const left = JSON.parse(localStorage.getItem(this.store) ?? "[]");
    return Promise.all(left.map(({ item, verdict }) => this.put(item, verdict)));
  }

  // `verdict` is {verdict, label}, or null to delete it; `item.review` is the service's last answer.
  put(item, verdict) {
    this.waiting.set(item.position, { item, verdict });
    this.save();
    const before = this.chains.get(item.position) ?? Promise.resolve();
    const delivery = before.then(() => this.deliver(item, verdict));
    this.chains.set(item.position, delivery);
    return delivery;
  }

  // Wait until no verdict is on its way.
  async settle() {
    await Promise.all(this.chains.values());
  }

  save() {
    const left = [...this.waiting.values()].map(({ item, verdict }) => ({
      item: { position: item.position, review: item.review }, verdict,
    }));
    if (left.length) localStorage.setItem(this.store, JSON.stringify(left));
    else localStorage.removeItem(this.store);
  }

  async deliver(item, verdict) {
    for (let wait = 500; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      try {
        item.review = await this.request(item, verdict);
        this.remove(item, verdict);
        this.onSaved(item);
        return;
      } catch (error) {
        if (error.status === 401) {
          this.loggedOut = true; // the verdict stays in the browser until the next login
          return;
        }
        if (error instanceof Problem && error.status < 500 && error.status !== 429) {
          await this.handleRefusal(item, verdict, error);
          return;
        }
        this.onTrouble(error);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  request(item, verdict) {
    const path = `/v1/datasets/${this.dataset}/samples/${item.position}/review`;
    const condition = item.review ? { "If-Match": `"${item.review.version}"` } : { "If-None-Match": "*" };
    const reviewer = this.reviewer();
    if (verdict === null) return item.review ? this.takeBack(`${path}${query({ reviewer })}`, path, item, condition) : null;
    const body = { ...verdict, audit_id: this.audit, ...(reviewer ? { reviewer } : {}) };
    return send("PUT", path, { body, headers: condition, keepalive: true });
  }

  // Of a sample that several people judged, what the others say stays.
  async takeBack(address, path, item, headers) {
    await send("DELETE", address, { headers, keepalive: true });
    return item.review.agreement ? get(path).catch(() => null) : null;
  }

  remove(item, verdict) {
    if (this.waiting.get(item.position)?.verdict === verdict) this.waiting.delete(item.position);
    this.save();
  }

  // Either somebody else was faster, or the answer to this verdict was lost.
  async handleRefusal(item, verdict, error) {
    this.remove(item, verdict);
    if (error.status !== 412) {
      this.onRefused(item, error);
      return;
    }
    const path = `/v1/datasets/${this.dataset}/samples/${item.position}/review`;
    item.review = error.document.version === null ? null : await send("GET", path).catch(() => null);
    const isSame = (item.review?.verdict ?? null) === (verdict?.verdict ?? null) && (item.review?.label ?? null) === (verdict?.label ?? null);
    if (isSame) this.onSaved(item);
    else this.onRefused(item, error);
  }
}
