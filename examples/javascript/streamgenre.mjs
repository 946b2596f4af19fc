// Samples in, updates out: the loop around a package's model, for Node and for browsers alike.
//
// It depends on nothing but ONNX Runtime's JavaScript interface, which is handed in: the exports of
// onnxruntime-node or of onnxruntime-web.

import { Decider, largest } from "./decide.mjs";

const FORMAT = 1; // of card.json
const LARGEST_SAMPLE = 1e6; // 120 dB over full scale: what lies beyond is damage
const NEEDED = ["probabilities", "music", "next_state"];
const OPTIONAL = ["styles", "speech"];

/** The model or its card cannot be used; the message says what to do. */
export class ModelError extends Error {
  name = "ModelError";
}

/**
 * A session of one of a package's model files, after its hash and its shapes were checked.
 *
 * @param ort the exports of onnxruntime-node or onnxruntime-web
 * @param {object} card what card.json holds
 * @param {string} file the model file's name, as the card lists it: "model.int8.onnx"
 * @param {Uint8Array} bytes the file's
 * @throws {ModelError} where file and card are not a whole pair
 */
export async function openSession(ort, card, file, bytes) {
  if (card?.format !== FORMAT || card.batch !== 1) {
    throw new ModelError("card.json is not of format 1 with one stream a step; export anew");
  }
  const variant = card.variants.find((entry) => entry.file === file);
  if (!variant) {
    const known = card.variants.map((entry) => entry.file).join(", ");
    throw new ModelError(`card.json lists no ${file}; it has: ${known}`);
  }
  if ((await sha256(bytes)) !== variant.sha256) {
    throw new ModelError(`${file} is damaged (its hash is not the card's); get it anew`);
  }
  let session;
  try {
    // A step is milliseconds of work: more threads only spin and wait for each other.
    session = await ort.InferenceSession.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      logSeverityLevel: 4,
    });
    await checkShapes(ort, session, card);
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(`ONNX Runtime refuses ${file}: ${String(error.message ?? error).split("\n")[0]}`);
  }
  return session;
}

