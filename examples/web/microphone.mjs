// The microphone as it is: none of the processing that browsers do for calls, which eats music.

/** Listens until `stop()`. */
export class Microphone {
  /**
   * Ask for the microphone and start it; the port gives blocks of mono float32 at `rate`.
   *
   * @param {() => void} gone called when the device goes away
   * @returns {Promise<Microphone>} `rate` in Hz, `port` to hand to the worker
   * @throws {DOMException} as getUserMedia does; NotSupportedError where a page may not ask at all
   */
  static async open(gone) {
    if (!navigator.mediaDevices?.getUserMedia || typeof AudioWorkletNode === "undefined") {
      throw new DOMException("not a secure page", "NotSupportedError");
    }
    const context = new AudioContext(); // before any wait: Safari wants it within the click
    const resumed = context.resume();
    try {
      const media = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
      try {
        await Promise.all([resumed, context.audioWorklet.addModule(new URL("capture.mjs", import.meta.url))]);
        return new Microphone(context, media, gone);
      } catch (error) {
        for (const track of media.getTracks()) track.stop();
        throw error;
      }
    } catch (error) {
      context.close();
      throw error;
    }
  }

  constructor(context, media, gone) {
    this.#context = context;
    this.#media = media;
    this.rate = context.sampleRate;
    const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 1, outputChannelCount: [1] });
    const { port1, port2 } = new MessageChannel();
    this.port = port2;
    node.port.postMessage(port1, [port1]);
    context.createMediaStreamSource(media).connect(node);
    node.connect(context.destination); // it gives silence; but what leads nowhere is not run
    for (const track of media.getAudioTracks()) track.onended = gone;
    // A phone on the table should go on showing what plays.
    navigator.wakeLock?.request("screen").then((lock) => (this.#lock = lock), () => {});
  }

  #context;
  #media;
  #lock;

  stop() {
    for (const track of this.#media.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.#lock?.release();
    return this.#context.close();
  }
}
