// The decision: from the probabilities of a step to a status and a genre, with hysteresis.
//
// The probabilities of steps with music are smoothed exponentially. A label becomes the genre when
// its smoothed probability reaches a threshold and leads the current genre by a margin. The genre is
// kept until another label replaces it or its own probability falls below a lower threshold, as in a
// Schmitt trigger. Without a genre, the status is "unsure".

const DOUBT = 0.25; // s of non-music in the mean after silence, so that a single tap is not music
const TOO_SHORT = 0.1; // s; a last step with less new audio does not change the decision

/** Decides on each step of one stream. */
export class Decider {
  /**
   * @param {{unsure: number, music: number, silence: number, margin: number, smoothing: number,
   *   hold: number}} thresholds thresholds of the card
   * @param {number} classes number of labels
   */
  constructor(thresholds, classes) {
    this.thresholds = thresholds;
    this.classes = classes;
    this.reset();
  }

  /** Discard the smoothed probabilities and the current genre. */
  reset() {
    /** Smoothed probability of each label, on which `confidence` and decisions are based. */
    this.smoothed = new Float64Array(this.classes).fill(1 / this.classes);
    this.music = 1;
    this.hasSteps = this.hasMusic = false;
    this.sinceSilence = Infinity; // s
    this.current = null;
    this.last = null;
  }

  /**
   * Status and index of the genre of a step; the index is null unless the status is "genre".
   *
   * @param {ArrayLike<number>} probabilities one per label
   * @param {number} music probability of music
   * @param {number} level level of the new samples in dBFS
   * @param {number} seconds duration of the new audio
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
      // After silence, use the mean since its end, so that a pause does not delay detection.
      this.sinceSilence += seconds;
      const fresh = Math.max(share, seconds / (this.sinceSilence + DOUBT));
      this.music += (music - this.music) * (this.hasSteps ? fresh : 1);
    }
    this.hasSteps = true;
    if (this.music < limits.music || level < limits.silence) {
      this.current = null;
      return { status: "no-music", genre: null };
    }
    const smoothed = this.smoothed;
    const weight = this.hasMusic ? share : 1;
    for (let i = 0; i < smoothed.length; i++) {
      smoothed[i] += (probabilities[i] - smoothed[i]) * weight;
    }
    this.hasMusic = true;
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
