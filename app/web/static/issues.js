// The first data issues of an audit, one row per kind.

import { get, query } from "./api.js";
import { find, make } from "./dom.js";
import { makeEnlargeable } from "./enlarged.js";

const { id } = find("audit").dataset;
const SHOWN = 12;

for (const list of document.querySelectorAll("#issues [data-kind]")) {
  const page = await get(`/v1/audits/${id}/issues${query({ kind: list.dataset.kind, limit: SHOWN })}`);
  list.append(...page.items.map(makeItem));
}

function makeItem(issue) {
  return make("li", { title: `${issue.key}: ${issue.detail}` }, make("div", { className: "thumb" },
    makeEnlargeable(issue, { alt: `Sample ${issue.key}: ${issue.detail}` }),
    make("span", { className: "words" }, make("span", { className: "given" }, issue.given_label ?? issue.key))));
}
