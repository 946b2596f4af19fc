// The results of a source: updates, segments, and the result for the whole recording.

const LEAST_MUSIC = 0.1; // share of steps with music below which a recording is "no-music"
const MIXED = 0.6; // share of time with a decided genre from which on several genres are a mix
const LONGEST = 50_000; // updates to keep, seven hours at a hop of 0.5 s

/** The updates of one source; see `add`. */
export class Record {
  constructor(card) {
    this.card = card;
    this.updates = [];
    /** {start, end, status, genre}, without gaps from the start of the first update. */
    this.segments = [];
    this.#sums = new Float64Array(card.labels.length);
  }

  #sums;
  #steps = 0;
  #musical = 0;

  /** Seconds at which the first segment begins: 0 until segments are discarded. */
  get start() {
    return this.segments[0]?.start ?? 0;
  }

  /** Duration in seconds. */
  get duration() {
    return this.updates.at(-1)?.time ?? 0;
  }

  add(update) {
    const start = this.duration;
    this.updates.push(update);
    this.#steps += 1;
    if (update.status !== "no-music") {
      this.#musical += 1;
      update.probabilities.forEach((value, i) => (this.#sums[i] += value));
    }
    const last = this.segments.at(-1);
    if (last && last.status === update.status && last.genre === update.genre) last.end = update.time;
    else this.segments.push({ start, end: update.time, status: update.status, genre: update.genre });
    if (this.updates.length > LONGEST) {
      this.updates.splice(0, LONGEST / 10);
      const begin = this.updates[0].time;
      while (this.segments[0].end <= begin) this.segments.shift();
    }
  }

  /** Index of the update that covers a time; -1 before the first. */
  indexAt(time) {
    let [low, high] = [0, this.updates.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.updates[middle].time < time) low = middle + 1;
      else high = middle;
    }
    return high;
  }

  /** Names of the decided genres, the longest first, and their share of the time. */
  genres() {
    const times = new Map();
    for (const { start, end, genre } of this.segments) {
      if (genre) times.set(genre, (times.get(genre) ?? 0) + end - start);
    }
    const names = [...times.keys()].sort((a, b) => times.get(b) - times.get(a));
    const all = this.duration - this.start;
    return { names, share: [...times.values()].reduce((sum, time) => sum + time, 0) / all };
  }

  /**
   * The mean of the probabilities over the steps with music, in the form of an update. `mixed`: it
   * is unsure because it contains several decided genres.
   */
  verdict() {
    const classes = this.card.labels.length;
    const mean = Array.from(this.#sums, (sum) => (this.#musical ? sum / this.#musical : 1 / classes));
    const top = mean.indexOf(Math.max(...mean));
    let status = "genre";
    if (!this.#musical || this.#musical < LEAST_MUSIC * this.#steps) status = "no-music";
    else if (mean[top] < this.card.thresholds.unsure) status = "unsure";
    const name = this.card.labels[top].name;
    const genre = status === "genre" ? name : null;
    const { names, share } = this.genres();
    const mixed = status === "unsure" && names.length > 1 && share > MIXED;
    return { status, genre, mixed, top: name, confidence: mean[top], smoothed: mean, level: 0, speech: null };
  }
}
