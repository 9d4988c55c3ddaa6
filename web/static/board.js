// The day board: an item is dragged, or moved by arrow keys, to another time; what it would meet there is said meanwhile.
import { parse, say } from "./loa.js";

const STEP = 5;
const HOUR = 60;
const DAY = 1440;
const ASK_EVERY_MS = 250;
const FAR_ENOUGH = 6;
const bar = document.getElementById("move");
const board = () => document.querySelector("[data-board]");
const clock = (minute) => `${String(Math.floor(minute / HOUR)).padStart(2, "0")}:${String(minute % HOUR).padStart(2, "0")}`;
const link = (item) => item.querySelector("a");

// `held` is the item that is on its way: where it stood, at which minute it would begin.
let held = null;
let drag = null;
let asking = 0;
let noClickBefore = 0;

function hold(item) {
  if (held && held.item !== item) leave();
  if (held) return;
  const minute = Number(item.dataset.minute);
  held = { item, minute, was: minute, cell: item.parentElement, next: item.nextElementSibling, live: board().dataset.live };
  delete board().dataset.live; // nothing replaces the board under somebody's hand
  item.classList.add("moving");
  bar.action = item.dataset.move;
  bar.elements.version.value = item.dataset.version;
  bar.elements.date.value = board().dataset.day;
  bar.elements.place.value = item.closest("tr").dataset.row; // whose clock it is
  bar.hidden = false;
}

function cellAt(row, minute) {
  return [...row.cells].filter((cell) => cell.dataset.from !== undefined && Number(cell.dataset.from) <= minute).pop();
}

function standAt(minute) {
  const { item } = held;
  const was = held.minute;
  held.minute = Math.min(Math.max(minute, 0), DAY - STEP);
  const text = board().dataset.moving.replace("{title}", item.dataset.title).replace("{time}", clock(held.minute));
  item.querySelector("time").textContent = clock(held.minute);
  bar.elements.time.value = clock(held.minute);
  bar.querySelector("[data-says]").textContent = `${item.dataset.title}: ${clock(held.minute)}`;
  if (held.minute === was) return text;
  bar.querySelector("[data-put]").disabled = true; // until it is said what it meets there
  asking ||= setTimeout(ask, ASK_EVERY_MS); // also while it is on its way, not only where it rests
  return text;
}

