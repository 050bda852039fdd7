// A sample of pictures in the review: its picture, at once.

export const pictureView = {
  show(place, item, { queue, isPixels }) {
    const image = queue.pictureOf(item);
    image.className = isPixels ? "pixels" : "";
    image.alt = `Sample ${item.key}`;
    place.replaceChildren(image);
  },
  compare() {},
};
