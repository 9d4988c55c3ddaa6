// The live desk and a talk's page: the microphone's booth, what is recorded to be played, listening in (WHEP).
import { refreshSoon, say } from "./loa.js";
import { Recorder } from "./recorder.js";
import { canUseSocket } from "./socket.js";
import { LiveMicrophone, constraints } from "./whip.js";
import { ZonePicker } from "./zones.js";

const FLOOR_DB = -60;
const LOW_DB = -45;
const LOUD_DB = -8;
const FALL_DB = 0.5;
const TICK_MS = 250;
const ADVICE_MS = 400;
const DEVICE_KEY = "loa-microphone";
const SOCKET_KEY = "loa-microphone-by-socket";
const csrf = document.querySelector("[name=csrf_token]")?.value ?? "";
const canSend = () => window.RTCPeerConnection || canUseSocket();
const lacking = () => (!isSecureContext ? "insecure" : !canSend() || !navigator.mediaDevices ? "unsupported" : "");

const desk = document.getElementById("speak");
if (desk) openDesk();
const booth = document.getElementById("booth");
if (booth) openBooth();
openListening();
followSound();

function openDesk() {
  let timer = 0;
  new ZonePicker(desk.querySelector("[data-zones]"), () => { clearTimeout(timer); timer = setTimeout(advise, ADVICE_MS); });
  const told = desk.querySelector("[data-lacking]");
  told.hidden = !lacking();
  if (lacking()) told.lastElementChild.textContent = told.dataset[lacking()];
  const root = desk.querySelector("[data-recorder]");
  if (!root) return;
  const recorder = new Recorder(root);
  desk.addEventListener("submit", () => {
    const file = desk.elements.file;
    if (!recorder.blob || file.files.length) return;
    const carried = new DataTransfer();
    carried.items.add(new File([recorder.blob], "recording", { type: recorder.blob.type }));
    file.files = carried.files;
  });
}

