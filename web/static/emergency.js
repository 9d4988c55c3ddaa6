// The desk: places by list or map, as two views of the same boxes. Without script the list alone does it.
import { ZonePicker } from "./zones.js";

const zones = document.querySelector("[data-zones]");
const map = document.querySelector("[data-map]");
const order = document.getElementById("order");
const ASK_MS = 400;
let timer = 0;
let told = null; // the places that the page tells of

if (zones) {
  told = chosen();
  const picker = new ZonePicker(zones, () => {
    draw();
    clearTimeout(timer);
    timer = setTimeout(tellWhoHolds, ASK_MS);
  });
  map?.addEventListener("click", (event) => {
    const dot = event.target.closest("[data-dot]");
    const box = dot && document.getElementById(`zone-${dot.dataset.dot}`);
    if (!box || box.disabled) return;
    box.checked = !box.checked;
    picker.reveal(box.closest("li"));
    picker.update();
  });
}

function draw() {
  for (const dot of map?.querySelectorAll("[data-dot]") ?? []) {
    dot.classList.toggle("on", document.getElementById(`zone-${dot.dataset.dot}`).checked);
  }
}

function chosen() {
  const boxes = [...zones.querySelectorAll("[name=zone]:checked:not(:disabled), [name=group]:checked")];
  return new URLSearchParams(boxes.map((box) => [box.name, box.value])).toString();
}

// How many loudspeakers of the chosen places hold each message; without script, what is read back says it.
async function tellWhoHolds() {
  const query = chosen();
  if (query === told) return;
  told = query;
  const answer = await fetch(`${order.dataset.holds}?${query}`, { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) { told = null; return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const held of fresh.querySelectorAll("[data-held]")) {
    const shown = order.querySelector(`[data-held="${CSS.escape(held.dataset.held)}"]`);
    if (!shown || query !== told) continue;
    shown.textContent = held.textContent;
    shown.className = held.className;
  }
}
