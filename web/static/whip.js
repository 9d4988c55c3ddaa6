// A live microphone: its way to the centre by WHIP (RFC 9725), by a WebSocket where the network lets no WebRTC through, its
// level, and what happens when the network drops.
import { SocketWay, canUseSocket } from "./socket.js";

const FLOOR_DB = -60;
// A network that lets packets through does so within a second or two.
const CONNECT_MS = 4000;
const GATHER_MS = 1000;
const AGAIN_MS = 300;
// A talk without packets for two seconds is over; trying longer than that is of no use.
const PATIENCE_MS = 1800;

// What a microphone near a horn must not do by itself: turning the gain up while nobody speaks lets it howl.
export function constraints(deviceId) {
  return { audio: { deviceId: deviceId ? { exact: deviceId } : undefined, channelCount: 1, echoCancellation: true,
    noiseSuppression: true, autoGainControl: false } };
}

export class LiveMicrophone {
  // `on` gets "connecting", "connected", "detour" (the other way is tried), "again", "ended", "unplugged" in the middle of a
  // talk, or "refused" with the problem's sentence; `level` gets dBFS. `bySocket` leaves WebRTC out.
  constructor({ csrf, on = () => {}, level = () => {}, bySocket = false }) {
    Object.assign(this, { csrf, on, level, bySocket: bySocket || !window.RTCPeerConnection, wanted: false });
    addEventListener("pagehide", () => this.stop());
  }

  // Ask for the microphone first, so that the talk's turn is not spent on the browser's question.
  async open(asked = constraints()) {
    const stream = await navigator.mediaDevices.getUserMedia(asked);
    this.context = new AudioContext();
    const ear = this.ear = this.context.createAnalyser();
    ear.fftSize = 2048;
    this.take(stream);
    const samples = new Float32Array(ear.fftSize);
    this.timer = setInterval(() => {
      ear.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
      this.level(Math.max(FLOOR_DB, 10 * Math.log10(power + 1e-9)));
    }, 50);
    return this.stream.getAudioTracks()[0].label;
  }

  take(stream) {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = stream;
    this.source?.disconnect();
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.ear);
    stream.getAudioTracks()[0].addEventListener("ended", () => { if (this.wanted && stream === this.stream) this.on("unplugged"); });
  }

  // Another device in the middle of a talk. Until it is there the one before goes on.
  async change(asked = constraints()) {
    const stream = await navigator.mediaDevices.getUserMedia(asked);
    if (!this.wanted) return stream.getTracks().forEach((track) => track.stop());
    const way = this.way;
    await way.getSenders?.()[0]?.replaceTrack(stream.getAudioTracks()[0]);
    this.take(stream);
    if (!way.getSenders) this.again(way); // a recorder keeps to its device, and a new one begins a file of its own
  }

  async start(talkId) {
    this.talkId = talkId;
    this.wanted = true;
    this.on("connecting");
    await this.connect();
  }

  connect() {
    return this.bySocket ? this.connectBySocket() : this.connectByPeer();
  }

  connectBySocket() {
    const way = new SocketWay({ talkId: this.talkId, csrf: this.csrf, stream: this.stream, on: (word, why) => {
      if (way !== this.way) return;
      if (word === "connected") { this.lostAt = null; this.on("connected"); }
      if (word === "refused") this.refuse(why);
      if (word === "over" && this.wanted) { this.close(); this.on("ended"); }
      if (word === "lost" && this.wanted) this.again(way);
    } });
    this.way = way;
  }

  async connectByPeer() {
    const peer = new RTCPeerConnection({ iceServers: [] });
    this.way = peer;
    for (const track of this.stream.getAudioTracks()) peer.addTransceiver(track, { direction: "sendonly", streams: [this.stream] });
    peer.addEventListener("connectionstatechange", () => this.changed(peer));
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const answer = await this.send("POST", `/api/v1/live/${this.talkId}/whip`, peer.localDescription.sdp);
    if (!answer.ok) return this.refuse((await answer.json().catch(() => ({}))).detail || answer.statusText);
    this.address = answer.headers.get("Location");
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    if (!this.reached) setTimeout(() => { if (!this.reached) this.fallBack(peer); }, CONNECT_MS);
  }

  refuse(why) {
    this.wanted = false;
    this.way.close();
    this.on("refused", why);
  }

  // The centre lets the connection that was never made go by itself; to end it would end the talk.
  fallBack(peer) {
    if (peer !== this.way || !this.wanted || !canUseSocket()) return;
    peer.close();
    this.bySocket = true;
    this.on("detour");
    this.connectBySocket();
  }

  changed(peer) {
    if (peer !== this.way) return;
    if (peer.connectionState === "connected") { this.reached = true; this.lostAt = null; this.on("connected"); }
    if (!this.wanted || !["disconnected", "failed"].includes(peer.connectionState)) return;
    if (!this.reached && canUseSocket()) this.fallBack(peer);
    else this.again(peer);
  }

  again(way) {
    const wait = this.lostAt ? AGAIN_MS : 0;
    this.lostAt = this.lostAt || performance.now();
    if (performance.now() - this.lostAt > PATIENCE_MS) { this.close(); this.on("ended"); return; }
    this.on("again");
    way.close();
    setTimeout(() => {
      if (!this.wanted || this.way !== way) return;
      Promise.resolve(this.connect()).catch(() => { if (this.wanted && this.way) this.again(this.way); });
    }, wait);
  }

  // The closing chime is the centre's; `keepalive` lets the word out of a page that is being closed. The connection goes
  // after the word: one that closes by itself is a lost one to the centre.
  async stop() {
    if (!this.wanted) return;
    this.wanted = false;
    this.stream?.getTracks().forEach((track) => { track.enabled = false; });
    const word = this.bySocket ? this.way?.end() : this.address && this.send("DELETE", this.address, undefined, true).catch(() => {});
    this.on("ended");
    await Promise.race([word, new Promise((done) => setTimeout(done, PATIENCE_MS))]);
    this.close();
  }

  close() {
    this.wanted = false;
    this.way?.close();
    this.way = null;
    clearInterval(this.timer);
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close().catch(() => {});
  }

  send(method, address, body, keepalive = false) {
    const headers = { "X-CSRF-Token": this.csrf };
    if (body !== undefined) headers["Content-Type"] = "application/sdp";
    return fetch(address, { method, headers, body, keepalive, credentials: "same-origin" });
  }
}

function gathered(peer) {
  return new Promise((done) => {
    if (peer.iceGatheringState === "complete") return done();
    const timer = setTimeout(done, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") { clearTimeout(timer); done(); }
    });
  });
}
