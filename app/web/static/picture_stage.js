// One picture at the size of its stage: wheel, pinch, keys, double click and buttons zoom, dragging moves it.

import { get } from "./api.js";
import { make } from "./dom.js";
import { makeFrame, placeFrame } from "./box_frame.js";
import { findStageAddress, isReduced, isSmall } from "./pictures.js";

const STEP = 1.4;
const WHEEL = 0.0018; // a notch of 120 pixels zooms by 1.24
const MOST = 40;
const SOFT = 1.5; // a reduced picture enlarged more than this is replaced by the whole one
const DOUBLE_CLICK = 3;
const BOX_SHARE = 0.5; // of the stage that a box fills
const limit = (value, low, high) => Math.min(high, Math.max(low, value));

export class Stage {
  constructor(place) {
    this.place = place;
    this.pointers = new Map();
    this.bar = this.makeBar();
    this.reset();
    place.classList.add("stage-area");
    place.addEventListener("wheel", (event) => this.handleWheel(event), { passive: false });
    place.addEventListener("dblclick", (event) => this.zoomTo(this.zoom > 1 ? 1 : DOUBLE_CLICK, event));
    place.addEventListener("pointerdown", (event) => this.handleDown(event));
    place.addEventListener("pointermove", (event) => this.handleMove(event));
    for (const name of ["pointerup", "pointercancel"]) place.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    new ResizeObserver(() => this.layOut()).observe(place);
  }

  makeBar() {
    const button = (text, ariaLabel, does) => make("button", {
      type: "button", ariaLabel, title: ariaLabel, onclick: does, ondblclick: (event) => event.stopPropagation(),
      onpointerdown: (event) => event.stopPropagation(),
    }, text);
    this.words = make("span", { className: "zoom" });
    this.boxButton = button("Box", "The box (B)", () => this.zoomToBox());
    return make("div", { className: "stage-bar", role: "group", ariaLabel: "Zoom" },
      button("−", "Zoom out (-)", () => this.zoomBy(1 / STEP)), this.words, button("+", "Zoom in (+)", () => this.zoomBy(STEP)),
      button("Fit", "Whole picture (0)", () => this.zoomTo(1)), this.boxButton);
  }

  show(image, item) {
    this.item = item;
    this.image = image;
    image.draggable = false;
    image.alt = `Sample ${item.key}`;
    this.reset();
    this.frame = item.box ? makeFrame(item) : null;
    this.boxButton.hidden = !item.box;
    this.place.replaceChildren(image, ...(this.frame ? [this.frame] : []), this.bar);
    if (image.complete && image.naturalWidth) this.layOut();
    else if (image.complete && image.src) this.explain(image);
    else {
      image.addEventListener("load", () => image === this.image && this.layOut(), { once: true });
      image.addEventListener("error", () => this.explain(image), { once: true });
    }
  }

  // The service says why a picture cannot be shown: where it lies it may be gone, or have changed.
  async explain(image) {
    const error = await get(image.src).catch((refusal) => refusal);
    const reason = error?.status ? error.message : "This picture cannot be shown.";
    if (image === this.image) this.place.replaceChildren(make("p", { className: "message", role: "status" }, reason));
  }

  reset() {
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    this.pointers.clear();
  }

  // The whole picture fits the stage; small drawings are enlarged by a whole number.
  layOut() {
    const { image, place } = this;
    if (!image?.naturalWidth) return;
    const small = isSmall(image);
    const scale = Math.min(place.clientWidth / image.naturalWidth, place.clientHeight / image.naturalHeight);
    const factor = small && scale > 1 ? Math.floor(scale) : scale;
    image.classList.toggle("pixels", small);
    image.style.width = `${image.naturalWidth * factor}px`;
    image.style.height = `${image.naturalHeight * factor}px`;
    this.move();
    if (Math.max(place.clientWidth, place.clientHeight) * devicePixelRatio > image.naturalWidth * SOFT) this.loadWhole();
  }

