// The plane of a map: points drawn as pixels of a canvas, moved and zoomed, with lasso and box.
// Pixels are written by hand: a hundred thousand points take some milliseconds, on machines without a GPU too.

const DRAG_PIXELS = 4;
const LASSO_PIXELS = 3; // between two corners
const ZOOM_MAX = 400;
const PAN_STEP = 0.15;

export class Plane {
  // `onPick(point)`, `onSelect(points, isAdded)`; `tool` is pan, lasso or box.
  constructor(canvas, marks, points, handlers) {
    Object.assign(this, handlers, { canvas, marks, points });
    this.tool = "pan";
    this.zoom = 1;
    this.centre = { ...points.middle };
    this.colours = new Uint32Array(points.count);
    this.isShown = () => true;
    this.selected = new Uint8Array(points.count);
    this.picked = -1;
    this.trail = null;
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
    canvas.addEventListener("wheel", (event) => this.handleWheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.beginDrag(event));
    this.resize();
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.ratio = Math.min(2, devicePixelRatio);
    for (const canvas of [this.canvas, this.marks]) {
      canvas.width = Math.max(1, Math.round(clientWidth * this.ratio));
      canvas.height = Math.max(1, Math.round(clientHeight * this.ratio));
    }
    this.image = null;
    this.draw();
  }

  // Device pixels for one unit of the map.
  get scale() {
    return (0.94 * this.zoom * Math.min(this.canvas.width, this.canvas.height)) / this.points.size;
  }

  toMap(event) {
    const place = this.canvas.getBoundingClientRect();
    const [column, row] = [(event.clientX - place.left) * this.ratio, (event.clientY - place.top) * this.ratio];
    return { x: this.centre.x + (column - this.canvas.width / 2) / this.scale, y: this.centre.y - (row - this.canvas.height / 2) / this.scale };
  }

  toPixels({ x, y }) {
    return [(x - this.centre.x) * this.scale + this.canvas.width / 2, this.canvas.height / 2 - (y - this.centre.y) * this.scale];
  }

  get view() {
    const [half, tall] = [this.canvas.width / 2 / this.scale, this.canvas.height / 2 / this.scale];
    return { left: this.centre.x - half, right: this.centre.x + half, bottom: this.centre.y - tall, top: this.centre.y + tall };
  }

  draw() {
    this.wanted ??= requestAnimationFrame(() => {
      this.wanted = null;
      this.drawPoints();
      this.drawMarks();
    });
  }

  drawPoints() {
    const { width, height } = this.canvas;
    const context = this.canvas.getContext("2d");
    this.image ??= context.createImageData(width, height);
    const pixels = new Uint32Array(this.image.data.buffer);
    pixels.fill(0);
    const { points, colours, selected, isShown } = this;
    const side = this.findSide();
    // From the least suspicious on, so that the most suspicious lie on top; selected points lie above all.
    for (const layer of [0, 1]) {
      for (let point = points.count - 1; point >= 0; point -= 1) {
        if (selected[point] !== layer || !isShown(point)) continue;
        if (layer) this.drawDot(pixels, point, side + 4, this.selectedColour); // a rim
        this.drawDot(pixels, point, side, colours[point]);
      }
    }
    context.putImageData(this.image, 0, 0);
  }

  drawDot(pixels, point, side, colour) {
    const { width, height } = this.canvas;
    const left = Math.round((this.points.x[point] - this.centre.x) * this.scale + width / 2 - side / 2);
    const top = Math.round(height / 2 - (this.points.y[point] - this.centre.y) * this.scale - side / 2);
    if (left < 0 || top < 0 || left + side > width || top + side > height) return;
    for (let row = 0; row < side; row += 1) {
      const inset = side > 3 && (row === 0 || row === side - 1) ? 1 : 0; // corners off: nearly a disc
      const start = (top + row) * width + left;
      pixels.fill(colour, start + inset, start + side - inset);
    }
  }

  // Device pixels of a point: larger where few are in view.
  findSide() {
    const crowd = Math.sqrt(this.points.count) / this.zoom;
    return Math.max(2, Math.min(8, Math.round((this.ratio * 600) / (crowd + 70))));
  }

