// Channels to mono, as streamgenre/audio/mix.py does it: music survives channels that cancel.
//
// The mix is the mean of the channels. While they cancel each other, as with one of them inverted,
// their signs are made equal. This is decided on fixed blocks, and holds from the next sample on.

const BLOCK = 4096; // samples
const MEMORY = 0.9; // of the blocks before
const CANCEL = 0.3; // of what the mix keeps: below it, signs are made equal
const NO_LONGER = 0.5;

export class Mixer {
  #count = 0; // channels
  #filled = 0; // samples of the present block
  #latest = new Float64Array(0); // covariance of the present block
  #covariance = new Float64Array(0); // of those before
  #signs = null;

  /** Write the mean of channels, of `length` samples each, to `mixed` from `at` on. */
  mix(channels, mixed, at = 0, length = channels[0].length) {
    const count = channels.length;
    if (count !== this.#count) this.#restart(count);
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let c = 0; c < count; c++) sum += (this.#signs ? this.#signs[c] : 1) * channels[c][i];
      mixed[at + i] = sum / count;
      if (count === 1) continue;
      for (let c = 0; c < count; c++) {
        for (let d = c; d < count; d++) this.#latest[c * count + d] += channels[c][i] * channels[d][i];
      }
      if (++this.#filled === BLOCK) this.#judge();
    }
    return mixed;
  }

  #restart(count) {
    this.#count = count;
    this.#filled = 0;
    this.#signs = null;
    this.#latest = new Float64Array(count * count);
    this.#covariance = new Float64Array(count * count);
  }

  #judge() {
    const count = this.#count;
    const all = this.#covariance;
    let total = 0;
    let kept = 0;
    let loudest = 0;
    for (let c = 0; c < count; c++) {
      for (let d = c; d < count; d++) {
        const value = all[c * count + d] * MEMORY + this.#latest[c * count + d];
        all[c * count + d] = all[d * count + c] = value;
        kept += c === d ? value : 2 * value;
      }
      total += all[c * count + c];
      if (all[c * count + c] > all[loudest * count + loudest]) loudest = c;
    }
    this.#latest.fill(0);
    this.#filled = 0;
    if (!(total > 0)) return;
    if (!this.#signs && kept / total < CANCEL) {
      this.#signs = Float32Array.from({ length: count }, (_, c) => (all[loudest * count + c] < 0 ? -1 : 1));
    } else if (kept / total > NO_LONGER) {
      this.#signs = null;
    }
  }
}
