// Runs resampling and steps outside of the page's thread, so that the page stays responsive.
//
// Messages in: {type: "listen", id, rate, port}, {type: "file", id, rate}, {type: "samples", id,
// channels}, {type: "end", id}, {type: "drop", id}. Out: {type: "loading", share}, {type: "ready", card},
// {type: "updates", id, updates}, {type: "level", id, level}, {type: "lost", id, seconds},
// {type: "more", id}, {type: "ended", id}, {type: "failed", what, detail}.
// `id` is the number of a source. Messages for earlier sources are ignored.

import { FetchError, load } from "./load.mjs";
import { Mixer } from "./mix.mjs";
import { Resampler } from "./resample.mjs";
import { Stream } from "./streamgenre.mjs";

let model; // result of load()
let source = null;

/** The current source: a microphone or a file. */
class Source {
  constructor(id, rate) {
    const { ort, card, session } = model;
    this.id = id;
    this.card = card;
    this.resampler = new Resampler(rate, card.sample_rate);
    this.stream = new Stream(ort, session, card);
    this.missed = 0; // s before the start of the stream, including lost audio
    this.work = Promise.resolve();
  }

  get current() {
    return source === this;
  }

  /** Run `work` after all earlier work. */
  next(work) {
    this.work = this.work.then(() => this.current && work()).catch(failed);
  }

  post(message) {
    if (this.current) postMessage({ ...message, id: this.id });
  }

  async feed(samples) {
    const hop = this.card.hop.samples;
    for (let at = 0; at < samples.length && this.current; at += hop) {
      this.send(await this.stream.feed(samples.subarray(at, at + hop)));
    }
  }

  send(updates) {
    for (const update of updates) update.time += this.missed;
    if (updates.length) this.post({ type: "updates", updates });
  }

  async finish() {
    await this.feed(this.resampler.finish());
    this.send(await this.stream.flush());
    this.post({ type: "ended" });
    source = null;
  }
}

class Microphone extends Source {
  constructor(id, rate, port) {
    super(id, rate);
    this.port = port;
    port.onmessage = ({ data: { block, lost } }) => this.next(() => this.take(block, lost / rate));
  }

  async take(block, lost) {
    if (lost) this.skip(lost);
    this.post({ type: "level", level: level(block) });
    await this.feed(this.resampler.push(block));
    this.port.postMessage(block, [block.buffer]);
  }

  /** Audio was lost: reset the state, advance time. */
  skip(seconds) {
    this.missed += this.stream.time + seconds;
    this.stream.reset();
    this.post({ type: "lost", seconds });
  }

  async finish() {
    this.port.postMessage(null);
    this.port.onmessage = null;
    await super.finish();
  }
}

class Recording extends Source {
  #mixer = new Mixer();

  async take(channels) {
    const mono = this.#mixer.mix(channels, new Float32Array(channels[0].length));
    await this.feed(this.resampler.push(mono));
    this.post({ type: "more" });
  }
}

function level(block) {
  let power = 0;
  for (let i = 0; i < block.length; i++) power += block[i] * block[i];
  return 10 * Math.log10(power / block.length);
}

function failed(error) {
  const what = error instanceof FetchError ? "fetch" : error?.name === "ModelError" ? "model" : "step";
  postMessage({ type: "failed", what, detail: String(error?.message ?? error) });
}

onmessage = ({ data }) => {
  if (data.type === "listen") source = new Microphone(data.id, data.rate, data.port);
  else if (data.type === "file") source = new Recording(data.id, data.rate);
  const current = source;
  if (current?.id !== data.id) return;
  if (data.type === "samples") current.next(() => current.take(data.channels));
  else if (data.type === "end") current.next(() => current.finish());
  else if (data.type === "drop") source = null;
};

try {
  model = await load((share) => postMessage({ type: "loading", share }));
  postMessage({ type: "ready", card: model.card });
} catch (error) {
  failed(error);
}
