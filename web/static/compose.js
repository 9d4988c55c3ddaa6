// New broadcast: one step open at a time, what was typed kept on this device, sound produced while the rest is chosen.
import { lost as tellLost, parse, say, startFollowing, swap } from "./loa.js";
import { Recorder } from "./recorder.js";
import { ZonePicker } from "./zones.js";

const ORDER = ["what", "where", "when", "check"];
const WHAT = ["source", "text", "title", "voice", "speed", "existing"];
const form = document.getElementById("compose");
const steps = ORDER.map((name) => form.querySelector(`[data-step=${name}]`));
const draftKey = form.dataset.draft;
const upload = form.querySelector("[data-upload]");
const recorder = new Recorder(form.querySelector("[data-recorder]"));
let madeFrom = form.elements.announcement_id.value ? fingerprint() : "";
const edited = form.elements.version;
let ready = false;

const zones = form.querySelector("[data-zones]");
const picker = new ZonePicker(zones, () => { keep(); if (zones.querySelector("[name=zone]:checked, [name=group]:checked")) settle(zones); });

// What was typed outlives a lost connection or a reload.
function values() {
  return [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !["csrf_token", "once", "zone-find"].includes(name));
}
function keep() {
  if (!ready) return;
  try {
    if (edited && form.elements.text.value === form.elements.text.defaultValue) localStorage.removeItem(draftKey);
    else localStorage.setItem(draftKey, JSON.stringify(values()));
  } catch { /* private mode: nothing is kept */ }
}
function forget() {
  ready = false;
  try { localStorage.removeItem(draftKey); } catch { /* as above */ }
}
async function restore() {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(draftKey)); } catch { return; }
  const text = kept?.find(([name]) => name === "text")?.[1];
  if (!text?.trim() || (edited ? text === form.elements.text.value : form.elements.text.value)) return;
  if (edited && kept.find(([name]) => name === "version")?.[1] !== edited.value) { restoreText(kept); return; }
  const opened = kept.filter(([name]) => name === "open");
  if (opened.length) await Promise.all(opened.map(([, id]) => picker.open(id)));
  const given = new URLSearchParams(location.search).has("zone"); // where and when come from the board
  const chosen = ["zone", "group", "when", "date", "time"];
  for (const box of form.querySelectorAll("[type=checkbox]")) if (!given || !chosen.includes(box.name)) box.checked = false;
  for (const [name, value] of kept) {
    if (name === "announcement_id" || name === "open" || (given && chosen.includes(name))) continue;
    for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (field.type === "radio" || field.type === "checkbox") { if (field.value === value) field.checked = true; }
      else if (field.type !== "file" && field.name !== "except") field.value = value;
    }
  }
  document.querySelector("[data-restored]").hidden = false;
  form.querySelector("[name=zone]")?.dispatchEvent(new Event("change", { bubbles: true }));
}
// Where and when somebody else has saved meanwhile stand: of an older version only the words are brought back.
function restoreText(kept) {
  for (const [name, value] of kept) if (["source", "text", "title"].includes(name)) form.elements[name].value = value;
  document.querySelector("[data-meanwhile]").hidden = false;
}
for (const button of document.querySelectorAll("[data-forget]")) button.addEventListener("click", () => { forget(); location.assign(location.pathname); });
form.addEventListener("input", keep);

// One step is open; those before it are folded to a sentence.
function show(current, focus = true) {
  steps.forEach((step, number) => {
    const place = number < current ? "done" : number > current ? "todo" : "";
    step.className = `step ${place}`;
    step.querySelector("[data-change]").hidden = place !== "done";
  });
  if (focus) {
    const heading = steps[current].querySelector("h2");
    heading.focus({ preventScroll: true });
    steps[current].scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }
}

class SignedOut extends Error {}
class Odd extends Error {}

function send(url, body, onProgress) {
  document.getElementById("lost")?.remove();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("X-Refresh", "1");
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) onProgress?.(event.loaded / event.total); });
    request.addEventListener("load", () => {
      const out = request.status === 401 || new URL(request.responseURL).pathname === "/sign-in";
      if (out) reject(new SignedOut()); else resolve(request);
    });
    request.addEventListener("error", reject);
    request.send(body);
  });
}

