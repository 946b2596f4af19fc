// The inference loop of a package, from samples to updates, for Node and browsers.
//
// It depends only on the JavaScript API of ONNX Runtime, which the caller passes: the exports of
// onnxruntime-node or onnxruntime-web.

import { Decider, largest } from "./decide.mjs";

const FORMAT = 1; // of card.json
const LARGEST_SAMPLE = 1e6; // 120 dB over full scale; larger samples are damaged
const LARGEST_SIZE = 10_000_000; // numbers in a window or state; the card is not trusted
const NEEDED = ["probabilities", "music", "next_state"];
const OPTIONAL = ["styles", "speech"];

/** The model or its card cannot be used. The message names the cause and a remedy. */
export class ModelError extends Error {
  name = "ModelError";
}

/**
 * Open a session of a model file after checking its hash and shapes.
 *
 * @param ort the exports of onnxruntime-node or onnxruntime-web
 * @param {object} card content of card.json
 * @param {string} file name of the model file in the card, such as "model.int8.onnx"
 * @param {Uint8Array} bytes content of the model file
 * @throws {ModelError} if the file does not match the card
 */
export async function openSession(ort, card, file, bytes) {
  if (card?.format !== FORMAT || card.batch !== 1) {
    throw new ModelError("card.json must have format 1 and a batch of one stream; export it again");
  }
  const sizes = [card.hop?.samples, card.window, card.state];
  if (!sizes.every((size) => Number.isInteger(size) && size > 0 && size <= LARGEST_SIZE)) {
    throw new ModelError("card.json has an invalid size; export it again");
  }
  const variant = card.variants.find((entry) => entry.file === file);
  if (!variant) {
    const known = card.variants.map((entry) => entry.file).join(", ");
    throw new ModelError(`card.json lists no ${file}; it has: ${known}`);
  }
  if ((await sha256(bytes)) !== variant.sha256) {
    throw new ModelError(`${file} is damaged (its hash differs from the card); download it again`);
  }
  let session;
  try {
    // A step takes milliseconds: more threads would mostly wait for each other.
    session = await ort.InferenceSession.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      logSeverityLevel: 4,
    });
    await checkShapes(ort, session, card);
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(`ONNX Runtime cannot load ${file}: ${String(error.message ?? error).split("\n")[0]}`);
  }
  return session;
}

/** Run one step on silence to check that the shapes of model and card agree. */
async function checkShapes(ort, session, card) {
  const listed = (names) => names.join(", ") || "none";
  if (listed([...session.inputNames].sort()) !== "samples, state") {
    throw new ModelError(`the model has the inputs ${listed(session.inputNames)}, not samples and state`);
  }
  const missing = NEEDED.filter((name) => !session.outputNames.includes(name));
  if (missing.length) throw new ModelError(`the model has no output ${listed(missing)}; export it again`);
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
        `the model does not match its card: ${name} has shape [${tensor.dims}], not [${wanted[name]}]`,
      );
    }
  }
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The result of one step. It covers the interval since the previous update.
 *
 * @typedef {object} Update
 * @property {number} time seconds from the start to the end of the samples that were read
 * @property {"genre" | "unsure" | "no-music"} status
 * @property {string | null} genre the decided label; null unless the status is "genre"
 * @property {string} top the most probable label after smoothing
 * @property {number} confidence smoothed probability of `top`
 * @property {number} music probability of music in this step
 * @property {Float32Array} probabilities probability of each label in this step, in card order
 * @property {Float64Array} smoothed smoothed probability of each label
 * @property {number} level level of the new samples in dBFS, -Infinity for digital silence
 * @property {Float32Array | null} styles probability of each style of the card, not calibrated
 * @property {number | null} speech probability of speech; not informative over music
 */

/** The path of one audio source through a model. Streams can share a session. */
export class Stream {
  #ort;
  #session;
  #card;
  #outputs;
  #decider;
  #window; // the last samples; the current hop is at the end
  #state;
  #held; // samples of the current hop so far
  #hops; // complete steps
  #closed;
  #busy = false;

  /**
   * @param ort the exports of ONNX Runtime with which the session was opened
   * @param session result of openSession
   * @param {object} card content of card.json
   */
  constructor(ort, session, card) {
    this.#ort = ort;
    this.#session = session;
    this.#card = card;
    this.#outputs = [...NEEDED, ...OPTIONAL].filter((name) => session.outputNames.includes(name));
    this.#decider = new Decider(card.thresholds, card.labels.length);
    this.reset();
  }

  /** Reset everything: state, time and counters. */
  reset() {
    this.#window = new Float32Array(this.#card.window);
    this.#state = new Float32Array(this.#card.state);
    this.#decider.reset();
    this.#held = this.#hops = 0;
    this.#closed = false;
    /** Number of samples that were not finite or too large, and were replaced with 0. */
    this.unusable = 0;
    /** Number of resets after a non-finite output of the network. */
    this.stateResets = 0;
  }

  /** Seconds fed since the start. */
  get time() {
    return this.#hops * this.#card.hop.seconds + this.#held / this.#card.sample_rate;
  }

  /**
   * Process samples; returns the updates that they complete, often none.
   *
   * @param {Float32Array} samples mono samples at the sample rate of the card, in [-1, 1], of any
   *   length. They must not change until the promise is resolved.
   * @returns {Promise<Update[]>}
   */
  async feed(samples) {
    if (this.#closed) throw new Error("the stream was flushed; call reset() or create a new stream");
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

  /** Zero-pad and process the remaining samples; returns the last update, if any. */
  async flush() {
    this.#closed = true;
    return this.#alone(async () => (this.#held ? [await this.#step()] : []));
  }

  /** Run `work` exclusively, since concurrent calls would mix up their samples. */
  async #alone(work) {
    if (this.#busy) throw new Error("await the previous call before the next one");
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
    const level = this.#levelOf(fresh);
    const step = await this.#finiteStep();
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

  /** The level of the new samples in dBFS. Unusable samples are set to 0. */
  #levelOf(fresh) {
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

  /** The outputs of a step, repeated with the initial state if they are not finite. */
  async #finiteStep() {
    const step = await this.#run(this.#state);
    if (finite(step)) return step;
    this.stateResets += 1;
    const again = await this.#run(new Float32Array(this.#card.state));
    if (finite(again)) return again;
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

/** An update as one line of JSON, with the keys that all hosts of a package print. */
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
