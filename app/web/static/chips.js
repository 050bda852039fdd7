// The chip of a status, in the colours of the template's macro `status`.

import { make } from "./dom.js";

const COLOURS = { ready: "good", succeeded: "good", failed: "bad", rejected: "bad", running: "busy", ingesting: "busy" };

export const makeChip = (status) => make("span", { className: `chip ${COLOURS[status] ?? ""}` }, status);
