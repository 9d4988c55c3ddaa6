// Forms of bulletins, relays and playlists: the zone picker, and a list that is put into order by dragging, by the arrow
// keys and by its buttons, without asking the centre. Without script the buttons of the list are sent to the centre.
import { say } from "./loa.js";
import { ZonePicker } from "./zones.js";

const zones = document.querySelector("form [data-zones]");
if (zones) new ZonePicker(zones, () => {});

const list = document.querySelector("[data-order]");
if (list) {
  const items = () => [...list.querySelectorAll(":scope > li")];
  const clock = (us) => `${Math.floor(us / 6e7)}:${String(Math.round(us / 1e6) % 60).padStart(2, "0")}`;

  const settle = () => {
    const all = items();
    all.forEach((item, n) => {
      item.querySelector("[data-place]").textContent = n + 1;
      for (const button of item.querySelectorAll("button[name=intent]")) button.value = `${button.value.split("-")[0]}-${n}`;
      item.querySelector("[value^=up]").disabled = n === 0;
      item.querySelector("[value^=down]").disabled = n === all.length - 1;
    });
    const total = document.querySelector("[data-total]");
    if (total) total.textContent = clock(all.reduce((sum, item) => sum + Number(item.dataset.us), 0));
  };
  const told = (item) => say(list.dataset.moved.replace("{title}", item.dataset.title).replace("{place}", items().indexOf(item) + 1).replace("{total}", items().length));

  const move = (item, by) => {
    const all = items();
    const other = all[all.indexOf(item) + by];
    if (!other) return;
    if (by < 0) other.before(item);
    else other.after(item);
    settle();
    told(item);
  };

  list.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=intent]");
    if (!button) return;
    const item = button.closest("li");
    const what = button.value.split("-")[0];
    event.preventDefault();
    if (what === "remove") {
      const next = item.nextElementSibling || item.previousElementSibling;
      item.remove();
      settle();
      say(list.dataset.removed.replace("{title}", item.dataset.title));
      (next?.querySelector("[data-grip]") || document.getElementById("add"))?.focus();
      return;
    }
    move(item, what === "up" ? -1 : 1);
    if (button.disabled) item.querySelector("[data-grip]").focus();
    else button.focus();
  });

  list.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by || !event.target.matches("[data-grip]")) return;
    event.preventDefault();
    move(event.target.closest("li"), by);
    event.target.focus();
  });

  // By pointer, so that a finger drags as a mouse does.
  list.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (!grip || event.button) return;
    const item = grip.closest("li");
    grip.setPointerCapture(event.pointerId);
    item.classList.add("held");
    const follow = (moved) => {
      const over = items().find((other) => other !== item && moved.clientY > other.getBoundingClientRect().top && moved.clientY < other.getBoundingClientRect().bottom);
      if (!over) return;
      const box = over.getBoundingClientRect();
      const below = moved.clientY > box.top + box.height / 2;
      const all = items();
      const from = all.indexOf(item);
      const to = all.indexOf(over);
      // The others are moved: what is held would lose the pointer.
      if (to > from && below) all.slice(from + 1, to + 1).forEach((other) => item.before(other));
      if (to < from && !below) all.slice(to, from).reverse().forEach((other) => item.after(other));
      settle();
    };
    const drop = () => {
      item.classList.remove("held");
      grip.removeEventListener("pointermove", follow);
      told(item);
    };
    grip.addEventListener("pointermove", follow);
    grip.addEventListener("lostpointercapture", drop, { once: true });
  });
}
