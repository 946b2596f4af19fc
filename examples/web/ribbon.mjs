// The ribbon: stacked probabilities over time, with the decisions below.

import { named } from "./words.mjs";

const STRIP = 22; // px, height of the decisions
const GAP = 6; // px between the two

/** Draws an interval of a record on a canvas. */
export class Ribbon {
  constructor(canvas, card) {
    this.#canvas = canvas;
    this.#card = card;
    this.#colours = new Map(card.labels.map((label) => [label.name, label.colour]));
  }

  #canvas;
  #card;
  #colours;

  /**
   * @param {Record} record
   * @param {number} start s, at the left edge
   * @param {number} end s, at the right edge
   */
  draw(record, start, end) {
    const canvas = this.#canvas;
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = devicePixelRatio;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const x = (time) => ((time - start) / (end - start)) * width;
    this.#stack(pen, record, start, end, x, height - STRIP - GAP);
    this.#strip(pen, record, x, width, height - STRIP);
  }

  #stack(pen, record, start, end, x, height) {
    const { updates } = record;
    const first = Math.max(0, record.indexAt(start) - 1);
    const last = Math.min(updates.length - 1, record.indexAt(end) + 1);
    if (last < first) return;
    // At most one point per pixel.
    const stride = Math.max(1, Math.floor((last - first) / (2 * Math.max(1, x(end)))));
    let run = [];
    for (let i = first; i <= last; i += stride) {
      if (updates[i].status === "no-music") {
        this.#layers(pen, run, x, height);
        run = [];
      } else {
        if (!run.length) run.push({ time: i ? updates[i - 1].time : 0, update: updates[i] });
        run.push({ time: updates[i].time, update: updates[i] });
      }
    }
    this.#layers(pen, run, x, height);
  }

  #layers(pen, run, x, height) {
    if (!run.length) return;
    pen.lineWidth = 0.5;
    let floor = run.map(() => height);
    this.#card.labels.forEach((label, i) => {
      const roof = run.map(({ update }, at) => floor[at] - update.smoothed[i] * height);
      pen.beginPath();
      run.forEach(({ time }, at) => pen.lineTo(x(time), floor[at]));
      for (let at = run.length - 1; at >= 0; at--) pen.lineTo(x(run[at].time), roof[at]);
      pen.fillStyle = pen.strokeStyle = label.colour;
      pen.fill();
      pen.stroke(); // no seams between layers
      floor = roof;
    });
  }

  #strip(pen, record, x, width, top) {
    const style = getComputedStyle(this.#canvas);
    pen.font = `500 12px ${style.fontFamily}`;
    pen.textBaseline = "middle";
    for (const segment of record.segments) {
      const left = Math.max(0, x(segment.start));
      const right = Math.min(width, x(segment.end));
      if (right <= 0 || left >= width) continue;
      const colour = this.#colours.get(segment.genre);
      const size = Math.max(1, right - left - 1); // a pixel between neighbours
      if (colour) {
        pen.fillStyle = colour;
        pen.fillRect(left, top, size, STRIP);
      } else {
        pen.fillStyle = style.getPropertyValue("--line");
        pen.fillRect(left, top + STRIP - 2, size, 2);
      }
      const text = named(this.#card, segment);
      if (pen.measureText(text).width + 12 <= size) {
        pen.fillStyle = colour ? inkOn(colour) : style.getPropertyValue("--quiet");
        pen.fillText(text, left + 6, top + STRIP / 2 + 0.5);
      }
    }
  }
}

/** Black or white, whichever has more contrast on a colour "#rrggbb" (WCAG). */
export function inkOn(colour) {
  return luminance(colour) > 0.179 ? "#000" : "#fff";
}

/** Relative luminance (WCAG). */
export function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** Times for the axis of an interval, as many as fit into `width` px. */
export function ticks(start, end, width) {
  const step = STEPS.find((size) => (size / (end - start)) * width >= 64) ?? 7200;
  const found = [];
  for (let at = Math.ceil(start / step) * step; at <= end; at += step) found.push(at);
  return found;
}
