// The views of one sample in the review, by the `sample_view` of a data kind.
// `show(place, item, { queue })` is called at once, `compare(place, similar)` when the answer of /similar
// arrives; a random check calls `showAlone(place, item)` instead, if the view has it. `handleKey(event)`, if the view
// has it, takes the keys of the display.

import { featureView } from "./feature_view.js";
import { pictureView } from "./picture_view.js";
import { tableView } from "./table_view.js";
import { textView } from "./text_view.js";

export const VIEWS = { picture: pictureView, features: featureView, table: tableView, text: textView };
