// An image sample in the review.

export const pictureView = {
  show(place, item, { queue, isPixels }) {
    const image = queue.getPicture(item);
    image.className = isPixels ? "pixels" : "";
    image.alt = `Sample ${item.key}`;
    place.replaceChildren(image);
  },
  compare() {},
};
