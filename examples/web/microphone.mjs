// The microphone without the processing for calls, which distorts music.

/** Records until `stop()`. */
export class Microphone {
  /**
   * Request and start the microphone. The port sends blocks of mono float32 at `rate`.
   *
   * @param {() => void} gone called when the device disappears
   * @returns {Promise<Microphone>} with `rate` in Hz, and `port` for the worker
   * @throws {DOMException} as getUserMedia; NotSupportedError on an insecure page
   */
  static async open(gone) {
    if (!navigator.mediaDevices?.getUserMedia || typeof AudioWorkletNode === "undefined") {
      throw new DOMException("not a secure page", "NotSupportedError");
    }
    const context = new AudioContext(); // before any wait, since Safari requires it within the click
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
    node.connect(context.destination); // silent, but a node without a destination does not run
    for (const track of media.getAudioTracks()) track.onended = gone;
    // Keep the screen of a phone on.
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
