// A live microphone's other way to the centre: Opus in WebM by a WebSocket, a piece every tenth of a second. It gets through
// where a page does; a network that stands still delays it and takes nothing away.
const TYPE = "audio/webm;codecs=opus";
const PROTOCOL = "loa.microphone";
const SLICE_MS = 100;
const BITS_PER_S = 32000;
// Three seconds that have not left: newer words are worth more than older ones.
const BACKLOG_BYTES = 12000;
const LAST_MS = 500;

export const canUseSocket = () => !!window.WebSocket && !!window.MediaRecorder && MediaRecorder.isTypeSupported(TYPE);

export class SocketWay {
  // `on` gets "connected", "refused" with a sentence, "over", or "lost".
  constructor({ talkId, csrf, stream, on }) {
    Object.assign(this, { stream, on, told: false });
    this.socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/v1/live/${talkId}/microphone`, PROTOCOL);
    this.socket.addEventListener("open", () => this.socket.send(JSON.stringify({ csrf_token: csrf })));
    this.socket.addEventListener("message", (event) => this.hear(JSON.parse(event.data)));
    this.socket.addEventListener("close", () => this.leave("lost"));
  }

  hear({ type, detail }) {
    if (type === "ready") this.record();
    else this.leave(type, detail);
  }

  record() {
    this.recorder = new MediaRecorder(this.stream, { mimeType: TYPE, audioBitsPerSecond: BITS_PER_S });
    this.recorder.addEventListener("dataavailable", ({ data }) => {
      if (!data.size || this.socket.readyState !== WebSocket.OPEN) return;
      if (this.socket.bufferedAmount > BACKLOG_BYTES) this.leave("lost");
      else this.socket.send(data);
    });
    this.recorder.start(SLICE_MS);
    this.on("connected");
  }

  // The last words, then the word that there are no more; resolves once the centre says that it is over.
  async end() {
    if (this.recorder && this.recorder.state !== "inactive") {
      const last = new Promise((done) => this.recorder.addEventListener("stop", done));
      this.recorder.stop();
      await Promise.race([last, new Promise((done) => setTimeout(done, LAST_MS))]);
    }
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "end" }));
    return new Promise((done) => this.socket.addEventListener("close", done));
  }

  leave(word, detail) {
    if (this.told) return;
    this.told = true;
    this.close();
    this.on(word, detail);
  }

  close() {
    this.told = true;
    if (this.recorder && this.recorder.state !== "inactive") this.recorder.stop();
    this.socket.close();
  }
}
