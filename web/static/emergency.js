// The desk: places by list or map, as two views of the same boxes. Without script the list alone does it.
import { ZonePicker } from "./zones.js";

const zones = document.querySelector("[data-zones]");
const map = document.querySelector("[data-map]");

if (zones) {
  zones.querySelectorAll("[data-folded]").forEach((list) => { list.hidden = true; });
  const picker = new ZonePicker(zones, () => draw());
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
