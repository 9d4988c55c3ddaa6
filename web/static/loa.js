// What every page shares: fragments that follow the centre's changes, menus, forms that are sent once.
const REFRESH_MS = 800;
const AGE_MS = 60000;
const RETRY_MS = 15000;
const REACH_MS = 8000;

const spoken = document.getElementById("spoken");

export function say(text) {
  if (spoken && text) {
    spoken.textContent = "";
    requestAnimationFrame(() => { spoken.textContent = text; });
  }
}

export function parse(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

const isText = (field) => field.matches("textarea, input:not([type=hidden], [type=checkbox], [type=radio], [type=file])");
// Something was typed or chosen that the centre has not got.
function touched(root) {
  return [...root.querySelectorAll("input:not([type=hidden]), textarea, option")].some((field) => field.tagName === "OPTION"
    ? field.selected && !field.defaultSelected && field.index > 0
    : isText(field) ? field.value !== field.defaultValue : field.checked !== field.defaultChecked || field.files?.length > 0);
}

const keyOf = (part) => part.id || [part.getAttribute("href") || (part.querySelector("summary") || part).textContent.trim(), part.name, part.value,
  part.form?.getAttribute("action"), part.parentElement.closest("[id]")?.id].join(" ");
// What `part` of `old` is in `fresh`; nothing where it cannot be told from others, as Enter might then do another's act.
function sameIn(fresh, old, part) {
  const [was, now] = [old, fresh].map((root) => [...root.querySelectorAll(part.tagName)].filter((one) => keyOf(one) === keyOf(part)));
  return now[was.length === now.length ? was.indexOf(part) : part.id || part.href ? 0 : -1];
}

// Replaces the part of the page with the id of `fresh`, leaving what someone is using alone; not what they asked for.
export function swap(old, fresh, asked = false) {
  if (old.innerHTML === fresh.innerHTML) return;
  const audio = [...old.querySelectorAll("audio")].find((a) => !a.paused);
  const active = document.activeElement;
  const typing = old.contains(active) && active.matches("input, textarea, select");
  if (audio || (!asked && (typing || touched(old)))) return;
  const focus = old !== active && old.contains(active) && sameIn(fresh, old, active);
  const open = [...old.querySelectorAll("details[open]")].map((details) => sameIn(fresh, old, details));
  if (fresh.dataset.say && fresh.dataset.say !== old.dataset.say) say(fresh.dataset.say);
  old.replaceWith(fresh);
  open.forEach((details) => details?.setAttribute("open", ""));
  if (focus) focus.focus({ preventScroll: true });
}

const live = () => [...document.querySelectorAll("[data-live]")];
// A part names a thing or a kind ("airing:"), a change a thing or, where very many changed, their kind; "" is everything.
const concerns = (part, words) => part.dataset.live.split(" ").some((own) => words.some((word) => word.startsWith(own) || own.startsWith(word)));

let pending = 0;
let missed = false;
let changed = new Set();

async function refresh() {
  pending = 0;
  if (document.hidden) {
    missed = true;
    return;
  }
  const words = [...changed];
  changed = new Set();
  const wanted = live().filter((part) => concerns(part, words));
  for (const source of new Set(wanted.map((part) => part.dataset.from || location.href))) {
    try {
      const answer = await fetch(source, { credentials: "same-origin", headers: { "X-Refresh": "1" } });
      if (!answer.ok || answer.redirected) continue;
      const page = parse(await answer.text());
      for (const part of live()) {
        if ((part.dataset.from || location.href) !== source) continue;
        const fresh = page.getElementById(part.id);
        if (fresh) swap(part, fresh);
        else if (!part.dataset.from) part.remove();
      }
    } catch {
      // The connection is away; the next change or the next minute asks again.
    }
  }
}

export function refreshSoon(words = [""]) {
  words.forEach((word) => changed.add(word));
  if (!pending) pending = setTimeout(refresh, REFRESH_MS);
}

function follow() {
  const source = new EventSource("/events");
  source.addEventListener("change", (event) => {
    const words = event.data.split(" ");
    if (live().some((part) => concerns(part, words))) refreshSoon(words);
  });
  // What was asked for or began while this page was on its way is told to nobody: an alarm must not wait for the next minute.
  source.addEventListener("open", () => { refreshSoon(missed ? [""] : ["emergency:"]); missed = false; });
  source.addEventListener("error", () => {
    missed = true;
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => { refreshSoon(); follow(); }, RETRY_MS);
    }
  });
  addEventListener("pagehide", () => source.close());
}

let following = false;
export function startFollowing() {
  if (following || !window.EventSource) return;
  following = true;
  follow();
  setInterval(() => refreshSoon(), AGE_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) { missed = false; refreshSoon(); }
  });
}
if (live().length) startFollowing();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (!form.dataset.reached && [...form.elements].some((field) => isText(field) && (field.value || field.defaultValue))) {
    event.preventDefault();
    sendOnceReached(form, event.submitter);
    return;
  }
  delete form.dataset.reached;
  form.dataset.sent = "1";
  setTimeout(() => { delete form.dataset.sent; }, 8000);
});

// What sets sound going is done by its button alone: Enter in a field or on a tick sends no such form.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input") && event.target.form?.dataset.deliberate) event.preventDefault();
});

// What was typed is handed over only while the centre answers: on a dead line it stays on the page.
async function sendOnceReached(form, submitter) {
  if (form.dataset.asking) return;
  form.dataset.asking = "1";
  document.getElementById("lost")?.remove();
  try {
    const sign = document.querySelector("link[rel=icon]").href;
    await fetch(sign, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout?.(REACH_MS) });
    form.dataset.reached = "1";
    form.requestSubmit(submitter);
  } catch {
    lost(form, document.body.dataset.lost);
  } finally {
    delete form.dataset.asking;
    delete form.dataset.reached;
  }
}

export function lost(form, text) {
  const trouble = document.getElementById("lost") || document.createElement("p");
  trouble.id = "lost";
  trouble.className = "wrong";
  trouble.setAttribute("role", "alert");
  trouble.textContent = text;
  form.prepend(trouble);
  trouble.scrollIntoView({ block: "center" });
}
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((f) => delete f.dataset.sent));

const closeMenus = (except) => document.querySelectorAll("details.menu[open]").forEach((menu) => {
  if (!except || !menu.contains(except)) menu.removeAttribute("open");
});
for (const left of ["click", "focusin"]) document.addEventListener(left, (event) => closeMenus(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.activeElement?.closest("details.menu[open]");
  closeMenus();
  menu?.querySelector("summary").focus();
});

document.addEventListener("play", (event) => {
  document.querySelectorAll("audio").forEach((audio) => { if (audio !== event.target) audio.pause(); });
}, true);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || !navigator.clipboard) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  say(button.dataset.copied);
  button.textContent = button.dataset.copied;
});
document.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => print()));
document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });
document.querySelectorAll("select[data-go]").forEach((choice) => choice.addEventListener("change", () => choice.form.requestSubmit()));
document.getElementById("errors")?.focus();
