// A live microphone: its way to the centre by WHIP (RFC 9725), its level, and what happens when the network drops.
const FLOOR_DB = -60;
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
  // `on` gets "connecting", "connected", "again", "ended", or "refused" with the problem's sentence; `level` gets dBFS.
  constructor({ csrf, on = () => {}, level = () => {} }) {
    Object.assign(this, { csrf, on, level, wanted: false });
    addEventListener("pagehide", () => this.stop());
  }

  // Ask for the microphone first, so that the talk's turn is not spent on the browser's question.
  async open(asked = constraints()) {
    this.stream = await navigator.mediaDevices.getUserMedia(asked);
    this.context = new AudioContext();
    const ear = this.context.createAnalyser();
    ear.fftSize = 2048;
    this.context.createMediaStreamSource(this.stream).connect(ear);
    const samples = new Float32Array(ear.fftSize);
    this.timer = setInterval(() => {
      ear.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
      this.level(Math.max(FLOOR_DB, 10 * Math.log10(power + 1e-9)));
    }, 50);
    return this.stream.getAudioTracks()[0].label;
  }

  async start(talkId) {
    this.talkId = talkId;
    this.wanted = true;
    this.on("connecting");
    await this.connect();
  }

  async connect() {
    const peer = new RTCPeerConnection({ iceServers: [] });
    this.peer = peer;
    for (const track of this.stream.getAudioTracks()) peer.addTransceiver(track, { direction: "sendonly", streams: [this.stream] });
    peer.addEventListener("connectionstatechange", () => this.changed(peer));
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const answer = await this.send("POST", `/api/v1/live/${this.talkId}/whip`, peer.localDescription.sdp);
    if (!answer.ok) {
      this.wanted = false;
      peer.close();
      this.on("refused", (await answer.json().catch(() => ({}))).detail || answer.statusText);
      return;
    }
    this.address = answer.headers.get("Location");
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }

  changed(peer) {
    if (peer !== this.peer) return;
    if (peer.connectionState === "connected") { this.lostAt = null; this.on("connected"); }
    if (["disconnected", "failed"].includes(peer.connectionState) && this.wanted) this.again(peer);
  }

  again(peer) {
    this.lostAt ??= performance.now();
    if (performance.now() - this.lostAt > PATIENCE_MS) { this.close(); this.on("ended"); return; }
    this.on("again");
    peer.close();
    this.connect().catch(() => setTimeout(() => { if (this.wanted && this.peer) this.again(this.peer); }, AGAIN_MS));
  }

  // The closing chime is the centre's; `keepalive` lets the word out of a page that is being closed. The connection goes
  // after the word: one that closes by itself is a lost one to the centre.
  async stop() {
    if (!this.wanted) return;
    this.wanted = false;
    this.stream?.getTracks().forEach((track) => { track.enabled = false; });
    const word = this.address && this.send("DELETE", this.address, undefined, true).catch(() => {});
    this.on("ended");
    await Promise.race([word, new Promise((done) => setTimeout(done, PATIENCE_MS))]);
    this.close();
  }

  close() {
    this.wanted = false;
    this.peer?.close();
    this.peer = null;
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
