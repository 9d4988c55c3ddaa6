// Sign-in without losing the typed password when a code from the phone is asked for as well.
import { parse } from "./loa.js";

const form = document.getElementById("door");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body, credentials: "same-origin", headers: { Accept: "text/html" } });
    if (answer.redirected) return location.assign(answer.url);
    const page = parse(await answer.text());
    for (const id of ["door-says", "door-code"]) {
      const fresh = page.getElementById(id);
      if (!fresh) return form.submit();
      const old = document.getElementById(id);
      if (id === "door-says" || !old.querySelector("input")) old.replaceWith(fresh);
    }
    const code = form.querySelector("[name=code]");
    if (code) code.value = "";
    (code || form.querySelector("[name=password]")).focus();
  } catch {
    form.submit();
  }
  delete form.dataset.busy;
});
