// How the review shows one sample, by the name that a kind of data gives as its `sample_view`.
// `show(place, item, { queue, isPixels })` is called at once, `compare(place, found)` with the answer of
// /similar when it comes.

import { featureView } from "./feature_view.js";
import { pictureView } from "./picture_view.js";

export const VIEWS = { picture: pictureView, features: featureView };
