// The audio of a file, decoded by the browser at its own sample rate, in parts.

import { nativeRate } from "./rate.mjs";

const LONGEST = 2 * 3600; // s; a browser decodes a file as a whole, and two hours take 2.5 GB
const USUAL_RATE = 48_000; // Hz, for formats whose rate is unknown before decoding
const PART = 5; // s

/** The file is not audio that this browser can decode. */
export class NotAudio extends Error {}

/** The file is too long for the memory of a page. */
export class TooLong extends Error {}

/** A decoded file. */
export class Recording {
  /**
   * @param {File} file
   * @param {HTMLAudioElement} player plays the file, and provides its duration before decoding
   * @throws {NotAudio | TooLong}
   */
  static async open(file, player) {
    if ((await duration(file, player)) > LONGEST) throw new TooLong();
    const bytes = await file.arrayBuffer().catch(() => {
      throw new NotAudio();
    });
    const rate = nativeRate(new Uint8Array(bytes)) ?? USUAL_RATE;
    let buffer;
    try {
      buffer = await decoder(rate).decodeAudioData(bytes);
    } catch {
      throw new NotAudio();
    }
    return new Recording(file.name, buffer);
  }

  constructor(name, buffer) {
    this.name = name;
    this.rate = buffer.sampleRate;
    this.duration = buffer.duration;
    this.#buffer = buffer;
  }

  #buffer;
  #at = 0;

  /** The channels of the next part, copied, or null at the end, when the decoded file is released. */
  next() {
    const buffer = this.#buffer;
    if (!buffer || this.#at >= buffer.length) return (this.#buffer = null);
    const end = Math.min(this.#at + PART * this.rate, buffer.length);
    const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) =>
      buffer.getChannelData(i).slice(this.#at, end),
    );
    this.#at = end;
    return channels;
  }
}

function decoder(rate) {
  try {
    return new OfflineAudioContext(1, 1, rate);
  } catch {
    return new OfflineAudioContext(1, 1, USUAL_RATE); // the browser does not support the rate
  }
}

function duration(file, player) {
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(file);
  return new Promise((resolve, reject) => {
    player.onloadedmetadata = () => resolve(player.duration === Infinity ? 0 : player.duration);
    player.onerror = () => reject(new NotAudio());
  });
}