async function advise() {
  const chosen = [...desk.querySelectorAll("[name=zone]:checked:not(:disabled), [name=group]:checked")];
  const query = new URLSearchParams(chosen.map((box) => [box.name, box.value]));
  const answer = await fetch(`${desk.dataset.advice}?${query}`, { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("advice");
  const old = document.getElementById("advice");
  if (fresh && fresh.textContent !== old.textContent) old.textContent = fresh.textContent;
}

// A recording is played only once it has been produced.
function followSound() {
  const form = document.getElementById("recording_id");
  if (!form) return;
  const button = form.querySelector("button");
  const look = () => { button.disabled = document.querySelector("[id^=recording-]")?.dataset.state !== "ready"; };
  new MutationObserver(look).observe(document.getElementById("main"), { childList: true, subtree: true });
  look();
}

// What the centre says of the talk is in #talk, made anew whenever it changes; what the microphone does is `phase`.
function openBooth() {
  const find = (name) => booth.querySelector(`[data-${name}]`);
  const [now, trouble, retry, speak, stop, withdraw] = ["now", "trouble", "retry", "speak", "stop", "withdraw"].map(find);
  const devices = document.getElementById("device");
  const bySocket = document.getElementById("by-socket");
  let phase = "opening";
  let fault = "";
  let offset = 0;
  let seen = null;
  let held = FLOOR_DB;
  const microphone = new LiveMicrophone({ csrf, on: changed, level: showLevel });

  const facts = () => document.getElementById("talk").dataset;
  const seconds = (moment) => Math.max(0, Math.ceil((Date.parse(moment) - Date.now() - offset) / 1000));
  const fill = (text, change) => Object.entries(change).reduce((made, [name, value]) => made.replace(`{${name}}`, value), text);

  function changed(word, why) {
    if (word === "unplugged") return change();
    phase = word === "refused" ? "ready" : word;
    if (word === "detour") bySocket.checked = true;
    if (word === "refused") fail("", why);
    if (word === "connected") navigator.wakeLock?.request("screen").catch(() => {});
    refreshSoon(["live:"]);
    show();
  }

  function fail(name, text = booth.dataset[name]) {
    fault = text;
    trouble.hidden = !text;
    trouble.lastElementChild.textContent = text;
    retry.hidden = !["denied", "none", "other"].includes(name);
  }

  function showLevel(db) {
    const meter = booth.querySelector(".level");
    meter.firstElementChild.style.transform = `scaleX(${1 - Math.min(0, db) / FLOOR_DB})`;
    meter.classList.toggle("loud", held > LOUD_DB);
    // The pauses between words are no silence.
    held = Math.max(db, held - FALL_DB);
    const word = find("level");
    const text = word.dataset[held < LOW_DB ? "low" : held > LOUD_DB ? "loud" : "good"];
    if (word.textContent !== text) word.textContent = text;
  }

  // How it looks, what is said, and which of the states it is: that alone is read aloud, not every second of it.
  function says() {
    const { state, speakAt, endsAt, turnUntil, waiting, end } = facts();
    const word = (name, tone = "", change = {}) => [tone, fill(booth.dataset[name], change), name];
    if (state === "ended") return ["", end, "over"];
    if (phase === "ended") return word(navigator.onLine ? "ending" : "gone");
    if (phase === "again") return word("again", "bad");
    if (phase === "connected" && speakAt) {
      if (state === "silent") return word("silent", "bad");
      if (seconds(speakAt) > 0) return word("chime", "", { seconds: seconds(speakAt) });
      const left = seconds(endsAt);
      return word("air", "air", { time: `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` });
    }
    if (phase === "connecting" || phase === "connected") return word("connecting");
    if (phase === "detour") return word("detour");
    if (fault || (phase === "ready" && state !== "turn")) return ["", waiting, waiting];
    if (phase === "opening") return word("opening");
    return word("turn", "", { seconds: turnUntil ? seconds(turnUntil) : "60" });
  }

  function show() {
    const talk = document.getElementById("talk");
    if (talk !== seen) {
      seen = talk;
      offset = Date.parse(talk.dataset.now) - Date.now();
    }
    const { state } = facts();
    const over = state === "ended";
    const busy = ["connecting", "connected", "detour", "again"].includes(phase) && !over;
    if (over && microphone.wanted) microphone.close();
    if (over) microphone.stream?.getTracks().forEach((track) => track.stop());
    const [tone, text, name] = says();
    now.className = `saybox ${tone}`;
    now.hidden = !text;
    if (now.textContent !== text) now.textContent = text;
    if (now.dataset.name !== name) say(text);
    now.dataset.name = name;
    const focused = document.activeElement === speak || document.activeElement === stop;
    speak.hidden = busy || over || phase === "ended";
    speak.disabled = phase !== "ready" || state !== "turn";
    stop.hidden = !busy;
    if (focused && busy) stop.focus();
    devices.disabled = busy && phase !== "connected";
    bySocket.disabled = busy || !window.RTCPeerConnection;
    withdraw.hidden = busy || over || phase === "ended";
    for (const part of booth.querySelectorAll(".meter, .field, details")) part.hidden = over || phase === "ended";
    booth.hidden = over;
  }

  async function open() {
    fail("");
    retry.hidden = true;
    if (lacking()) return fail(lacking());
    let chosen = "";
    try { chosen = devices.value || localStorage.getItem(DEVICE_KEY) || ""; } catch { /* private mode: the usual one */ }
    try {
      microphone.close();
      phase = "opening";
      await microphone.open(constraints(chosen)).catch((error) => {
        if (error.name !== "OverconstrainedError") throw error;
        return microphone.open(constraints());
      });
      await list();
      phase = "ready";
    } catch (error) {
      fail({ NotAllowedError: "denied", NotFoundError: "none" }[error.name] ?? "other");
    }
    show();
  }

  // While a talk goes on: `device`, or whatever there is now that it was unplugged.
  async function change(device) {
    try {
      await microphone.change(constraints(device));
      fail("");
    } catch (error) {
      fail({ NotAllowedError: "denied", NotFoundError: "none" }[error.name] ?? "other");
    }
    await list();
    show();
  }

  async function list() {
    const found = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "audioinput");
    const used = microphone.stream.getAudioTracks()[0].getSettings().deviceId;
    devices.replaceChildren(...found.map((device) => new Option(device.label || device.deviceId, device.deviceId, false, device.deviceId === used)));
  }

  devices.addEventListener("change", () => {
    try { localStorage.setItem(DEVICE_KEY, devices.value); } catch { /* as above */ }
    if (microphone.wanted) change(devices.value);
    else open();
  });
  navigator.mediaDevices?.addEventListener("devicechange", () => {
    const track = microphone.stream?.getAudioTracks()[0];
    if (track?.readyState === "ended" && microphone.wanted) change();
    else if (track) list();
  });
  bySocket.closest(".tick").hidden = !canUseSocket();
  try { bySocket.checked = microphone.bySocket || !!localStorage.getItem(SOCKET_KEY); } catch { /* as above */ }
  bySocket.addEventListener("change", () => {
    try { localStorage.setItem(SOCKET_KEY, bySocket.checked ? "1" : ""); } catch { /* as above */ }
  });
  retry.addEventListener("click", () => (microphone.wanted ? change() : open()));
  speak.addEventListener("click", () => {
    fail("");
    microphone.bySocket = bySocket.checked;
    microphone.start(booth.dataset.talk).catch(() => { phase = "ready"; microphone.wanted = false; fail("other", booth.dataset.gone); show(); });
  });
  stop.addEventListener("click", () => microphone.stop());
  addEventListener("beforeunload", (event) => { if (microphone.wanted) event.preventDefault(); });
  new MutationObserver(show).observe(document.getElementById("main"), { childList: true });
  setInterval(show, TICK_MS);
  show();
  open();
}

// One zone at a time; the sound's place on the page stays while the list around it changes.
function openListening() {
  const bar = document.getElementById("listening");
  if (!bar) return;
  const [text, audio] = [bar.querySelector("p"), bar.querySelector("audio")];
  let peer = null;
  let talk = "";
  let address = "";

  const tell = (name) => { bar.hidden = false; text.textContent = bar.dataset[name]; };
  const mark = () => document.querySelectorAll("[data-listen]").forEach((button) => button.setAttribute("aria-pressed", String(!!peer && button.dataset.talk === talk)));
  const send = (method, url, body) => fetch(url, { method, body, keepalive: method === "DELETE", credentials: "same-origin",
    headers: { "X-CSRF-Token": csrf, ...(body && { "Content-Type": "application/sdp" }) } });

  function close(name) {
    if (address) send("DELETE", address).catch(() => {});
    peer?.close();
    peer = null;
    address = "";
    audio.srcObject = null;
    bar.hidden = !name;
    if (name) tell(name);
    mark();
  }

  async function open(zone) {
    if (!window.RTCPeerConnection) return tell("unsupported");
    tell("connecting");
    const mine = new RTCPeerConnection({ iceServers: [] });
    peer = mine;
    mark();
    mine.addTransceiver("audio", { direction: "recvonly" });
    mine.addEventListener("track", (event) => { audio.srcObject = new MediaStream([event.track]); audio.play().catch(() => {}); });
    mine.addEventListener("connectionstatechange", () => {
      if (mine !== peer) return;
      if (mine.connectionState === "connected") tell("on");
      if (mine.connectionState === "failed") close("lost");
    });
    await mine.setLocalDescription(await mine.createOffer());
    await new Promise((done) => {
      if (mine.iceGatheringState === "complete") return done();
      mine.addEventListener("icegatheringstatechange", () => { if (mine.iceGatheringState === "complete") done(); });
      setTimeout(done, 1000);
    });
    const answer = await send("POST", `/api/v1/zones/${zone}/whep`, mine.localDescription.sdp);
    if (mine !== peer) return;
    if (!answer.ok) {
      const why = (await answer.json().catch(() => ({}))).detail;
      close("lost");
      if (why) text.textContent = why;
      return;
    }
    address = answer.headers.get("Location");
    await mine.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-listen], [data-unlisten]");
    if (!button) return;
    const again = button.dataset.listen && !(peer && button.dataset.talk === talk);
    close();
    if (!again) return;
    talk = button.dataset.talk;
    open(button.dataset.listen).catch(() => close("lost"));
  });
  new MutationObserver(() => {
    if (peer && !document.querySelector(`[data-listen][data-talk="${CSS.escape(talk)}"]`)) { close("over"); say(bar.dataset.over); }
    else mark();
  }).observe(document.getElementById("main"), { childList: true });
  addEventListener("pagehide", () => close());
}
