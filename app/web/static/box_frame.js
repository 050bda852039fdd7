// The frame of a box over its picture: it follows the picture's zoom, and its line keeps its width.

import { make } from "./dom.js";

export function makeFrame(item) {
  const { left, top, width, height, picture_width: across, picture_height: down } = item.box;
  const line = make("div", { className: "box-line" });
  const share = (value, length) => `${(100 * value) / length}%`;
  Object.assign(line.style, { left: share(left, across), top: share(top, down), width: share(width, across), height: share(height, down) });
  return make("div", { className: "box-frame", role: "img", ariaLabel: `Box of ${item.key}` }, line);
}

export function placeFrame(frame, image, zoom) {
  Object.assign(frame.style, { width: image.style.width, height: image.style.height, transform: image.style.transform });
  frame.style.setProperty("--zoom", zoom);
}
