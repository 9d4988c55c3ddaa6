// The zone picker: a ticked zone takes in all below it. A letter typed with a diacritic must have it, one typed without
// may have any, so "tra don" shows both Trà Don and Trà Dơn and whoever asked chooses. Of thousands only those above
// villages are there: the rest is fetched where one is opened, or by its name.
import { parse } from "./loa.js";

const ASK_MS = 300;
// The mark of "hòa" is looked for where "hoà" has it, and "hò" may yet become it (scheduler/tone_marks.py says which do).
const MARK = /(o|q?u)([\u0300\u0301\u0303\u0309\u0323])([aey])(?!\p{M})/gu;
const SECOND = { o: "ae", u: "y", qu: "" };
const settled = (text) => text.toLowerCase().normalize("NFD")
  .replace(MARK, (all, first, tone, second) => (SECOND[first].includes(second) ? first + second + tone : all)).normalize("NFC");
const begun = (typed) => [typed, ...[..."aey"].map((second) => letters([...typed, second].join("")))
  .filter((longer) => typed.some((letter, n) => letter !== longer[n]))];
const letters = (text) => [...settled(text)];
const bare = (letter) => (letter === "đ" ? "d" : letter.normalize("NFD")[0]);
const isLetter = (letter) => /[\p{L}\p{N}]/u.test(letter);
const below = (item) => item.querySelector(":scope > ul");

const stands = (typed, name) => name.some((_, start) => (start === 0 || !isLetter(name[start - 1]))
  && start + typed.length <= name.length && typed.every((letter, n) => letter === name[start + n] || letter === bare(name[start + n])));
const matches = (forms, name) => forms.some((typed) => stands(typed, name));

// A place is found with those it lies in too, in any order: "thôn 1 trà leng" (scheduler/zones/names.py says how). Of the
// typed words, from and to, those that stand in a name; all but the last one that was typed are whole.
const KINDS = ["xã", "phường", "huyện", "tỉnh"].map(letters);
const words = (text) => (settled(text).match(/[\p{L}\p{N}_]+/gu) ?? []).map((word) => [...word]);
const whole = (typed, word) => typed.length === word.length
  && typed.every((letter, n) => letter === word[n] || letter === bare(word[n]));

function runs(typed, name) {
  const found = [];
  typed.forEach((_, from) => name.forEach((_, start) => {
    for (let n = 0; from + n < typed.length && start + n < name.length; n += 1) {
      const word = typed[from + n], last = from + n + 1 === typed.length;
      if (!(last ? begun(word) : [word]).some((form) => whole(form, last ? name[start + n].slice(0, form.length) : name[start + n]))) break;
      found.push([from, from + n + 1]);
    }
  }));
  return found;
}

function madeUp(found, from, to) {
  const reached = new Set([from]);
  for (let at = from; at < to; at += 1) {
    if (reached.has(at)) found.forEach(([start, end]) => { if (start === at && end <= to) reached.add(end); });
  }
  return reached.has(to);
}

function together(typed, name, above) {
  const kinds = typed.flatMap((word, n) => (KINDS.some((kind) => whole(word, kind)) ? [[n, n + 1]] : []));
  const others = kinds.concat(above.flatMap((one) => runs(typed, words(one))));
  return runs(typed, words(name)).some(([from, to]) => madeUp(others, 0, from) && madeUp(others, to, typed.length));
}

export class ZonePicker {
  constructor(root, changed) {
    this.root = root;
    this.changed = changed;
    this.tree = root.querySelector(".tree");
    this.search = root.querySelector("[data-search]");
    this.note = root.querySelector("[data-search-note]");
    this.ready(root);
    root.addEventListener("click", (event) => this.pressed(event.target));
    root.addEventListener("change", (event) => { if (event.target.matches("[name=zone], [name=group]")) this.update(); });
    root.querySelectorAll("[data-set]").forEach((chip) => chip.addEventListener("click", () => this.choose(chip)));
    this.search?.addEventListener("input", () => this.find());
    this.search?.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    this.update();
  }

  get items() { return [...this.root.querySelectorAll("li[data-name]")]; }

  box(item) { return item.querySelector(":scope > .branch input[name=zone]"); }

  item(id) { return document.getElementById(`zone-${id}`)?.closest("li"); }

  ready(part) {
    part.querySelectorAll("[data-folded]").forEach((list) => { list.hidden = true; });
    part.querySelectorAll("[name=unfold]").forEach((button) => { button.type = "button"; });
  }

  pressed(target) {
    const fold = target.closest(".fold");
    const rest = target.closest(".rest button");
    if (fold) this.toggle(fold);
    if (rest) this.open(rest.value);
  }

  async toggle(fold, open = fold.getAttribute("aria-expanded") !== "true") {
    const list = document.getElementById(fold.getAttribute("aria-controls"));
    fold.setAttribute("aria-expanded", String(open));
    list.hidden = !open;
    if (!open || list.childElementCount || !("more" in list.dataset)) return;
    if (!await this.open(fold.value)) fold.setAttribute("aria-expanded", "false");
  }

