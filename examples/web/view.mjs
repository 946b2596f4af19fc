// The results on the page: decision, bars, ribbon and list of segments.

import { Ribbon, ticks } from "./ribbon.mjs";
import { clock, display, instead, named, percent } from "./words.mjs";

const WINDOWS = [30, 60, 120]; // s of a microphone that the ribbon shows, the first that suffices
const ROWS = 200; // maximum number of listed segments

const $ = (id) => document.getElementById(id);

function element(name, classes, text = "") {
  const made = document.createElement(name);
  made.className = classes;
  made.textContent = text;
  return made;
}

/** The length of a segment, at least a second. */
function lasted({ start, end }) {
  return clock(Math.max(1, Math.round(end - start)));
}

/** Shows a record. */
export class View {
  /** @param {(time: number) => void} seek called with the start of a selected segment */
  constructor(card, seek) {
    this.#card = card;
    this.#seek = seek;
    this.#colours = new Map(card.labels.map((label) => [label.name, label.colour]));
    this.#ribbon = new Ribbon($("ribbon").querySelector("canvas"), card);
    $("bars").replaceChildren(
      ...card.labels.map((label) => {
        const row = element("li", "");
        const track = element("div", "track");
        const fill = element("div", "");
        fill.style.setProperty("--colour", label.colour);
        track.append(fill);
        row.append(element("span", "label", label.display), track, element("span", "share"));
        return row;
      }),
    );
    $("labels").replaceChildren(
      ...card.labels.map((label) => {
        const name = element("li", "", label.display);
        name.style.setProperty("--colour", label.colour);
        return name;
      }),
    );
  }

  #card;
  #seek;
  #colours;
  #ribbon;
  #listed = null;
  #shown = "";
  #drawn = "";
  #greeting = [$("word").textContent, $("said").textContent];

  /**
   * @param {Record} record
   * @param {object} update the update to show, or the result for the whole record
   * @param {{live: boolean, whole: boolean, at: number | null, duration: number, over: string}} how
   *   `at`: the playhead in seconds; `duration`: total duration, including audio still to be read;
   *   `over`: text before the duration of a result for the whole record
   */
  show(record, update, how) {
    this.#drawRibbon(record, how);
    const { live, whole, at } = how;
    const shown = `${update.time} ${record.updates.length} ${live} ${whole} ${at === null ? "" : clock(at)}`;
    if (this.#listed === record && this.#shown === shown) return; // only the playhead moves
    this.#shown = shown;
    this.#reveal(true, update.mixed ? "genre" : update.status);
    this.#now(record, update, how);
    this.#bars(update);
    this.#segments(record, live);
  }

  #reveal(on, heard) {
    for (const id of ["heard", "details"]) $(id).hidden = !on;
    $("labels").hidden = heard !== "";
    document.body.dataset.heard = heard;
  }

  /** Restore the initial state of the page. */
  greet() {
    this.#reveal(false, "");
    [$("word").textContent, $("said").textContent] = this.#greeting;
  }

  /** Show that there is no result yet. */
  wait(word) {
    this.#reveal(false, "nothing");
    this.#shown = "";
    $("word").textContent = word;
    $("rule").style.setProperty("--share", 0);
    $("said").textContent = "";
  }

