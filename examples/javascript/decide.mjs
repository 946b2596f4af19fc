// From a step's probabilities to a decision that neither flickers nor lags.
//
// Pure but for the few numbers kept between steps. Probabilities of music steps are smoothed
// exponentially. A label becomes the genre when it reaches a threshold and, where there is one
// already, has a lead; the genre stays until another takes over or its own probability has sunk to a
// lower threshold (Schmitt's trigger). In between it is unsure.

const DOUBT = 0.25; // s of no music in the mean after silence: a tap or a chime alone is no music yet
const TOO_SHORT = 0.1; // s of new audio, at a recording's end, that cannot change a decision

/** Decides step after step; one for each stream. */
export class Decider {
  /**
   * @param {{unsure: number, music: number, silence: number, margin: number, smoothing: number,
   *   hold: number}} thresholds the card's
   * @param {number} classes how many labels there are
   */
  constructor(thresholds, classes) {
    this.thresholds = thresholds;
    this.classes = classes;
    this.reset();
  }

  /** Forget what was heard. */
  reset() {
    /** Smoothed probability of each label: `confidence` and decisions are made of it. */
    this.smoothed = new Float64Array(this.classes).fill(1 / this.classes);
    this.music = 1;
    this.heard = this.heardMusic = false;
    this.sinceSilence = Infinity; // s
    this.current = null;
    this.last = null;
  }

  /**
   * Status and index of the genre (null unless the status is "genre") of one step.
   *
   * @param {ArrayLike<number>} probabilities one for each label
   * @param {number} music probability that this is music
   * @param {number} level of the new samples, dBFS
   * @param {number} seconds of new audio that the step brought
   * @returns {{status: "genre" | "unsure" | "no-music", genre: number | null}}
   */
  decide(probabilities, music, level, seconds) {
    if (this.last === null || seconds >= TOO_SHORT) {
      this.last = this.#decide(probabilities, music, level, seconds);
    }
    return this.last;
  }

  #decide(probabilities, music, level, seconds) {
    const limits = this.thresholds;
    const share = 1 - Math.exp(-seconds / limits.smoothing);
    if (level < limits.silence) {
      this.music = this.sinceSilence = 0;
    } else {
      // After silence the mean since its end: a first note is not held against the pause.
      this.sinceSilence += seconds;
      const fresh = Math.max(share, seconds / (this.sinceSilence + DOUBT));
      this.music += (music - this.music) * (this.heard ? fresh : 1);
    }
    this.heard = true;
    if (this.music < limits.music || level < limits.silence) {
      this.current = null;
      return { status: "no-music", genre: null };
    }
    const smoothed = this.smoothed;
    const weight = this.heardMusic ? share : 1;
    for (let i = 0; i < smoothed.length; i++) {
      smoothed[i] += (probabilities[i] - smoothed[i]) * weight;
    }
    this.heardMusic = true;
    const top = largest(smoothed);
    if (this.current !== null && smoothed[this.current] < limits.hold) this.current = null;
    const lead = smoothed[top] - (this.current === null ? 0 : smoothed[this.current]);
    const enough = this.current === null || lead >= limits.margin;
    if (smoothed[top] >= limits.unsure && enough) this.current = top;
    return this.current === null
      ? { status: "unsure", genre: null }
      : { status: "genre", genre: this.current };
  }
}

/** Index of the largest number, the first of several. */
export function largest(numbers) {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i] > numbers[best]) best = i;
  return best;
}
