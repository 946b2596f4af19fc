// Streaming sample-rate conversion with a windowed sinc, one filter per phase.
//
// The filter has a Kaiser window (1974). It is flat up to 0.9 of the lower Nyquist frequency, and
// attenuates by 100 dB above that frequency. Rates are integers, so their ratio has few phases, and
// the output does not depend on the division into chunks.

const CROSSINGS = 64; // zero crossings on each side of the filter, at the lower rate
const BETA = 10.06; // of the Kaiser window, for 100 dB
const CUTOFF = 0.95; // centre of the transition band, relative to the lower Nyquist frequency

/** Converts mono samples from one sample rate to another. */
export class Resampler {
  /**
   * @param {number} from Hz, an integer
   * @param {number} to Hz, an integer
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
    const width = Math.min(1, to / from); // of the common band, relative to that of the input
    this.#half = 2 * Math.ceil(CROSSINGS / width / 2); // even, since sums process four taps at a time
    this.#filters = this.#plain ? null : filters(this.#phases, this.#half, CUTOFF * width);
    this.#kept = new Float32Array(this.#half - 1); // silence before the first sample
    this.#first = 1 - this.#half;
  }

  #phases; // output samples are at multiples of stride / phases input samples
  #stride;
  #ratio;
  #plain;
  #half; // taps on each side
  #filters; // concatenated, 2 * half taps each
  #kept; // input needed for later output
  #first; // index of its first sample
  #next = 0; // index of the next output sample
  #taken = 0;

  /**
   * The output that is ready after these samples, possibly empty.
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

  /** The remaining output, so that output and input have the same duration. */
  finish() {
    if (this.#plain) return new Float32Array(0);
    const input = new Float32Array(this.#kept.length + 2 * this.#half);
    input.set(this.#kept);
    const whole = Math.max(Math.round(this.#taken * this.#ratio), Math.min(1, this.#taken));
    return this.#filtered(input, whole);
  }

  /** Compute all output samples up to index `end` that `input` covers, and keep the rest of it. */
  #filtered(input, end) {
    const taps = 2 * this.#half;
    const filters = this.#filters;
    const last = this.#first + input.length - 1 - this.#half; // last input index to centre on
    const ready = Math.max(0, Math.ceil(((last + 1) * this.#phases) / this.#stride) - this.#next);
    const output = new Float32Array(Math.min(ready, end - this.#next));
    for (let n = 0; n < output.length; n++) {
      const time = (this.#next + n) * this.#stride;
      const phase = time % this.#phases;
      const start = (time - phase) / this.#phases - this.#half + 1 - this.#first;
      const filter = phase * taps;
      let [a, b, c, d] = [0, 0, 0, 0]; // independent sums
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

/** The filter of each phase: weights of `half` samples before and `half` samples after it. */
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
    for (let i = 0; i < filter.length; i++) filter[i] /= sum; // the same gain for all phases
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
