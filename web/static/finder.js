// One place out of thousands, in a list that has a few of them: the centre answers with those that have the typed name.
import { parse } from "./loa.js";

const ASK_MS = 300;

function enhance(box) {
  const input = box.querySelector("input");
  const list = document.getElementById(box.dataset.for);
  const note = document.getElementById(`${box.dataset.for}-found`);
  let timer = 0;

  async function ask() {
    const typed = input.value.trim();
    const query = new URLSearchParams({ typed, chosen: list.value });
    const answer = await fetch(`${box.dataset.finder}&${query}`, { credentials: "same-origin" }).catch(() => null);
    const fresh = answer?.ok ? parse(await answer.text()).querySelector("select") : null;
    if (typed !== input.value.trim()) return;
    if (!fresh) { note.textContent = note.dataset.trouble; return; }
    const { many, found, none } = note.dataset;
    const count = fresh.dataset.count;
    note.textContent = !typed ? "" : "many" in fresh.dataset ? many : count > 0 ? found.replace("{count}", count) : none;
    const chosen = list.value;
    [...list.options].filter((option) => option.value).forEach((option) => option.remove());
    list.append(...fresh.options);
    list.value = chosen;
  }

  box.querySelector("button").type = "button";
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, ASK_MS); });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
}

document.querySelectorAll("[data-finder]").forEach(enhance);
