// Addresses of a sample's picture, and how it is drawn: photographs smooth, small drawings as squares.

export const SMALL = 64; // pixels of the longer side up to which a picture is enlarged without smoothing
const SIDES = [128, 256, 512, 1024, 2048]; // as the service reduces them

// The uploaded picture, reduced to what this many CSS pixels need on this screen; without a side, with all its pixels.
// Of a sample that is a box: what is cut out for it.
export const findAddress = (item, side) => makeAddress(item, side, "display");

// The same on the stage of a review, which shows the picture around a box.
export const findStageAddress = (item, side) => makeAddress(item, side, item.box ? "whole" : "display");

function makeAddress(item, side, variant) {
  const address = `${item.image_url}?variant=${variant}`;
  if (!side) return address;
  const wanted = side * Math.max(1, devicePixelRatio);
  return `${address}&side=${SIDES.find((each) => each >= wanted) ?? SIDES.at(-1)}`;
}

export const isSmall = (image) => Math.max(image.naturalWidth, image.naturalHeight) <= SMALL;

// CSS pixels for a picture that may become as large as the window.
export const findStageSide = () => Math.min(1024, Math.max(innerWidth, innerHeight));

// Whether the service may have reduced the picture to the side that its address asks for.
export function isReduced(image) {
  const side = new URL(image.src).searchParams.get("side");
  return side !== null && Math.max(image.naturalWidth, image.naturalHeight) >= Number(side);
}

// Draw a picture by its own size as soon as that is known.
export function drawBySize(image) {
  const draw = () => image.classList.toggle("pixels", isSmall(image));
  if (image.complete && image.naturalWidth) draw();
  else image.addEventListener("load", draw, { once: true });
  return image;
}
