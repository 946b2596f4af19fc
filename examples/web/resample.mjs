// Sample-rate conversion of an endless stream: a windowed sinc, one filter for each phase.
//
// The filter is Kaiser's (1974): flat up to 0.9 of the lower rate's half, 100 dB down from that half
// on. Rates are whole numbers, so that their ratio has few phases and every output sample is
// the same sum however the input is cut.

const CROSSINGS = 64; // of zero on each side of the filter's middle, at the lower rate
const BETA = 10.06; // of Kaiser's window: 100 dB
const CUTOFF = 0.95; // of the lower rate's half; the filter's slope is as wide on either side

/** Mono samples at one rate in, at another out. */
export class Resampler {
  /**
   * @param {number} from Hz, whole
   * @param {number} to Hz, whole
   */
  constructor(from, to) {
    if (![from, to].every((rate) => Number.isInteger(rate) && rate >= 1000 && rate <= 1_536_000)) {
      throw new RangeError(`cannot resample ${from} Hz to ${to} Hz`);
    }
    const shared = greatestDivisor(from, to);
    this.#phases = to / shared;
    this.#stride = from / shared;
    this.#ratio = to / from;
    this.#plain = from === to;
    const width = Math.min(1, to / from); // of the band that both rates hold, in input's
    this.#half = 2 * Math.ceil(CROSSINGS / width / 2); // even: sums are made four taps at a time
    this.#filters = this.#plain ? null : filters(this.#phases, this.#half, CUTOFF * width);
    this.#kept = new Float32Array(this.#half - 1); // silence before the first sample
    this.#first = 1 - this.#half;
  }

  #phases; // output samples are at multiples of stride / phases input samples
  #stride;
  #ratio;
  #plain;
  #half; // taps on each side
  #filters; // one after the other, each of 2 * half taps
  #kept; // input that later output needs
  #first; // index of its first sample
  #next = 0; // index of the next output sample
  #taken = 0;

  /**
   * What is ready after these samples: any number, also none.
   *
   * @param {Float32Array} samples
   * @returns {Float32Array}
   */
  push(samples) {
    this.#taken += samples.length;
    if (this.#plain) return samples;
    const input = new Float32Array(this.#kept.length + samples.length);
    input.set(this.#kept);
    input.set(samples, this.#kept.length);
    return this.#filtered(input, Infinity);
  }

  /** The rest, so that all that was given lasts as long as all that was taken. */
  finish() {
    if (this.#plain) return new Float32Array(0);
    const input = new Float32Array(this.#kept.length + 2 * this.#half);
    input.set(this.#kept);
    const whole = Math.max(Math.round(this.#taken * this.#ratio), Math.min(1, this.#taken));
    return this.#filtered(input, whole);
  }

  /** Every output sample, up to index `end`, that `input` reaches; what it leaves is kept. */
  #filtered(input, end) {
    const taps = 2 * this.#half;
    const filters = this.#filters;
    const last = this.#first + input.length - 1 - this.#half; // index of input to be centred on
    const ready = Math.max(0, Math.ceil(((last + 1) * this.#phases) / this.#stride) - this.#next);
    const output = new Float32Array(Math.min(ready, end - this.#next));
    for (let n = 0; n < output.length; n++) {
      const time = (this.#next + n) * this.#stride;
      const phase = time % this.#phases;
      const start = (time - phase) / this.#phases - this.#half + 1 - this.#first;
      const filter = phase * taps;
      let [a, b, c, d] = [0, 0, 0, 0]; // additions that need not wait for each other
      for (let i = 0, at = start, tap = filter; i < taps; i += 4, at += 4, tap += 4) {
        a += input[at] * filters[tap];
        b += input[at + 1] * filters[tap + 1];
        c += input[at + 2] * filters[tap + 2];
        d += input[at + 3] * filters[tap + 3];
      }
      output[n] = a + b + c + d;
    }
    this.#next += output.length;
    const centre = Math.floor((this.#next * this.#stride) / this.#phases);
    const needed = Math.min(centre - this.#half + 1, this.#first + input.length);
    this.#kept = input.slice(needed - this.#first);
    this.#first = needed;
    return output;
  }
}

/** The filter for each phase: weights of the `half` samples up to it and the `half` after. */
function filters(phases, half, cutoff) {
  const made = new Float32Array(phases * 2 * half);
  const edge = bessel(BETA);
  for (let phase = 0; phase < phases; phase++) {
    const filter = made.subarray(phase * 2 * half, (phase + 1) * 2 * half);
    let sum = 0;
    for (let i = 0; i < filter.length; i++) {
      const distance = i - half + 1 - phase / phases;
      const angle = Math.PI * cutoff * distance;
      const inside = Math.max(0, 1 - (distance / half) ** 2);
      filter[i] = (angle === 0 ? 1 : Math.sin(angle) / angle) * (bessel(BETA * Math.sqrt(inside)) / edge);
      sum += filter[i];
    }
    for (let i = 0; i < filter.length; i++) filter[i] /= sum; // no phase louder than another
  }
  return made;
}

/** Modified Bessel function of the first kind and order 0, by its series. */
function bessel(x) {
  let sum = 1;
  for (let k = 1, term = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestDivisor(a, b) {
  return b ? greatestDivisor(b, a % b) : a;
}