  // Fetches all right below a place, and says so in the form, for the page that may be made from it.
  async open(id) {
    const item = this.item(id);
    if (!item || !await this.fetch({ zone: id })) return false;
    const open = Object.assign(document.createElement("input"), { type: "hidden", name: "open", value: id });
    item.querySelector(".branch").append(open);
    return true;
  }

  async fetch(query) {
    const address = `${this.tree.dataset.rest}&${new URLSearchParams(query)}`;
    const answer = await fetch(address, { credentials: "same-origin" }).catch(() => null);
    const fresh = answer?.ok ? parse(await answer.text()).querySelector(".tree") : null;
    this.note.textContent = fresh ? "" : this.note.dataset.trouble;
    if (!fresh) return null;
    this.merge(this.tree, fresh);
    this.update();
    return fresh;
  }

  // What is there already stays as it is, ticked or not.
  merge(list, fresh) {
    let next = list.firstElementChild;
    for (const item of [...fresh.children]) {
      const own = this.box(item);
      const here = own && this.item(own.value);
      if (here) {
        if (below(here) && below(item)) this.merge(below(here), below(item));
        next = here.nextElementSibling;
      } else if (own || ("more" in list.dataset && !list.querySelector(":scope > .rest"))) {
        this.ready(item);
        list.insertBefore(item, next);
      }
    }
    if (!("more" in fresh.dataset)) {
      delete list.dataset.more;
      list.querySelector(":scope > .rest")?.remove();
    }
  }

  update() {
    const items = this.items;
    for (const item of items) {
      const box = this.box(item);
      const parent = item.parentElement.closest("li[data-name]");
      const covered = parent && (this.box(parent).checked || this.box(parent).disabled);
      if (covered && !box.disabled) { box.dataset.own = box.checked ? "1" : ""; box.checked = true; box.disabled = true; }
      if (!covered && box.disabled) { box.disabled = false; box.checked = box.dataset.own === "1"; }
    }
    for (const item of items.reverse()) {
      const box = this.box(item);
      box.indeterminate = !box.checked && !!item.querySelector("ul input:checked");
    }
    for (const chip of this.root.querySelectorAll("[data-set]")) {
      chip.setAttribute("aria-pressed", String(chip.dataset.set === this.chosen()));
    }
    this.changed();
  }

  chosen() {
    return [...this.root.querySelectorAll("[name=zone]:checked, [name=group]:checked")]
      .filter((box) => !box.disabled).map((box) => `${box.name}:${box.value}`).sort().join(" ");
  }

  choose(chip) {
    const wanted = chip.getAttribute("aria-pressed") === "true" ? [] : chip.dataset.set.split(" ");
    for (const box of this.root.querySelectorAll("[name=zone], [name=group]")) {
      box.disabled = false;
      box.checked = wanted.includes(`${box.name}:${box.value}`);
      delete box.dataset.own;
      if (box.checked) this.reveal(box.closest("li"));
    }
    this.update();
  }

  reveal(item) {
    for (let up = item?.parentElement.closest("li"); up; up = up.parentElement.closest("li")) {
      const fold = up.querySelector(":scope > .branch .fold");
      if (fold) this.toggle(fold, true);
    }
  }

  find() {
    clearTimeout(this.waiting);
    const typed = this.search.value.trim();
    const asks = this.tree.dataset.rest && typed.length > 1;
    this.show(asks);
    if (asks) this.waiting = setTimeout(() => this.ask(typed), ASK_MS);
  }

  async ask(typed) {
    const fresh = await this.fetch({ typed });
    if (!fresh || typed !== this.search.value.trim()) return;
    this.show();
    if ("many" in fresh.dataset) this.note.textContent = this.note.dataset.many;
  }

  show(asking = false) {
    const items = this.items;
    const typed = letters(this.search.value.trim().replace(/\s+/g, " "));
    const forms = begun(typed);
    let exact = items.filter((item) => matches(forms, letters(item.dataset.name)));
    if (typed.length && !exact.length) exact = this.named(words(this.search.value), items);
    const near = exact.length ? exact : items.filter((item) => matches([typed.map(bare)], letters(item.dataset.name)));
    const found = new Set(near);
    for (const item of items) {
      const under = [...item.querySelectorAll("li[data-name]")];
      item.hidden = typed.length > 0 && !found.has(item) && !under.some((li) => found.has(li)) && !this.inside(item, found);
      if (typed.length && found.has(item)) this.reveal(item);
    }
    const says = this.note.dataset;
    this.note.textContent = !typed.length || asking ? "" : !found.size ? says.none : !exact.length ? says.near
      : says.found.replace("{count}", String(found.size));
  }

  named(typed, items) {
    return items.filter((item) => {
      const above = [];
      for (let up = item; (up = up.parentElement.closest("li[data-name]"));) above.push(up.dataset.name);
      return typed.length <= 16 && together(typed, item.dataset.name, above);
    });
  }

  inside(item, found) {
    const parent = item.parentElement.closest("li[data-name]");
    return !!parent && found.has(parent);
  }
}