  drawMarks() {
    const context = this.marks.getContext("2d");
    context.clearRect(0, 0, this.marks.width, this.marks.height);
    context.lineWidth = 2 * this.ratio;
    context.strokeStyle = this.ink ?? "#000";
    if (this.picked >= 0) {
      context.beginPath();
      context.arc(...this.toPixels({ x: this.points.x[this.picked], y: this.points.y[this.picked] }), 9 * this.ratio, 0, 2 * Math.PI);
      context.stroke();
    }
    if (!this.trail) return;
    context.setLineDash([5 * this.ratio, 4 * this.ratio]);
    context.beginPath();
    for (const corner of this.trail) context.lineTo(...this.toPixels(corner));
    context.closePath();
    context.stroke();
    context.setLineDash([]);
  }

  // ---- moving ------------------------------------------------------------------------------------------------

  zoomBy(factor, fixed = this.centre) {
    const before = this.zoom;
    this.zoom = factor === 0 ? 1 : Math.max(0.5, Math.min(ZOOM_MAX, this.zoom * factor));
    const share = before / this.zoom;
    this.centre = factor === 0 ? { ...this.points.middle } : { x: fixed.x + (this.centre.x - fixed.x) * share, y: fixed.y + (this.centre.y - fixed.y) * share };
    this.draw();
  }

  moveBy(columns, rows) {
    const { left, right, bottom, top } = this.view;
    this.centre.x += columns * PAN_STEP * (right - left);
    this.centre.y += rows * PAN_STEP * (top - bottom);
    this.draw();
  }

  // Bring a point into view and mark it.
  pick(point) {
    this.picked = point;
    const { left, right, bottom, top } = this.view;
    const [x, y] = [this.points.x[point], this.points.y[point]];
    if (point >= 0 && (x < left || x > right || y < bottom || y > top)) this.centre = { x, y };
    this.draw();
  }

  handleWheel(event) {
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), this.toMap(event));
  }

  listInView() {
    const { left, right, bottom, top } = this.view;
    return this.points.findWithin([{ x: left, y: bottom }, { x: right, y: bottom }, { x: right, y: top }, { x: left, y: top }], this.isShown)
      .sort((one, other) => one - other);
  }

  // ---- dragging ----------------------------------------------------------------------------------------------

  beginDrag(event) {
    if (event.button !== 0) return;
    const from = { x: event.clientX, y: event.clientY, map: this.toMap(event), centre: { ...this.centre } };
    let isDragged = false;
    const move = (moved) => {
      if (!isDragged && Math.hypot(moved.clientX - from.x, moved.clientY - from.y) < DRAG_PIXELS) return;
      isDragged = true;
      this.drag(moved, from);
      this.draw();
    };
    const end = (released) => {
      this.canvas.removeEventListener("pointermove", move);
      this.canvas.removeEventListener("pointerup", end);
      this.canvas.removeEventListener("pointercancel", end);
      if (released.type === "pointercancel") this.trail = null;
      else if (!isDragged) this.pickAt(released);
      else if (this.trail) this.endTrail(released.shiftKey);
      this.draw();
    };
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("pointerup", end);
    this.canvas.addEventListener("pointercancel", end);
  }

  drag(event, from) {
    const at = this.toMap(event);
    if (this.tool === "pan") {
      this.centre.x += from.map.x - at.x;
      this.centre.y += from.map.y - at.y;
    } else if (this.tool === "box") {
      this.trail = [from.map, { x: at.x, y: from.map.y }, at, { x: from.map.x, y: at.y }];
    } else {
      this.trail ??= [from.map];
      const last = this.trail.at(-1);
      if (Math.hypot(at.x - last.x, at.y - last.y) * this.scale >= LASSO_PIXELS * this.ratio) this.trail.push(at);
    }
  }

  endTrail(isAdded) {
    const corners = this.trail;
    this.trail = null;
    this.onSelect(this.points.findWithin(corners, this.isShown), isAdded);
  }

  pickAt(event) {
    const at = this.toMap(event);
    const point = this.points.findNearest(at.x, at.y, (14 * this.ratio) / this.scale, this.isShown);
    if (point >= 0) this.onPick(point);
  }
}