function settle() {
  const cell = cellAt(held.item.closest("tr"), held.minute);
  const focused = held.item.contains(document.activeElement);
  if (cell && cell !== held.item.parentElement) cell.prepend(held.item);
  if (focused) link(held.item).focus();
  held.item.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// Says what it meets where it stands now. Whether that is nothing; undefined if it stands elsewhere by then.
async function ask() {
  clearTimeout(asking);
  asking = 0;
  const now = held;
  if (!now) return undefined;
  const minute = now.minute;
  const query = new URLSearchParams({ date: board().dataset.day, time: clock(minute), place: bar.elements.place.value });
  let fresh = null;
  try {
    const answer = await fetch(`${now.item.dataset.move}/preview?${query}`, { credentials: "same-origin", headers: { "X-Refresh": "1" } });
    if (answer.ok) fresh = parse(await answer.text()).querySelector("[data-meets]");
  } catch { /* the connection is away: putting it there says so */ }
  if (held !== now || minute !== now.minute) return undefined;
  bar.querySelector("[data-meets]").replaceChildren(...(fresh?.childNodes ?? []));
  bar.querySelector("[data-put]").disabled = Boolean(bar.querySelector("[data-no]"));
  return Boolean(bar.querySelector(".meets-none"));
}

function leave() {
  if (!held) return;
  const { item, cell, next, was, live } = held;
  clearTimeout(asking);
  asking = 0;
  held = null;
  item.classList.remove("moving", "dragging");
  item.style.transform = "";
  item.querySelector("time").textContent = clock(was);
  cell.insertBefore(item, next);
  bar.hidden = true;
  bar.querySelector("[data-meets]").replaceChildren();
  board().dataset.live = live;
  aim(null);
  say(board().dataset.left);
  link(item).focus();
}

// Put where it was let go, if nothing is in its way there and it loses no approval by that; else it is asked for once more.
async function putOrAsk(item) {
  if (held.minute === held.was) { leave(); return; }
  const free = await ask();
  if (free && !("again" in item.dataset)) bar.requestSubmit();
  else if (free !== undefined) bar.querySelector("[data-put]").focus();
}

function aim(cell) {
  document.querySelectorAll("td.aim").forEach((old) => old.classList.remove("aim"));
  cell?.classList.add("aim");
}

document.addEventListener("keydown", (event) => {
  const gap = event.target.closest?.(".gap");
  if (gap && event.key.startsWith("Arrow")) { along(gap, event); return; }
  if (event.key === "Escape" && held) { event.preventDefault(); leave(); return; }
  const item = event.target.closest?.("[data-move]");
  if (!item || event.target !== link(item)) return;
  const by = { ArrowRight: STEP, ArrowLeft: -STEP, ArrowDown: HOUR, ArrowUp: -HOUR }[event.key];
  if (by && (held?.item === item || Math.abs(by) === STEP)) {
    event.preventDefault();
    hold(item);
    const text = standAt(held.minute + by);
    settle();
    say(text);
  } else if (event.key === "Enter" && held?.item === item) {
    event.preventDefault();
    putOrAsk(item);
  }
});

// One free hour of each row is in the tab order; arrow keys reach the others.
function along(gap, event) {
  const row = gap.closest("tr");
  const gaps = [...row.querySelectorAll(".gap")];
  const at = gap.closest("td").cellIndex;
  let target = null;
  if (event.key === "ArrowRight") target = gaps[gaps.indexOf(gap) + 1];
  if (event.key === "ArrowLeft") target = gaps[gaps.indexOf(gap) - 1];
  if (event.key === "ArrowDown") target = row.nextElementSibling?.cells[at]?.querySelector(".gap");
  if (event.key === "ArrowUp") target = row.previousElementSibling?.cells[at]?.querySelector(".gap");
  if (!target) return;
  event.preventDefault();
  gap.tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
}
function rove() {
  if (matchMedia("(max-width: 44rem)").matches) return;
  document.querySelectorAll("[data-row]").forEach((row) => {
    row.querySelectorAll(".gap").forEach((gap, number) => { gap.tabIndex = number ? -1 : 0; });
  });
}
rove();

// Opens at this hour, on other days at the first item; a board that is replaced stays where it was scrolled to.
const hours = () => document.querySelector(".board");
let left = 0;
function open() {
  const target = hours()?.querySelector("th.now") ?? hours()?.querySelector(".item")?.closest("td");
  const village = hours()?.querySelector("th.who");
  if (target) hours().scrollLeft = target.getBoundingClientRect().left - village.getBoundingClientRect().right;
}
open();
document.addEventListener("scroll", (event) => { if (event.target === hours()) left = event.target.scrollLeft; }, true);
new MutationObserver((changes) => {
  if (!changes.some((change) => change.addedNodes.length)) return;
  rove();
  if (hours()) hours().scrollLeft = left;
}).observe(document.getElementById("main"), { childList: true });

function minuteAt(x) {
  const heads = [...board().querySelectorAll("th[data-from]")];
  const head = heads.find((one) => x < one.getBoundingClientRect().right) || heads[heads.length - 1];
  const box = head.getBoundingClientRect();
  const from = Number(head.dataset.from);
  const long = Number(head.dataset.to) - from;
  const share = Math.min(Math.max((x - box.left) / box.width, 0), 1);
  return Math.min(from + Math.round((share * long) / STEP) * STEP, from + long - STEP);
}

document.addEventListener("pointerdown", (event) => {
  const item = event.target.closest?.("[data-move]");
  const grip = event.target.closest?.(".grip");
  if (!item || event.button || (event.pointerType === "touch" && !grip) || !matchMedia("(min-width: 44.01rem)").matches) return;
  drag = { item, x: event.clientX, y: event.clientY, id: event.pointerId, on: false };
});
document.addEventListener("pointermove", (event) => {
  if (!drag || event.pointerId !== drag.id) return;
  const [right, down] = [event.clientX - drag.x, event.clientY - drag.y];
  if (!drag.on && Math.hypot(right, down) < FAR_ENOUGH) return;
  if (!drag.on) {
    drag.on = true;
    hold(drag.item);
    drag.item.setPointerCapture(drag.id);
    drag.item.classList.add("dragging");
  }
  event.preventDefault();
  drag.item.style.transform = `translate(${right}px, ${down}px)`;
  standAt(minuteAt(event.clientX));
  aim(cellAt(drag.item.closest("tr"), held.minute));
});
document.addEventListener("pointerup", (event) => {
  if (!drag || event.pointerId !== drag.id) return;
  const { item, on } = drag;
  drag = null;
  if (!on || !held) return;
  item.style.transform = "";
  item.classList.remove("dragging");
  aim(null);
  noClickBefore = event.timeStamp + 300;
  settle();
  putOrAsk(item);
});
document.addEventListener("pointercancel", () => { drag = null; leave(); });
// Letting go of an item is no click on it.
document.addEventListener("click", (event) => {
  if (event.timeStamp < noClickBefore && event.target.closest?.("[data-item]")) { event.preventDefault(); event.stopPropagation(); }
}, true);
document.addEventListener("dragstart", (event) => { if (event.target.closest?.("[data-move]")) event.preventDefault(); });
bar.querySelector("[data-leave]").addEventListener("click", leave);