  move() {
    const { image, place } = this;
    const across = Math.max(0, (image.offsetWidth * this.zoom - place.clientWidth) / 2);
    const down = Math.max(0, (image.offsetHeight * this.zoom - place.clientHeight) / 2);
    this.x = limit(this.x, -across, across);
    this.y = limit(this.y, -down, down);
    image.style.transform = this.zoom === 1 ? "" : `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    if (this.frame) placeFrame(this.frame, image, this.zoom);
    place.classList.toggle("zoomed", this.zoom > 1);
    this.words.textContent = this.zoom === 1 ? "fit" : `fit × ${this.zoom.toFixed(1)}`;
  }

  // Zoom so that what lies below the pointer stays there; without a pointer, the middle does.
  zoomTo(zoom, pointer = null) {
    if (!this.image?.naturalWidth) return;
    const next = limit(zoom, 1, MOST);
    const box = this.place.getBoundingClientRect();
    const [x, y] = pointer ? [pointer.clientX - box.left - box.width / 2, pointer.clientY - box.top - box.height / 2] : [0, 0];
    this.x = x - (x - this.x) * (next / this.zoom);
    this.y = y - (y - this.y) * (next / this.zoom);
    this.zoom = next;
    this.move();
    if (next > 1) this.loadWhole();
  }

  // Zoom so that the box fills half of the stage, in its middle.
  zoomToBox() {
    const { image, item, place } = this;
    if (!item?.box || !image?.naturalWidth) return;
    const { left, top, width, height, picture_width: across, picture_height: down } = item.box;
    const [wide, high] = [(width / across) * image.offsetWidth, (height / down) * image.offsetHeight];
    this.zoom = limit(BOX_SHARE * Math.min(place.clientWidth / wide, place.clientHeight / high), 1, MOST);
    this.x = (0.5 - (left + width / 2) / across) * image.offsetWidth * this.zoom;
    this.y = (0.5 - (top + height / 2) / down) * image.offsetHeight * this.zoom;
    this.move();
    if (this.zoom > 1) this.loadWhole();
  }

  zoomBy(factor, pointer = null) {
    this.zoomTo(this.zoom * factor, pointer);
  }

  // The stage has a reduced picture of a large one; details come with the whole.
  async loadWhole() {
    const { image, item } = this;
    const address = findStageAddress(item);
    if (image.dataset.whole || !isReduced(image)) return;
    image.dataset.whole = "1";
    const whole = new Image();
    whole.src = address;
    await whole.decode().catch(() => null);
    if (whole.naturalWidth > image.naturalWidth) image.src = address; // its size on the stage stays
  }

  handleWheel(event) {
    event.preventDefault();
    const pixels = event.deltaMode === 1 ? 40 * event.deltaY : event.deltaY;
    this.zoomBy(Math.exp(-WHEEL * pixels), event);
  }

  handleDown(event) {
    if (event.button !== 0) return;
    this.pointers.set(event.pointerId, event);
    if (this.zoom > 1) this.place.setPointerCapture(event.pointerId);
  }

  handleMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this.pointers.values()].filter((each) => each.pointerId !== event.pointerId);
    this.pointers.set(event.pointerId, event);
    if (others.length) {
      const measure = (each) => Math.hypot(each.clientX - others[0].clientX, each.clientY - others[0].clientY);
      this.zoomBy(measure(event) / Math.max(1, measure(before)), event);
    } else if (this.zoom > 1) {
      this.x += event.clientX - before.clientX;
      this.y += event.clientY - before.clientY;
      this.move();
    }
  }

  // Take a key that belongs to the picture; return whether it was one.
  handleKey(event) {
    const action = {
      "+": () => this.zoomBy(STEP), "=": () => this.zoomBy(STEP), "-": () => this.zoomBy(1 / STEP), "0": () => this.zoomTo(1),
      ...(this.item?.box ? { b: () => this.zoomToBox() } : {}),
    }[event.key];
    if (!action) return false;
    action();
    return true;
  }
}

// Show an element on the whole screen, or leave it; where the browser forbids it, fill the window.
export async function toggleFullScreen(element) {
  if (document.fullscreenElement) await document.exitFullscreen();
  else if (element.classList.contains("filling")) element.classList.remove("filling");
  else await element.requestFullscreen().catch(() => element.classList.add("filling"));
}