  #now(record, update, how) {
    const share = update.genre ? this.#probability(update, update.genre) : 0;
    $("word").textContent = update.mixed ? "A mix" : named(this.#card, update);
    $("rule").style.setProperty("--share", share);
    document.documentElement.style.setProperty("--genre", this.#colours.get(update.genre) ?? "transparent");
    const parts = [this.#resultText(record, update, how, share)];
    if (how.whole) parts.push(`${how.over} ${clock(how.duration)}`);
    else if (how.at !== null) parts.push(`at ${clock(how.at)}`);
    else if (update.genre) parts.push(`for ${clock(update.time - record.segments.at(-1).start)}`);
    if (update.genre && update.top !== update.genre) {
      parts.push(`or ${display(this.#card, update.top)}, ${percent(update.confidence)}`);
    }
    $("said").replaceChildren(
      ...parts.filter(Boolean).flatMap((part, i) => (i ? [" \u00b7 ", part] : [part])),
    );
  }

  #resultText(record, update, { whole }, share) {
    const shown = (name) => display(this.#card, name);
    if (update.mixed) {
      const names = record.genres().names.slice(0, 3).map(shown);
      return `mostly ${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
    }
    if (update.status === "genre") return element("strong", "", percent(share));
    if (update.status === "unsure") return `perhaps ${shown(update.top)}, ${percent(update.confidence)}`;
    return whole ? "" : instead(this.#card, update);
  }

  #probability(update, name) {
    return update.smoothed[this.#card.labels.findIndex((label) => label.name === name)];
  }

  #bars(update) {
    [...$("bars").children].forEach((row, i) => {
      const label = this.#card.labels[i].name;
      row.classList.toggle("top", label === (update.genre ?? update.top) && update.status !== "no-music");
      row.children[1].firstChild.style.setProperty("--share", update.smoothed[i]);
      row.children[2].textContent = percent(update.smoothed[i]);
    });
  }

  #drawRibbon(record, { live, at, duration }) {
    const size = WINDOWS.find((enough) => enough >= duration) ?? WINDOWS.at(-1);
    const end = live ? Math.max(size, duration) : duration;
    const start = live ? end - size : record.start;
    $("heard").hidden = false; // a hidden element has no size to draw at
    const { clientWidth: width, clientHeight: height } = $("ribbon");
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const drawn = [record.updates.length, start, end, width, height, devicePixelRatio, dark].join(" ");
    if (this.#listed !== record || this.#drawn !== drawn) this.#ribbon.draw(record, start, end);
    this.#drawn = drawn;
    $("heard").classList.toggle("placed", at !== null);
    $("ribbon").style.setProperty("--at", at === null ? 0 : (at - start) / (end - start));
    const times = ticks(start, end, $("axis").clientWidth);
    const key = `${start} ${end} ${times}`;
    if ($("axis").dataset.key === key) return;
    $("axis").dataset.key = key;
    $("axis").replaceChildren(
      ...times.map((time) => {
        const share = (time - start) / (end - start);
        const edge = share < 0.03 ? "first" : share > 0.97 ? "last" : "";
        const tick = element("span", edge, clock(time));
        tick.style.setProperty("--at", share);
        return tick;
      }),
    );
  }

  /** Update the list; a live list has the latest segment on top. Unchanged rows are kept. */
  #segments(record, live) {
    const { segments } = record;
    const key = `${segments.length} ${segments[0]?.start} ${live}`;
    if (this.#listed !== record || $("segments").dataset.key !== key) {
      this.#listed = record;
      $("segments").dataset.key = key;
      const rows = segments.slice(-ROWS).map((segment) => this.#row(segment, live));
      $("segments").replaceChildren(...(live ? rows.reverse() : rows));
    }
    const last = segments.at(-1);
    const row = live ? $("segments").firstChild : $("segments").lastChild;
    if (last) row.querySelector(".length").textContent = lasted(last);
  }

  #row(segment, live) {
    const row = element("li", segment.genre ? "" : "plain");
    const inside = element(live ? "div" : "button", "");
    const dot = element("span", "dot");
    if (segment.genre) dot.style.setProperty("--colour", this.#colours.get(segment.genre));
    inside.append(
      element("span", "time", clock(segment.start)),
      dot,
      element("span", "label", named(this.#card, segment)),
      element("span", "length", lasted(segment)),
    );
    if (!live) {
      inside.type = "button";
      inside.onclick = () => this.#seek(segment.start);
    }
    row.append(inside);
    return row;
  }
}

/** Announces decisions to screen readers, once they are stable, and at a limited rate. */
export class Announcer {
  #pending = "";
  #said = "";
  #next = 0;
  #timer = null;

  /** @param {string} text the text to announce, unless it was the last one */
  say(text) {
    if (text === this.#pending) return;
    this.#pending = text;
    clearTimeout(this.#timer);
    const wait = Math.max(2000, this.#next - performance.now());
    this.#timer = setTimeout(() => {
      if (text === this.#said) return;
      $("announcer").textContent = this.#said = text;
      this.#next = performance.now() + 8000;
    }, wait);
  }
}