/** One step on silence: model and card must be about the same shapes. */
async function checkShapes(ort, session, card) {
  const said = (names) => names.join(", ") || "nothing";
  if (said([...session.inputNames].sort()) !== "samples, state") {
    throw new ModelError(`the model takes ${said(session.inputNames)}, not samples and state`);
  }
  const missing = NEEDED.filter((name) => !session.outputNames.includes(name));
  if (missing.length) throw new ModelError(`the model gives no ${said(missing)}; export anew`);
  const zeros = (size) => new ort.Tensor("float32", new Float32Array(size), [1, size]);
  const given = await session.run(
    { samples: zeros(card.window), state: zeros(card.state) },
    [...NEEDED, ...OPTIONAL.filter((name) => session.outputNames.includes(name))],
  );
  const wanted = {
    probabilities: [1, card.labels.length],
    music: [1],
    next_state: [1, card.state],
    styles: [1, card.styles?.length ?? 0],
    speech: [1],
  };
  for (const [name, tensor] of Object.entries(given)) {
    if (String(tensor.dims) !== String(wanted[name])) {
      throw new ModelError(
        `the model does not fit its card: ${name} has shape [${tensor.dims}], not [${wanted[name]}]`,
      );
    }
  }
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What is known after one step; it speaks for the time since the previous update.
 *
 * @typedef {object} Update
 * @property {number} time seconds from the start to the end of what was heard
 * @property {"genre" | "unsure" | "no-music"} status
 * @property {string | null} genre the decided label; null unless the status is "genre"
 * @property {string} top the most probable label after smoothing
 * @property {number} confidence smoothed probability of `top`
 * @property {number} music probability that this is music at all, of this step alone
 * @property {Float32Array} probabilities of each label in the card's order, of this step alone
 * @property {Float64Array} smoothed the same, smoothed
 * @property {number} level of the new samples in dBFS, -Infinity for digital silence
 * @property {Float32Array | null} styles of each of the card's styles: hints, not calibrated
 * @property {number | null} speech probability that this is speech; over music it says little
 */

/** One source's way through a model. Many may share a session. */
export class Stream {
  #ort;
  #session;
  #card;
  #outputs;
  #decider;
  #window; // the last samples; those of the hop that is filling up stand last
  #state;
  #held; // samples of that hop so far
  #hops; // whole steps
  #closed;
  #busy = false;

  /**
   * @param ort what the session was opened with
   * @param session from openSession
   * @param {object} card what card.json holds
   */
  constructor(ort, session, card) {
    this.#ort = ort;
    this.#session = session;
    this.#card = card;
    this.#outputs = [...NEEDED, ...OPTIONAL].filter((name) => session.outputNames.includes(name));
    this.#decider = new Decider(card.thresholds, card.labels.length);
    this.reset();
  }

  /** Start anew in everything: memory, time, counts. */
  reset() {
    this.#window = new Float32Array(this.#card.window);
    this.#state = new Float32Array(this.#card.state);
    this.#decider.reset();
    this.#held = this.#hops = 0;
    this.#closed = false;
    /** Samples that were not finite, or too large to be any, and became 0. */
    this.unusable = 0;
    /** How often the network gave something not finite and its memory was started anew. */
    this.stateResets = 0;
  }

  /** Seconds fed since the start. */
  get time() {
    return this.#hops * this.#card.hop.seconds + this.#held / this.#card.sample_rate;
  }

  /**
   * Updates that these samples complete: often none, sometimes several.
   *
   * @param {Float32Array} samples mono at the card's rate, in [-1, 1]; any number, also none.
   *   They must not change until the promise is kept.
   * @returns {Promise<Update[]>}
   */
  async feed(samples) {
    if (this.#closed) throw new Error("the stream was flushed; reset() it or make another");
    return this.#alone(async () => {
      const { window } = this.#card;
      const hop = this.#card.hop.samples;
      const updates = [];
      for (let taken = 0; taken < samples.length; ) {
        const part = samples.subarray(taken, taken + hop - this.#held);
        this.#window.set(part, window - hop + this.#held);
        taken += part.length;
        this.#held += part.length;
        if (this.#held === hop) updates.push(await this.#step());
      }
      return updates;
    });
  }

  /** The last update, of a hop padded with silence, if unread samples remain. */
  async flush() {
    this.#closed = true;
    return this.#alone(async () => (this.#held ? [await this.#step()] : []));
  }

  /** Two calls at once would mix up their samples. */
  async #alone(work) {
    if (this.#busy) throw new Error("await the stream's last call before the next");
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  async #step() {
    const { hop, sample_rate: rate, window } = this.#card;
    const fresh = this.#window.subarray(window - hop.samples);
    fresh.fill(0, this.#held);
    const level = this.#hear(fresh);
    const step = await this.#sound();
    const seconds = this.#held / rate;
    const { status, genre } = this.#decider.decide(step.probabilities, step.music[0], level, seconds);
    const time = this.#hops * hop.seconds + seconds;
    this.#state = step.next_state;
    this.#window.copyWithin(0, hop.samples);
    this.#hops += 1;
    this.#held = 0;
    const smoothed = this.#decider.smoothed.slice();
    const top = largest(smoothed);
    return {
      time,
      status,
      genre: genre === null ? null : this.#card.labels[genre].name,
      top: this.#card.labels[top].name,
      confidence: smoothed[top],
      music: step.music[0],
      probabilities: step.probabilities,
      smoothed,
      level,
      styles: step.styles ?? null,
      speech: step.speech?.[0] ?? null,
    };
  }

  /** The level of the new samples in dBFS; unusable ones become 0. */
  #hear(fresh) {
    let power = 0;
    for (let i = 0; i < fresh.length; i++) {
      if (!(Math.abs(fresh[i]) <= LARGEST_SAMPLE)) {
        fresh[i] = 0;
        this.unusable += 1;
      }
      power += fresh[i] * fresh[i];
    }
    return 10 * Math.log10(power / fresh.length);
  }

  /** A step's outputs if all of them are finite; else another step with the memory started anew. */
  async #sound() {
    const step = await this.#run(this.#state);
    if (finite(step)) return step;
    this.stateResets += 1;
    const anew = await this.#run(new Float32Array(this.#card.state));
    if (finite(anew)) return anew;
    const classes = this.#card.labels.length;
    return {
      probabilities: new Float32Array(classes).fill(1 / classes),
      music: new Float32Array(1),
      next_state: new Float32Array(this.#card.state),
    };
  }

  async #run(state) {
    const { Tensor } = this.#ort;
    const given = await this.#session.run(
      {
        samples: new Tensor("float32", this.#window, [1, this.#window.length]),
        state: new Tensor("float32", state, [1, state.length]),
      },
      this.#outputs,
    );
    return Object.fromEntries(Object.entries(given).map(([name, tensor]) => [name, tensor.data]));
  }
}

function finite(step) {
  return Object.values(step).every((values) => values.every(Number.isFinite));
}

/** An update as one line of JSON, with the keys that every host of a package prints. */
export function toJson(card, update) {
  const rounded = (number) => Math.round(number * 1e4) / 1e4;
  return JSON.stringify({
    time: Math.round(update.time * 1e3) / 1e3,
    status: update.status,
    genre: update.genre,
    top: update.top,
    confidence: rounded(update.confidence),
    music: rounded(update.music),
    probabilities: Object.fromEntries(
      card.labels.map((label, i) => [label.name, rounded(update.probabilities[i])]),
    ),
  });
}
