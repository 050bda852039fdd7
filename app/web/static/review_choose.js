// Choosing a class by typing: what begins with the text comes first, then what contains it.

import { find, make } from "./dom.js";

const SHOWN = 50;

export class Chooser {
  constructor(classes) {
    this.classes = classes;
    this.dialog = find("choose");
    this.text = find("choose-text");
    this.list = find("choose-list");
    this.at = 0;
    this.text.addEventListener("input", () => this.show());
    this.text.addEventListener("keydown", (event) => this.key(event));
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

  matching() {
    const wanted = this.text.value.trim().toLowerCase();
    if (!wanted) return [...this.likely, ...this.classes.filter((name) => !this.likely.includes(name))];
    const starts = this.classes.filter((name) => name.toLowerCase().startsWith(wanted));
    const holds = this.classes.filter((name) => !name.toLowerCase().startsWith(wanted) && name.toLowerCase().includes(wanted));
    return [...starts, ...holds];
  }

  show() {
    this.found = this.matching().slice(0, SHOWN);
    this.at = 0;
    this.list.replaceChildren(...this.found.map((name, place) => make("li", {
      role: "option", id: `choose-${place}`, onclick: () => this.take(name),
    }, name)));
    this.mark();
  }

  mark() {
    for (const [place, row] of [...this.list.children].entries()) {
      row.setAttribute("aria-selected", String(place === this.at));
      if (place === this.at) row.scrollIntoView({ block: "nearest" });
    }
    this.text.setAttribute("aria-activedescendant", this.found.length ? `choose-${this.at}` : "");
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.at = Math.max(0, Math.min(this.found.length - 1, this.at + step));
    else if (event.key === "Enter" && this.found.length) this.take(this.found[this.at]);
    else if (event.key !== "Enter") return;
    event.preventDefault();
    this.mark();
  }

  take(name) {
    this.dialog.close();
    this.then(name);
  }
}
