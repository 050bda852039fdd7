// One decision for many samples: one request, one undo. What is not plain is asked first, with the evidence.

import { send } from "./api.js";
import { confirm } from "./dialogs.js";
import { find } from "./dom.js";
import { formatCount, formatPercent } from "./format.js";
import { describeCount } from "./review_grid.js";

const WORDS = {
  keep: ["Keep the labels of", "kept"], accept: ["Accept the suggestions for", "accepted as suggested"],
  relabel: ["Label", "labelled"], drop: ["Drop", "dropped"], unsure: ["Mark as unsure", "marked as unsure"],
};

export class Bulk {
  constructor({ audit, reviewer }) {
    this.path = `/v1/audits/${audit}/bulk-actions`;
    this.reviewer = reviewer;
  }

  // `chosen` is { items } that were looked at, or { filters, replaces }.
  makeBody(action, label, chosen) {
    const reviewer = this.reviewer();
    const samples = chosen.items?.map((item) => ({ position: item.position, version: item.review?.version ?? null }));
    return {
      action, ...(label ? { label } : {}), ...(reviewer ? { reviewer } : {}),
      ...(samples ? { samples } : { filters: chosen.filters, replaces: chosen.replaces }),
    };
  }

  count(filters) {
    return send("POST", `${this.path}/preview`, { body: { action: "keep", filters, replaces: true } });
  }

  // Decide, after a question where the answer is not plain; return what was done, or null.
  async decide(action, label, chosen) {
    const body = this.makeBody(action, label, chosen);
    const isPlain = chosen.items && action !== "accept";
    if (!isPlain) {
      const preview = await send("POST", `${this.path}/preview`, { body });
      const title = `${WORDS[action][0]} ${describeCount(preview.samples)}${label ? ` as ${label}` : ""}?`;
      if (!await confirm(describePreview(action, preview, chosen), { title, yes: "Yes, do it", isDangerous: action === "drop" })) return null;
    }
    const done = await send("POST", this.path, { body });
    this.say(done, action, label);
    return done;
  }

  say(done, action, label) {
    const left = done.left_out ? ` ${describeCount(done.left_out)} left as they are: somebody reviewed them meanwhile or has them on their screen.` : "";
    find("done-words").textContent = `${describeCount(done.saved)} ${WORDS[action][1]}${label ? ` as ${label}` : ""}.${left}`;
    find("done").hidden = false;
  }

  undo(id) {
    return send("POST", `${this.path}/${id}/undo`);
  }
}

function describePreview(action, preview, chosen) {
  const sentences = [];
  if (action === "accept") sentences.push(`${formatCount(preview.changed)} labels change to the suggested class.`);
  if (action === "accept" || action === "relabel" || action === "drop") {
    sentences.push(preview.wrong_interval === null ? "How many of these labels are wrong is not known."
      : `${formatCount(preview.wrong_interval[0])} to ${formatCount(preview.wrong_interval[1])} of these ${formatCount(preview.samples)} labels are wrong, if they are like others of their place in the ranking (${preview.rests_on}).`);
  }
  if (action === "accept") {
    const right = preview.improves;
    sentences.push(right
      ? `Of the flagged labels that were checked at random, the suggestion was right for ${formatPercent(right.centre, 0)} (${formatPercent(right.low, 0)} to ${formatPercent(right.high, 0)}).`
      : "How many of the suggestions are right is not known; a check at random tells it.");
  }
  if (preview.busy) sentences.push(`${describeCount(preview.busy)} that other people have on their screens now are left out.`);
  if (chosen.filters) {
    sentences.push("Nobody has looked at each of these samples, so the verdicts change labels but count as no evidence.");
    if (preview.reviewed) sentences.push(chosen.replaces ? `The verdicts that ${formatCount(preview.reviewed)} of them have are replaced.` : `${describeCount(preview.reviewed)} of this filter have a verdict already; it stays.`);
  }
  return `${sentences.join(" ")} One undo takes all of it back.`;
}
