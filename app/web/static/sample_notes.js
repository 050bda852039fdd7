// Notes on a sample: what, who, when. A note of somebody else may give their verdict away, so it is shown only beside a
// verdict that is shown, too.

import { get, query, send } from "./api.js";
import { find, make } from "./dom.js";

const LONGEST = 1000;

export class Notes {
  constructor({ dataset, reviewer }) {
    this.path = `/v1/datasets/${dataset}`;
    this.reviewer = reviewer;
    this.list = make("ul", { className: "notes" });
    this.text = make("textarea", { maxLength: LONGEST, rows: 3, ariaLabel: "Note" });
    this.problem = make("p", { className: "message", role: "alert", hidden: true });
    this.title = make("h2", {});
    this.dialog = make("dialog", { ariaLabel: "Notes on a sample" },
      make("form", { className: "chooser", onsubmit: (event) => this.save(event) },
        this.title, this.list, this.text, this.problem,
        make("div", { className: "actions" },
          make("button", { className: "primary" }, "Save"),
          make("button", { type: "button", className: "quiet", onclick: () => this.dialog.close() }, "Close"))));
    this.text.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && this.save(event));
    document.body.append(this.dialog);
  }

  get me() {
    return find("review")?.dataset.reviewer || this.reviewer() || "local";
  }

  async open(item) {
    this.item = item;
    this.title.textContent = `Notes on ${item.key}`;
    this.text.value = "";
    this.problem.hidden = true;
    this.list.replaceChildren();
    this.dialog.showModal();
    this.text.focus();
    await this.read();
  }

  async read() {
    const { item } = this;
    const { items } = await get(`${this.path}/samples/${item.position}/notes`).catch((error) => this.fail(error));
    if (item !== this.item) return;
    const shown = items.filter((note) => item.review || note.reviewer === this.me);
    this.list.replaceChildren(...shown.map((note) => this.makeRow(note)));
  }

  makeRow(note) {
    const when = new Date(note.created_at).toLocaleDateString("en");
    return make("li", {}, make("span", { className: "words" }, note.text), make("span", { className: "note" }, ` ${note.reviewer}, ${when} `),
      note.reviewer === this.me ? make("button", { type: "button", className: "quiet", onclick: () => this.remove(note) }, "Delete") : null);
  }

  async save(event) {
    event.preventDefault();
    const text = this.text.value.trim();
    if (!text) return;
    const reviewer = this.reviewer();
    try {
      await send("POST", `${this.path}/samples/${this.item.position}/notes`, { body: { text, ...(reviewer ? { reviewer } : {}) } });
      this.dialog.close();
    } catch (error) {
      this.fail(error);
    }
  }

  async remove(note) {
    await send("DELETE", `${this.path}/notes/${note.id}${query({ reviewer: this.reviewer() })}`).catch((error) => this.fail(error));
    await this.read();
  }

  fail(error) {
    this.problem.textContent = error.message;
    this.problem.hidden = false;
    return { items: [] };
  }
}