// The parts of this page that the centre answered with; any other page of it is none.
function partsOf(answer) {
  const page = parse(answer.responseText);
  if (!page.querySelector("[data-parts]")) throw new Odd(refusal(answer));
  return page;
}
function refusal(answer) {
  try { return JSON.parse(answer.responseText).detail || ""; } catch { return ""; }
}

// What was wrong with it is not any more: it was changed.
function settle(part) {
  const field = part.closest(".field.bad");
  field?.classList.remove("bad");
  field?.querySelectorAll(".wrong").forEach((old) => old.remove());
}
form.addEventListener("input", (event) => { if (event.target.name !== "zone-find" && !zones.contains(event.target)) settle(event.target); });

// What is wrong with no field of the page is said at the head of the step `at`.
function fill(page, at) {
  let wrong = "";
  for (const fresh of page.querySelectorAll("[data-slot]")) {
    const old = form.querySelector(`[data-slot="${fresh.dataset.slot}"]`);
    if (old) swap(old, fresh, true);
  }
  form.querySelectorAll(".wrong[data-given]").forEach((old) => old.remove());
  form.querySelectorAll(".field.bad").forEach((old) => old.classList.remove("bad"));
  for (const error of page.querySelectorAll("[data-error]")) {
    const place = document.getElementById(error.dataset.error);
    const field = place?.closest(".field") || place;
    const shown = error.cloneNode(true);
    shown.dataset.given = "1";
    if (!field) {
      wrong ||= at;
      shown.setAttribute("role", "alert");
      form.querySelector(`[data-step=${at}] [data-body]`).prepend(shown);
      continue;
    }
    field.classList.add("bad");
    const label = [...field.children].find((c) => c.matches("label, legend, .hint:last-of-type"));
    if (label) label.after(shown); else field.prepend(shown);
    const step = field.closest("[data-step]").dataset.step;
    if (!wrong || ORDER.indexOf(step) < ORDER.indexOf(wrong)) wrong = step;
  }
  return wrong;
}

// What the announcement was made from: nothing is made again while this stays the same.
function fingerprint() {
  const kept = WHAT.map((name) => new FormData(form).get(name) ?? "");
  const file = form.elements.file.files[0];
  return JSON.stringify([...kept, file && [file.name, file.size, file.lastModified], recorder?.blob?.size]);
}

async function makeAnnouncement() {
  const source = form.elements.source.value;
  if (madeFrom === fingerprint()) return "";
  const body = new FormData();
  for (const name of ["csrf_token", "announcement_id", "version", ...WHAT]) body.set(name, new FormData(form).get(name) ?? "");
  for (const box of form.querySelectorAll("[name=zone]:checked:not(:disabled)")) body.append("zone", box.value);
  if (source === "file" && form.elements.file.files[0]) body.set("file", form.elements.file.files[0]);
  if (source === "microphone" && recorder.blob) body.set("file", recorder.blob, "recording");
  const bar = upload.querySelector("progress");
  const says = upload.querySelector("[data-upload-says]");
  upload.hidden = source === "text" || source === "existing";
  const answer = await send(form.dataset.announcement, body, (share) => {
    bar.value = share;
    says.textContent = says.dataset.uploadSays.replace("{percent}", String(Math.round(share * 100)));
  });
  upload.hidden = true;
  const page = partsOf(answer);
  const made = page.querySelector("[data-announcement-id]")?.dataset.announcementId;
  const wrong = fill(page, "what");
  if (wrong) return wrong;
  form.elements.announcement_id.value = made;
  madeFrom = fingerprint();
  startFollowing();
  return "";
}

// Hundreds of villages take seconds to be tried: then it is said what one waits for, where one waits.
const TRYING_MS = 700;
const trying = form.querySelector("[data-trying]");

async function preview(step, button) {
  const body = new FormData(form);
  body.delete("file");
  body.set("step", step);
  const slow = setTimeout(() => {
    if (button) button.after(trying);
    trying.hidden = false;
    say(trying.textContent.trim());
  }, TRYING_MS);
  try {
    return fill(partsOf(await send(form.dataset.preview, body)), step);
  } finally {
    clearTimeout(slow);
    trying.hidden = true;
  }
}

