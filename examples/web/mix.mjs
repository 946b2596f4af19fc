// Mixes channels to mono, as streamgenre/audio/mix.py does, also if they cancel each other.
//
// The mix is the mean of the channels. While they cancel, as with one channel inverted, the signs of
// inverted channels are flipped. The decision is based on fixed blocks and applies from the next
// sample.

const BLOCK = 4096; // samples
const MEMORY = 0.9; // decay per block
const CANCEL = 0.3; // ratio of powers after and before mixing, below which signs are flipped
const NO_LONGER = 0.5;

export class Mixer {
  #count = 0; // channels
  #filled = 0; // samples of the current block
  #latest = new Float64Array(0); // covariance of the current block
  #covariance = new Float64Array(0); // covariance of earlier blocks
  #signs = null;

  /** Write the mix of `length` samples of the channels to `mixed`, from index `at`. */
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
      if (++this.#filled === BLOCK) this.#decideSigns();
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

  #decideSigns() {
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
