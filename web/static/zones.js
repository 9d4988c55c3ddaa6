// The zone picker: a ticked zone takes in all below it. A letter typed with a diacritic must have it, one typed without
// may have any, so "tra don" shows both Trà Don and Trà Dơn and whoever asked chooses.
const letters = (text) => [...text.normalize("NFC").toLowerCase()];
const bare = (letter) => (letter === "đ" ? "d" : letter.normalize("NFD")[0]);
const isLetter = (letter) => /[\p{L}\p{N}]/u.test(letter);

function matches(typed, name) {
  return name.some((_, start) => (start === 0 || !isLetter(name[start - 1])) && start + typed.length <= name.length
    && typed.every((letter, n) => letter === name[start + n] || letter === bare(name[start + n])));
}

export class ZonePicker {
  constructor(root, changed) {
    this.root = root;
    this.changed = changed;
    this.items = [...root.querySelectorAll("li[data-name]")];
    this.search = root.querySelector("[data-search]");
    this.note = root.querySelector("[data-search-note]");
    root.querySelectorAll("[data-folded]").forEach((list) => { list.hidden = true; });
    root.querySelectorAll(".fold").forEach((fold) => fold.addEventListener("click", () => this.toggle(fold)));
    root.addEventListener("change", (event) => { if (event.target.matches("[name=zone], [name=group]")) this.update(); });
    root.querySelectorAll("[data-set]").forEach((chip) => chip.addEventListener("click", () => this.choose(chip)));
    this.search?.addEventListener("input", () => this.find());
    this.search?.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    this.update();
  }

  box(item) { return item.querySelector(":scope > .branch input"); }

  toggle(fold, open = fold.getAttribute("aria-expanded") !== "true") {
    fold.setAttribute("aria-expanded", String(open));
    document.getElementById(fold.getAttribute("aria-controls")).hidden = !open;
  }

  update() {
    for (const item of this.items) {
      const box = this.box(item);
      const parent = item.parentElement.closest("li[data-name]");
      const covered = parent && (this.box(parent).checked || this.box(parent).disabled);
      if (covered && !box.disabled) { box.dataset.own = box.checked ? "1" : ""; box.checked = true; box.disabled = true; }
      if (!covered && box.disabled) { box.disabled = false; box.checked = box.dataset.own === "1"; }
    }
    for (const item of [...this.items].reverse()) {
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
    const typed = letters(this.search.value.trim().replace(/\s+/g, " "));
    const exact = this.items.filter((item) => matches(typed, letters(item.dataset.name)));
    const near = exact.length ? exact : this.items.filter((item) => matches(typed.map(bare), letters(item.dataset.name)));
    const found = new Set(near);
    for (const item of this.items) {
      const below = [...item.querySelectorAll("li[data-name]")];
      item.hidden = typed.length > 0 && !found.has(item) && !below.some((li) => found.has(li)) && !this.inside(item, found);
      if (typed.length && found.has(item)) this.reveal(item);
    }
    const says = this.note.dataset;
    this.note.textContent = !typed.length ? "" : !found.size ? says.none : !exact.length ? says.near
      : says.found.replace("{count}", String(found.size));
  }

  inside(item, found) {
    const parent = item.parentElement.closest("li[data-name]");
    return !!parent && found.has(parent);
  }
}