async function advance(step, button) {
  const number = ORDER.indexOf(step);
  button.setAttribute("aria-disabled", "true");
  try {
    let wrong = step === "what" ? await makeAnnouncement() : "";
    wrong ||= await preview(step, button);
    if (wrong && ORDER.indexOf(wrong) <= number) {
      show(ORDER.indexOf(wrong), false);
      (form.querySelector(".field.bad input:not([type=hidden]), .field.bad textarea") || steps[number].querySelector("h2")).focus();
    } else {
      const next = ORDER.findIndex((name, n) => n > number && (name === "check" || !said(name)));
      show(next);
      const late = ORDER[next] === "check" && number < 2 ? await preview("check") : "";
      if (late && late !== "check") show(ORDER.indexOf(late));
    }
  } catch (error) {
    lost(error);
  }
  button.removeAttribute("aria-disabled");
}
const said = (name) => form.querySelector(`[data-slot=${name}]`)?.textContent.trim();

function lost(error) {
  upload.hidden = true;
  const { lost: away, odd, anew, signedOut, signIn } = form.dataset;
  const here = location.pathname + location.search;
  if (error instanceof SignedOut) tellWithLink(signedOut, `/sign-in?next=${encodeURIComponent(here)}`, signIn);
  else if (error instanceof Odd) tellWithLink(`${error.message} ${odd}`.trim(), here, anew);
  else {
    if (error instanceof Error) console.error(error);
    tellLost(form, away);
  }
}
function tellWithLink(text, href, label) {
  tellLost(form, text);
  const link = document.createElement("a");
  link.href = href;
  link.textContent = label;
  const whole = document.createElement("span");
  whole.append(text, " ", link);
  document.getElementById("lost").replaceChildren(whole);
}

form.addEventListener("click", (event) => {
  const next = event.target.closest("[data-next]");
  if (next && next.getAttribute("aria-disabled") !== "true") advance(next.closest("[data-step]").dataset.step, next);
  const change = event.target.closest("[data-change]");
  if (change) {
    show(steps.indexOf(change.closest("[data-step]")));
  }
});

// A choice in the last step (replace, play after, another time) changes the plan and asks for a new preview.
form.addEventListener("change", async (event) => {
  if (event.target.closest("[data-step=where], [data-step=when]")) {  // that way out was of what was chosen before
    form.querySelectorAll("[name=clash]").forEach((choice) => { choice.checked = false; });
  }
  if (event.target.name === "clash") await preview("check").catch(lost);
  if (event.target.closest(".sub") && event.target.type !== "checkbox") await tellWhen();
});

async function tellWhen() {
  const body = new FormData(form);
  body.delete("file");
  body.set("step", "say");
  try {
    const page = partsOf(await send(form.dataset.preview, body));
    form.querySelector("[data-says-when]").textContent = page.querySelector("[data-slot=when]")?.textContent.trim() || "";
  } catch { /* asked again with the next change */ }
}

form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("input:not([type=file])")) return;
  event.preventDefault();
  event.target.closest("[data-step]").querySelector("[data-next]")?.click();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  say(form.dataset.sending);
  try {
    const body = new FormData(form);
    body.delete("file");
    body.set("intent", button?.value || "send");
    const answer = await send(form.getAttribute("action"), body);
    if (answer.status < 400 && !answer.responseURL.endsWith(form.getAttribute("action"))) {
      forget();
      location.assign(answer.responseURL);
      return;
    }
    keep(); // another tab that was saved has forgotten it
    const wrong = fill(partsOf(answer), "check");
    if (wrong) show(ORDER.indexOf(wrong));
  } catch (error) {
    lost(error);
  }
  delete form.dataset.busy;
});

form.querySelector("[data-filter]")?.addEventListener("input", (event) => {
  const bare = (text) => text.toLocaleLowerCase("vi").replace(/đ/g, "d").normalize("NFD").replace(/[\u0300-\u036f]/g, "");
  for (const item of form.querySelectorAll(".for-existing [data-name]")) item.hidden = !bare(item.dataset.name).includes(bare(event.target.value));
});

// Once the sound is ready its length is known, and the sentence is said anew.
let soundWas = "";
new MutationObserver(() => {
  const state = [...form.querySelectorAll("[data-slot=production] [data-state]")].map((part) => part.dataset.state).join(" ");
  const shown = form.querySelector("[data-slot=preview]").childElementCount > 0;
  if (state !== soundWas && soundWas && shown) preview("check").catch(lost);
  soundWas = state;
}).observe(steps[3], { childList: true, subtree: true });

restore().finally(() => { ready = true; });
if (!document.getElementById("errors")) show(0, false);
if (form.querySelector("[data-live]")) startFollowing();
