// An image sample in the review: the picture on its stage.

import { Stage } from "./picture_stage.js";

let stage = null;

export const pictureView = {
  show(place, item, { queue }) {
    stage ??= new Stage(place);
    stage.show(queue.getPicture(item), item);
  },
  compare() {},
  handleKey: (event) => stage?.handleKey(event) ?? false,
};
