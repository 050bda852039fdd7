// A picture of a list, as large as the window, until Esc or a click.

import { make, makePicture } from "./dom.js";
import { findStageAddress, findStageSide } from "./pictures.js";

// Return the picture of a list inside a button that enlarges it; what is no picture stays as it is.
export function makeEnlargeable(item, { alt }) {
  const picture = makePicture(item, { alt });
  if (!item.image_url) return picture;
  return make("button", { type: "button", className: "look", title: "Enlarge", ariaLabel: `Enlarge ${alt}`, onclick: () => enlarge(item, alt) }, picture);
}

function enlarge(item, alt) {
  const dialog = make("dialog", { className: "enlarged", ariaLabel: alt, onclose: () => dialog.remove(), onclick: () => dialog.close() },
    make("img", { src: findStageAddress(item, findStageSide()), alt }),
    make("p", { className: "line" }, make("span", { className: "mono" }, item.key), make("strong", {}, item.given_label ?? "")),
    make("button", { type: "button" }, "Close ", make("kbd", {}, "Esc")));
  document.body.append(dialog);
  dialog.showModal();
}
