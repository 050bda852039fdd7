// The classes of a dataset: all in the page, or of very many the first, and the others by a search.

import { get, query } from "./api.js";
import { make } from "./dom.js";

const SEARCH_MILLISECONDS = 150;

export class ClassNames {
  // `field` is a list to choose from, or a field with the address of the search.
  constructor(field) {
    this.field = field;
    this.path = field.dataset.classes ?? null;
    const list = field.list ?? field;
    this.listed = [...list.options].map((option) => option.value).filter(Boolean);
    this.count = Number(field.dataset.count ?? this.listed.length);
    if (field.list && this.path) field.addEventListener("input", () => this.#fillSoon());
  }

  // All classes, or only those that the page has.
  get isWhole() {
    return this.path === null;
  }

  // Names that begin with a text, then those that contain it.
  async search(text) {
    return (await get(`${this.path}${query({ text })}`)).items;
  }

  #fillSoon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.#fill(), SEARCH_MILLISECONDS);
  }

  async #fill() {
    const text = this.field.value;
    const names = await this.search(text).catch(() => null);
    if (names && text === this.field.value) this.field.list.replaceChildren(...names.map((value) => make("option", { value })));
  }
}
