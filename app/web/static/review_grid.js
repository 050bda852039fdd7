// The grid of the review: tiles with check boxes and verdict buttons, and the selection.
// Check boxes, Shift-click, Ctrl-click, X and dragging across tiles select; a plain click frames.

import { find, make, makePicture } from "./dom.js";
import { formatCount } from "./format.js";
import { makeLabels } from "./suspect_tiles.js";
import { chooseChip, describeVerdict } from "./verdict_words.js";

const DOES = [["keep", "Keep", "K"], ["accept", "Accept", "A"], ["drop", "Drop", "D"], ["unsure", "Unsure", "U"]];
const SIZE = "limit-audit.tile-size";
const DRAG_PIXELS = 6;

export class Grid {
  // `onFrame(place)`, `onOpen(place)`, `onDecide(place, name)`, `onSelect()`; places count within the shown page.
  constructor(handlers) {
    Object.assign(this, handlers);
    this.cells = find("cells");
    this.items = [];
    this.selected = new Set(); // positions
    this.anchor = 0;
    this.cells.addEventListener("click", (event) => this.handleClick(event));
    this.cells.addEventListener("dblclick", (event) => event.target.closest(".look") && this.onOpen(this.findPlace(event.target)));
    find("many").addEventListener("pointerdown", (event) => this.beginDrag(event));
    this.prepareSize();
  }

  prepareSize() {
    const slider = find("tile-size");
    const apply = () => {
      find("many").style.setProperty("--tile", `${slider.value}px`);
      localStorage.setItem(SIZE, slider.value);
    };
    slider.value = localStorage.getItem(SIZE) ?? slider.value;
    slider.addEventListener("input", apply);
    apply();
  }

  show(items, current) {
    this.items = items;
    this.anchor = current;
    this.cells.replaceChildren(...items.map((item) => this.makeCell(item)));
    items.forEach((item, place) => this.showCell(item, place));
    this.moveFrame(current);
  }

  makeCell(item) {
    const side = Math.ceil(Number(find("tile-size").value));
    return make("div", { className: "sample", role: "group", ariaLabel: item.key },
      make("input", { type: "checkbox", className: "pick", ariaLabel: `Select ${item.key}` }),
      make("button", { type: "button", className: "look", title: item.key, ariaLabel: `Frame ${item.key}` },
        makePicture(item, { alt: "", side })),
      makeLabels(item),
      make("div", { className: "mini", role: "group", ariaLabel: `Verdict on ${item.key}` }, ...DOES.map(([name, word, key]) =>
        make("button", { type: "button", tabIndex: -1, title: `${word} (${key})`, "data-decides": name }, word))),
      make("span", { className: "words verdict-place" }));
  }

  showCell(item, place) {
    const cell = this.cells.children[place];
    if (!cell) return;
    const review = item.shownReview;
    cell.dataset.verdict = review?.verdict ?? "";
    cell.querySelector(".pick").checked = this.selected.has(item.position);
    cell.classList.toggle("selected", this.selected.has(item.position));
    cell.lastChild.replaceChildren(review ? make("span", { className: `chip ${chooseChip(review)}` }, describeShort(item, review)) : "\u00a0");
  }

  moveFrame(place, { focus = false } = {}) {
    for (const [number, cell] of [...this.cells.children].entries()) {
      cell.classList.toggle("framed", number === place);
      if (number !== place) continue;
      cell.scrollIntoView({ block: "nearest" });
      if (focus) cell.querySelector(".look").focus({ preventScroll: true });
    }
    this.framed = place;
  }

  countColumns() {
    return getComputedStyle(this.cells).gridTemplateColumns.split(" ").length;
  }

  findPlace(element) {
    return [...this.cells.children].indexOf(element.closest(".sample"));
  }

  handleClick(event) {
    const place = this.findPlace(event.target);
    if (place < 0 || this.wasDragged) return;
    const decision = event.target.closest("[data-decides]");
    if (decision) this.onDecide(place, decision.dataset.decides);
    else if (event.shiftKey) this.selectRange(this.anchor, place);
    else if (event.target.matches(".pick")) this.select([place], event.target.checked);
    else if (event.ctrlKey || event.metaKey) this.toggle(place);
    else if (event.target.closest(".look")) this.onFrame(place);
    if (!event.shiftKey && !decision) this.anchor = place;
  }

  toggle(place) {
    this.select([place], !this.selected.has(this.items[place].position));
  }

  selectRange(one, other) {
    const [first, last] = [Math.min(one, other), Math.max(one, other)];
    this.select(Array.from({ length: last - first + 1 }, (_, step) => first + step), true);
  }

  selectPage() {
    this.selectRange(0, this.items.length - 1);
  }

  select(places, isSelected) {
    for (const place of places) {
      const item = this.items[place];
      if (!item) continue;
      if (isSelected) this.selected.add(item.position);
      else this.selected.delete(item.position);
      this.showCell(item, place);
    }
    this.onSelect();
  }

  clear() {
    this.selected.clear();
    this.items.forEach((item, place) => this.showCell(item, place));
    this.onSelect();
  }

  // A mouse that is dragged draws a box; tiles that it touches are selected. Touch scrolls instead.
  beginDrag(event) {
    this.wasDragged = false;
    if (event.pointerType !== "mouse" || event.button !== 0 || event.target.closest("input, .mini, .grid-tools, .bulk, .actions")) return;
    const from = { x: event.pageX, y: event.pageY };
    const before = new Set(event.shiftKey || event.ctrlKey || event.metaKey ? this.selected : []);
    const band = make("div", { className: "band" });
    const move = (moved) => {
      const [left, right] = [Math.min(from.x, moved.pageX), Math.max(from.x, moved.pageX)];
      const [top, bottom] = [Math.min(from.y, moved.pageY), Math.max(from.y, moved.pageY)];
      if (!this.wasDragged && right - left < DRAG_PIXELS && bottom - top < DRAG_PIXELS) return;
      if (!this.wasDragged) document.body.append(band);
      this.wasDragged = true;
      Object.assign(band.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
      this.selectTouched({ left: left - scrollX, right: right - scrollX, top: top - scrollY, bottom: bottom - scrollY }, before);
    };
    const end = () => {
      band.remove();
      removeEventListener("pointermove", move);
    };
    event.preventDefault(); // no dragging of pictures, no selection of text
    document.activeElement?.blur();
    addEventListener("pointermove", move);
    addEventListener("pointerup", end, { once: true });
    addEventListener("pointercancel", end, { once: true });
  }

  selectTouched(box, before) {
    this.selected = new Set(before);
    for (const [place, cell] of [...this.cells.children].entries()) {
      const tile = cell.getBoundingClientRect();
      const isTouched = tile.left < box.right && tile.right > box.left && tile.top < box.bottom && tile.bottom > box.top;
      if (isTouched) this.selected.add(this.items[place].position);
      this.showCell(this.items[place], place);
    }
    this.onSelect();
  }
}

const describeShort = (item, review) => (review.verdict === "relabel" ? `→ ${review.label}` : describeVerdict(item, review));

export const describeCount = (count) => `${formatCount(count)} ${count === 1 ? "sample" : "samples"}`;
