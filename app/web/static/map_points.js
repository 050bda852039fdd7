// The points of a map: read from the API's arrays, found by place, tested against a lasso.

const MAGIC_BYTES = 10; // of a .npy file before its header, version 1
const CELLS = 256; // of the grid by which points are found, along each side

// Return the values of a .npy file of version 1 as a typed array; its shape is known to the caller.
export function readNpy(buffer, Values) {
  const start = MAGIC_BYTES + new DataView(buffer).getUint16(8, true);
  return new Values(buffer, start);
}

export async function fetchNpy(address, Values) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `the service answered with status ${answer.status}`);
  return readNpy(await answer.arrayBuffer(), Values);
}

// Columns [7, N] as the API sends them, one after the other, in order of rank.
export class Points {
  constructor(values) {
    this.count = values.length / 7;
    const names = ["position", "x", "y", "rank", "given", "suggested", "score"];
    names.forEach((name, row) => { this[name] = values.subarray(row * this.count, (row + 1) * this.count); });
    this.verdict = new Uint8Array(this.count);
    this.measure();
    this.sort();
  }

  measure() {
    let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let point = 0; point < this.count; point += 1) {
      left = Math.min(left, this.x[point]);
      right = Math.max(right, this.x[point]);
      bottom = Math.min(bottom, this.y[point]);
      top = Math.max(top, this.y[point]);
    }
    const size = Math.max(right - left, top - bottom) || 1;
    this.middle = { x: (left + right) / 2, y: (bottom + top) / 2 };
    this.size = size;
  }

  // Put the points into the cells of a grid.
  sort() {
    this.cell = new Uint32Array(this.count);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    for (let point = 0; point < this.count; point += 1) {
      this.cell[point] = this.findCell(this.x[point], this.y[point]);
      this.starts[this.cell[point] + 1] += 1;
    }
    for (let cell = 0; cell < CELLS * CELLS; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.inCells = new Uint32Array(this.count);
    for (let point = 0; point < this.count; point += 1) this.inCells[next[this.cell[point]]++] = point;
  }

  findColumn(value, middle) {
    return Math.max(0, Math.min(CELLS - 1, Math.floor(((value - middle) / this.size + 0.5) * CELLS)));
  }

  findCell(x, y) {
    return this.findColumn(y, this.middle.y) * CELLS + this.findColumn(x, this.middle.x);
  }

  // Call `visit` with every point in the cells that a box touches.
  visit(box, visit) {
    const [first, last] = [this.findColumn(box.left, this.middle.x), this.findColumn(box.right, this.middle.x)];
    for (let row = this.findColumn(box.bottom, this.middle.y); row <= this.findColumn(box.top, this.middle.y); row += 1) {
      const start = this.starts[row * CELLS + first];
      const stop = this.starts[row * CELLS + last + 1];
      for (let place = start; place < stop; place += 1) visit(this.inCells[place]);
    }
  }

  // The nearest point within a distance, or -1.
  findNearest(x, y, within, isShown) {
    let [best, least] = [-1, within * within];
    this.visit({ left: x - within, right: x + within, bottom: y - within, top: y + within }, (point) => {
      const distance = (this.x[point] - x) ** 2 + (this.y[point] - y) ** 2;
      if (distance <= least && isShown(point)) [best, least] = [point, distance];
    });
    return best;
  }

  // The points within a polygon of map coordinates, by the even-odd rule.
  findWithin(corners, isShown) {
    const xs = corners.map((corner) => corner.x);
    const ys = corners.map((corner) => corner.y);
    const found = [];
    this.visit({ left: Math.min(...xs), right: Math.max(...xs), bottom: Math.min(...ys), top: Math.max(...ys) }, (point) => {
      if (isShown(point) && isInside(this.x[point], this.y[point], xs, ys)) found.push(point);
    });
    return found;
  }

  // Of every point, the classes of its nearest points: the most frequent, and whether it has more than half of them.
  findSurroundings(count, classes) {
    const common = new Int32Array(this.count).fill(-1);
    const votes = new Uint16Array(classes);
    for (let point = 0; point < this.count; point += 1) {
      const near = this.listNear(point, count);
      votes.fill(0);
      for (const other of near) votes[this.given[other]] += 1;
      const most = votes.indexOf(Math.max(...near.map((other) => votes[this.given[other]])));
      if (near.length && votes[most] * 2 > near.length) common[point] = most;
    }
    return common;
  }

  listNear(point, count) {
    const step = this.size / CELLS;
    for (let reach = step; ; reach *= 2) {
      const box = { left: this.x[point] - reach, right: this.x[point] + reach, bottom: this.y[point] - reach, top: this.y[point] + reach };
      const near = [];
      this.visit(box, (other) => {
        const distance = (this.x[other] - this.x[point]) ** 2 + (this.y[other] - this.y[point]) ** 2;
        if (other !== point && (distance <= reach * reach || reach > 2 * this.size)) near.push([distance, other]);
      });
      if (near.length >= count || reach > 2 * this.size) return near.sort((one, next) => one[0] - next[0]).slice(0, count).map(([, other]) => other);
    }
  }
}

function isInside(x, y, xs, ys) {
  let inside = false;
  for (let one = 0, before = xs.length - 1; one < xs.length; before = one, one += 1) {
    if (ys[one] > y !== ys[before] > y && x < ((xs[before] - xs[one]) * (y - ys[one])) / (ys[before] - ys[one]) + xs[one]) inside = !inside;
  }
  return inside;
}
