// Login that stays on the page if the key is not accepted.

import { find, showProblem } from "./dom.js";

find("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (answer.ok) {
    location.assign(new URL(answer.url).pathname === "/login" ? "/" : answer.url);
    return;
  }
  const document = await answer.json().catch(() => ({}));
  showProblem({ message: document.detail ?? "This key was not accepted." });
  find("key").select();
});
