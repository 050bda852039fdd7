// Groups of duplicates of one kind: read page by page, decided with one choice, undone as a whole.

import { get, query, send } from "./api.js";
import { make, showProblem } from "./dom.js";

const REVIEWER = "limit-audit.reviewer";
const ROWS = 100;
const SHOWN = 6;

export class DuplicateGroups {
  // `makeGroup(samples)` returns { element, samples, undo }, or null for a group that is not to be shown;
  // `onShown(list)` is called when a group was added or decided,
  // `onSaved()` when its verdicts were saved or taken back.
  constructor({ audit, dataset, kind, list, more, spoken, makeGroup, describe, onShown = () => {}, onSaved = () => {} }) {
    Object.assign(this, { audit, dataset, kind, list, more, spoken, makeGroup, describe, onShown, onSaved });
    this.rows = [];
    this.groups = [];
    this.cursor = null;
    this.isComplete = false;
    this.latest = null;
    more.addEventListener("click", () => this.showMore());
  }

  get decided() {
    return this.groups.filter((group) => this.describe(group).isSettled).length;
  }

  get unsure() {
    return this.groups.filter((group) => this.describe(group).isUnsure).length;
  }

  get isAllShown() {
    return this.isComplete && !this.rows.length;
  }

  // ---- reading -----------------------------------------------------------------------------------------------

  // Return the next group with all of its samples, which may go on in the next page; null: there is none.
  async readGroup() {
    for (;;) {
      const end = this.rows.findIndex((row) => row.group !== this.rows[0].group);
      if (end > 0) return this.rows.splice(0, end);
      if (this.isComplete) return this.rows.length ? this.rows.splice(0) : null;
      await this.readRows();
    }
  }

  async readRows() {
    const page = await get(`/v1/audits/${this.audit}/issues${query({ kind: this.kind, limit: ROWS, cursor: this.cursor })}`);
    this.rows.push(...page.items);
    this.cursor = page.next_cursor;
    this.isComplete = page.next_cursor === null;
  }

  async showMore() {
    try {
      for (let shown = 0; shown < SHOWN;) {
        const samples = await this.readGroup();
        if (!samples) break;
        const group = this.makeGroup(samples);
        if (!group) continue;
        this.groups.push(group);
        this.list.append(group.element);
        this.show(group);
        shown += 1;
      }
    } catch (error) {
      showProblem(error);
    }
    this.more.hidden = this.isAllShown;
    this.onShown(this);
  }

  // ---- verdicts ----------------------------------------------------------------------------------------------

  // `choose(sample)` returns a verdict, or null for a sample that keeps what it had before the first choice here.
  async decide(group, choose) {
    if (group.isBusy) return;
    group.before ??= group.samples.map((sample) => sample.review);
    if (!await this.run(group, () => this.save(group, choose))) return;
    this.latest = group;
    this.spoken.textContent = this.describe(group).words;
    (group.element.nextElementSibling ?? group.element).focus();
  }

  async run(group, work) {
    group.isBusy = true;
    group.element.setAttribute("aria-busy", "true");
    try {
      await work();
      this.onSaved();
      return true;
    } catch (error) {
      showProblem(error);
      return false;
    } finally {
      group.isBusy = false;
      group.element.removeAttribute("aria-busy");
      this.show(group);
    }
  }

  // What somebody else has changed meanwhile is shown and not overwritten.
  async save(group, choose) {
    const chosen = group.samples.map(choose);
    for (const [place, sample] of group.samples.entries()) if (!chosen[place]) await this.restore(sample, group.before[place]);
    const reviewer = localStorage.getItem(REVIEWER);
    const reviews = group.samples.flatMap((sample, place) =>
      (chosen[place] ? [{ position: sample.position, version: sample.review?.version ?? null, ...chosen[place] }] : []));
    const body = { reviews, audit_id: this.audit, ...(reviewer ? { reviewer } : {}) };
    const answer = await send("POST", `/v1/datasets/${this.dataset}/reviews`, { body });
    const find = (position) => group.samples.find((sample) => sample.position === position);
    for (const review of answer.saved) find(review.position).review = review;
    for (const conflict of answer.conflicts) find(conflict.position).review = conflict.current;
    if (answer.conflicts.length) showProblem(new Error(answer.conflicts[0].detail));
  }

  // Bring back what was there before the first choice on this page.
  async undo(group) {
    if (group.isBusy || !group.before) return;
    const isDone = await this.run(group, async () => {
      for (const [place, sample] of group.samples.entries()) await this.restore(sample, group.before[place]);
      group.before = null;
    });
    if (!isDone) return;
    this.latest = null;
    this.spoken.textContent = "Undone";
    group.element.focus();
  }

  async restore(sample, before) {
    if (sample.review?.version === before?.version) return;
    const path = `/v1/datasets/${this.dataset}/samples/${sample.position}/review`;
    const headers = { "If-Match": `"${sample.review.version}"` };
    if (before) {
      const body = { verdict: before.verdict, audit_id: this.audit, ...(before.label ? { label: before.label } : {}) };
      sample.review = await send("PUT", path, { body, headers });
    } else {
      await send("DELETE", path, { headers });
      sample.review = null;
    }
  }

  show(group) {
    if (!group.words) return;
    const { words, isSettled, isUnsure, final } = this.describe(group);
    for (const [button, fits] of group.choices ?? []) button.setAttribute("aria-pressed", String(fits({ isUnsure: Boolean(isUnsure), final })));
    group.words.textContent = words;
    group.element.classList.toggle("settled", isSettled);
    group.undo.hidden = !group.before;
    this.onShown(this);
  }

  // The verdict, the choices that are not beside a picture, and Undo.
  makeActions(group, ...buttons) {
    group.words = make("p", { className: "verdict" });
    group.undo = make("button", { type: "button", className: "quiet", hidden: true, onclick: () => this.undo(group) }, "Undo ", make("kbd", {}, "z"));
    return make("div", { className: "actions" }, ...buttons, group.undo, group.words);
  }

  // `act(key)` returns whether the key means something.
  handleKey(event, group, act) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "z" && (group.before || this.latest)) this.undo(group.before ? group : this.latest);
    else if (!act(event.key)) return;
    event.preventDefault();
  }
}
