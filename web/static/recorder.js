// Records the microphone, shows the level while it does, and lets the speaker listen to it again.
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];
const FLOOR_DB = -60;

export class Recorder {
  constructor(root) {
    this.root = root;
    this.blob = null;
    this.start = root.querySelector("[data-rec-start]");
    this.stop = root.querySelector("[data-rec-stop]");
    this.clock = root.querySelector(".clock");
    this.meter = root.querySelector(".level");
    this.player = root.querySelector("audio");
    this.trouble = root.querySelector("[data-rec-trouble]");
    this.start.addEventListener("click", () => this.begin());
    this.stop.addEventListener("click", () => this.recorder?.stop());
  }

  fail(name) {
    this.trouble.hidden = false;
    this.trouble.lastElementChild.textContent = this.trouble.dataset[name] || this.trouble.dataset.other;
  }

  async begin() {
    this.trouble.hidden = true;
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return this.fail("unsupported");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, autoGainControl: true } });
    } catch (error) {
      return this.fail(error.name === "NotAllowedError" ? "denied" : error.name === "NotFoundError" ? "none" : "other");
    }
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.recorder = new MediaRecorder(this.stream, mimeType ? { mimeType, audioBitsPerSecond: 64000 } : {});
    const parts = [];
    this.recorder.addEventListener("dataavailable", (event) => { if (event.data.size) parts.push(event.data); });
    this.recorder.addEventListener("stop", () => this.finish(new Blob(parts, { type: this.recorder.mimeType })));
    this.recorder.start(1000);
    this.began = performance.now();
    this.show(true);
    this.listen();
  }

  show(recording) {
    this.start.hidden = recording;
    this.stop.hidden = !recording;
    this.meter.hidden = !recording;
    this.player.hidden = recording || !this.blob;
    (recording ? this.stop : this.start).focus();
    if (this.blob) this.start.querySelector("span").textContent = this.start.dataset.again;
  }

  listen() {
    this.context = new AudioContext();
    const ear = this.context.createAnalyser();
    ear.fftSize = 2048;
    this.context.createMediaStreamSource(this.stream).connect(ear);
    const samples = new Float32Array(ear.fftSize);
    const draw = () => {
      if (this.recorder.state !== "recording") return;
      ear.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
      const db = Math.max(FLOOR_DB, 10 * Math.log10(power + 1e-9));
      this.meter.firstElementChild.style.transform = `scaleX(${1 - db / FLOOR_DB})`;
      this.meter.classList.toggle("loud", samples.some((x) => Math.abs(x) > 0.98));
      const seconds = Math.floor((performance.now() - this.began) / 1000);
      this.clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      requestAnimationFrame(draw);
    };
    draw();
  }

  finish(blob) {
    this.stream.getTracks().forEach((track) => track.stop());
    this.context.close();
    this.blob = blob;
    if (this.player.src) URL.revokeObjectURL(this.player.src);
    this.player.src = URL.createObjectURL(blob);
    this.show(false);
  }
}
