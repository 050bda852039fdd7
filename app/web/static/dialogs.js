// The page's own dialogues, in place of the browser's.

import { send } from "./api.js";
import { make, showProblem } from "./dom.js";

// Ask a question; resolve to whether the answer was yes. Escape and a click beside the dialogue are a no.
export function confirm(question, { title, yes, isDangerous = false }) {
  return new Promise((resolve) => {
    const answer = (value) => () => dialog.close(value);
    const no = make("button", { type: "button", onclick: answer("no") }, "Cancel");
    const dialog = make("dialog", { ariaLabel: title, onclose: () => finish(), onclick: (event) => event.target === dialog && dialog.close("no") },
      make("div", { className: "chooser" },
        make("h2", {}, title), make("p", {}, question),
        make("div", { className: "actions" },
          make("button", { type: "button", className: isDangerous ? "danger" : "primary", onclick: answer("yes") }, yes), no)));
    function finish() {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}

export async function confirmAndDelete(path, { title, question, then }) {
  if (!await confirm(question, { title, yes: "Delete", isDangerous: true })) return;
  try {
    await send("DELETE", path);
    location.assign(then);
  } catch (error) {
    showProblem(error);
  }
}
