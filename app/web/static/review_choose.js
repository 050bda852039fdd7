// Choosing a class by typing: names that start with the text come first, then names that contain it.

import { find, make } from "./dom.js";

const SHOWN = 50;

export class Chooser {
  constructor(names) {
    this.names = names;
    this.classes = names.listed;
    this.dialog = find("choose");
    this.text = find("choose-text");
    this.list = find("choose-list");
    this.at = 0;
    this.text.addEventListener("input", () => this.show());
    this.text.addEventListener("keydown", (event) => this.handleKey(event));
    find("choose-cancel").addEventListener("click", () => this.dialog.close());
  }

  open(item, then) {
    this.then = then;
    this.likely = item.suggestions.map((one) => one.label);
    this.text.value = "";
    this.show();
    this.dialog.showModal();
    this.text.focus();
  }

  findMatches() {
    const text = this.text.value.trim().toLowerCase();
    if (!text) return [...this.likely, ...this.classes.filter((name) => !this.likely.includes(name))];
    const starts = this.classes.filter((name) => name.toLowerCase().startsWith(text));
    const contains = this.classes.filter((name) => !name.toLowerCase().startsWith(text) && name.toLowerCase().includes(text));
    return [...starts, ...contains];
  }

  async show() {
    const text = this.text.value;
    this.#list([]); // while it is searched, Enter takes nothing
    const matches = this.names.isWhole || !text.trim() ? this.findMatches() : await this.names.search(text.trim()).catch(() => []);
    if (text === this.text.value) this.#list(matches.slice(0, SHOWN));
  }

  #list(matches) {
    this.matches = matches;
    this.at = 0;
    this.list.replaceChildren(...this.matches.map((name, place) => make("li", {
      role: "option", id: `choose-${place}`, onclick: () => this.take(name),
    }, name)));
    this.mark();
  }

  mark() {
    for (const [place, row] of [...this.list.children].entries()) {
      row.setAttribute("aria-selected", String(place === this.at));
      if (place === this.at) row.scrollIntoView({ block: "nearest" });
    }
    this.text.setAttribute("aria-activedescendant", this.matches.length ? `choose-${this.at}` : "");
  }

  handleKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.at = Math.max(0, Math.min(this.matches.length - 1, this.at + step));
    else if (event.key === "Enter" && this.matches.length) this.take(this.matches[this.at]);
    else if (event.key !== "Enter") return;
    event.preventDefault();
    this.mark();
  }

  take(name) {
    this.dialog.close();
    this.then(name);
  }
}
