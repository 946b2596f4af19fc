// The page: its controls and its states.

import { Microphone } from "./microphone.mjs";
import { NotAudio, Recording, TooLong } from "./recording.mjs";
import { Record } from "./record.mjs";
import { toJson } from "./streamgenre.mjs";
import { Announcer, View } from "./view.mjs";
import { clock, microphoneTrouble, named, percent, TROUBLE } from "./words.mjs";

const $ = (id) => document.getElementById(id);
const AHEAD = 2; // parts of a file sent to the worker in advance
const RUSH = 150; // ms between frames while a file is read
const JUMPS = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30 }; // s
const FLOOR = -60; // dBFS at the left end of the level meter
// The smallest module with a SIMD instruction.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

const player = new Audio();
const announcer = new Announcer();
let worker, card, view;
// loading, idle, asking, listening, stopping, opening, reading, stopped, read, broken
let state = "loading";
let source = 0; // number of the current source, to ignore late messages
let microphone = null;
let recording = null;
let record = null;
let stopped = () => {}; // called when the worker has finished a microphone
let drawn = false;

function enter(next) {
  state = next;
  document.body.dataset.state = next;
  const running = ["listening", "reading"].includes(next);
  $("listen").textContent = running ? "Stop" : "Listen";
  const waiting = ["loading", "asking", "opening", "stopping", "broken"].includes(next);
  // Not `disabled`, which would remove the focus from a button that waits for its own action.
  for (const id of ["listen", "open"]) $(id).setAttribute("aria-disabled", waiting);
  $("play").hidden = next !== "read";
  $("level").hidden = next !== "listening";
  const slider = next === "read";
  for (const [name, value] of Object.entries({ role: "slider", tabindex: 0, "aria-label": "Position" })) {
    if (slider) $("ribbon").setAttribute(name, value);
    else $("ribbon").removeAttribute(name);
  }
  $("segments-title").textContent = next === "read" || next === "stopped" ? "In order" : "So far";
  draw();
}

function trouble(line) {
  $("error").textContent = line;
}

/** Draw with the next frame, or less often while a file is read. */
function draw() {
  if (drawn || !view) return;
  drawn = true;
  const frame = () =>
    requestAnimationFrame(() => {
      drawn = false;
      if (!player.paused) draw();
      show();
    });
  if (state === "reading") setTimeout(frame, RUSH);
  else frame();
}

function show() {
  if (!record) return view.greet();
  if (!record.updates.length) return view.wait(microphone ? "Listening" : "Reading");
  const placed = state === "read" && (!player.paused || player.currentTime > 0);
  const at = placed ? Math.min(player.currentTime, record.duration) : null;
  const live = microphone !== null;
  const whole = !live && !placed;
  const update = whole ? record.verdict() : record.updates[placed ? record.indexAt(at) : record.updates.length - 1];
  const duration = state === "reading" ? recording.duration : record.duration;
  const over = state === "stopped" ? "over" : state === "reading" ? "so far, of" : "the whole recording,";
  view.show(record, update, { live, whole, at, duration, over });
  if (live) $("source").textContent = `Listening ${clock(record.duration)}`;
  if (state === "reading") $("source").textContent = `${recording.name} ${percent(record.duration / duration)}`;
  if (state === "read") {
    const time = clock(at ?? 0);
    $("ribbon").setAttribute("aria-valuemin", 0);
    $("ribbon").setAttribute("aria-valuemax", Math.round(duration));
    $("ribbon").setAttribute("aria-valuenow", Math.round(at ?? 0));
    $("ribbon").setAttribute("aria-valuetext", `${time}, ${named(card, record.updates[record.indexAt(at ?? 0)])}`);
  }
  if (state === "listening") announcer.say(named(card, update));
  if (state === "read" && whole) announcer.say(`The whole recording: ${$("word").textContent}`);
}

/** Stop the current source. Its results stay on the page. */
async function stop() {
  if (state === "reading") {
    worker.postMessage({ type: "drop", id: source });
    finished("stopped");
  } else if (state === "listening") {
    enter("stopping");
    worker.postMessage({ type: "end", id: source });
    await microphone.stop();
    await new Promise((resolve) => (stopped = resolve));
  }
}

function finished(next) {
  microphone = recording = null;
  if (!record.updates.length) record = null;
  enter(record ? next : "idle");
}

async function listen() {
  begin("asking", "Waiting for the microphone");
  try {
    microphone = await Microphone.open(() => {
      trouble(TROUBLE.gone);
      stop();
    });
  } catch (error) {
    trouble(microphoneTrouble(error));
    return cancel();
  }
  const { rate, port } = microphone;
  worker.postMessage({ type: "listen", id: ++source, rate, port }, [port]);
  start("Listening");
  enter("listening");
}

async function open(file) {
  if (!file) return;
  await stop();
  begin("opening", `Opening ${file.name}`);
  try {
    recording = await Recording.open(file, player);
  } catch (error) {
    if (!(error instanceof NotAudio) && !(error instanceof TooLong)) throw error;
    trouble((error instanceof TooLong ? TROUBLE.tooLong : TROUBLE.notAudio)(file.name));
    return cancel();
  }
  worker.postMessage({ type: "file", id: ++source, rate: recording.rate });
  start(file.name);
  enter("reading");
  for (let i = 0; i < AHEAD; i++) more();
}

function begin(next, line) {
  trouble("");
  player.pause();
  $("source").textContent = line;
  enter(next);
}

function start(line) {
  record = new Record(card);
  $("source").textContent = line;
}

/** Return to the previous state after a failure. */
function cancel() {
  $("source").textContent = "";
  enter(record ? "stopped" : "idle");
}

function more() {
  const channels = recording?.next();
  if (channels) {
    worker.postMessage({ type: "samples", id: source, channels }, channels.map((part) => part.buffer));
  } else if (recording && !recording.ended) {
    recording.ended = true;
    worker.postMessage({ type: "end", id: source });
  }
}

const handlers = {
  loading: ({ share }) => ($("source").textContent = `Loading the model ${percent(share)}`),
  ready: (message) => {
    card = message.card;
    view = new View(card, seek);
    about();
    $("source").textContent = "";
    enter("idle");
  },
  failed: ({ what, detail }) => {
    trouble(TROUBLE[what](detail));
    microphone?.stop();
    microphone = null;
    $("source").textContent = "";
    enter("broken");
  },
  updates: ({ updates }) => {
    for (const update of updates) record.add(update);
    draw();
  },
  level: ({ level }) => {
    const share = Math.min(1, Math.max(0, 1 - level / FLOOR));
    $("level").firstChild.style.setProperty("--share", share);
  },
  lost: ({ seconds }) => trouble(TROUBLE.lost(seconds)),
  more,
  ended: () => {
    $("source").textContent = recording?.name ?? "";
    finished(recording ? "read" : "stopped");
    stopped();
  },
};

function about() {
  const { name, version, accuracy } = card.model;
  const measured = accuracy?.accuracy
    ? ` Correct for ${percent(accuracy.accuracy)} of ${accuracy.tracks} test clips; the correct genre is among the two most probable for ${percent(accuracy.top2)}.`
    : "";
  $("about").textContent = `Model ${name} ${version}, ${card.labels.length} genres.${measured}`;
}

function seek(time) {
  if (state !== "read") return;
  player.currentTime = Math.min(Math.max(0, time), record.duration);
  draw();
}

function toggle() {
  if (player.paused) player.play().catch(() => trouble("The browser cannot play this file."));
  else player.pause();
}

function save() {
  const lines = record.updates.map((update) => toJson(card, update) + "\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
  link.download = "streamgenre.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function place(event) {
  const { left, width } = $("ribbon").getBoundingClientRect();
  seek(((event.clientX - left) / width) * record.duration);
}

function wire() {
  const ready = () => $("open").getAttribute("aria-disabled") === "false";
  $("listen").onclick = () => {
    if (ready()) ["listening", "reading"].includes(state) ? stop() : listen();
  };
  $("open").onclick = () => ready() && $("file").click();
  $("file").onchange = () => {
    open($("file").files[0]);
    $("file").value = ""; // so that the same file can be selected again
  };
  $("play").onclick = toggle;
  $("save").onclick = save;
  for (const name of ["play", "pause", "seeked"]) player.addEventListener(name, draw);
  player.addEventListener("play", () => ($("play").textContent = "Pause"));
  player.addEventListener("pause", () => ($("play").textContent = "Play"));
  player.addEventListener("ended", () => seek(0)); // show the whole recording again

  $("ribbon").onpointerdown = (event) => {
    if (state !== "read") return;
    $("ribbon").setPointerCapture(event.pointerId);
    place(event);
  };
  $("ribbon").onpointermove = (event) => {
    if (state === "read" && event.buttons) place(event);
  };
  $("ribbon").onkeydown = (event) => {
    if (state !== "read") return;
    if (event.key in JUMPS) seek(player.currentTime + JUMPS[event.key]);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(record.duration);
    else if (event.key === " " || event.key === "Enter") toggle();
    else return;
    event.preventDefault();
  };

  let inside = 0;
  const dragging = (count) => {
    inside = Math.max(0, count);
    document.body.classList.toggle("dragging", inside > 0);
  };
  addEventListener("dragenter", () => dragging(inside + 1));
  addEventListener("dragleave", () => dragging(inside - 1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    dragging(0);
    if (ready()) open(event.dataTransfer.files[0]);
  });
  addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

function run() {
  wire();
  enter("loading");
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(new Uint8Array(SIMD))) {
    handlers.failed({ what: "noWasm" });
    return;
  }
  if (!isSecureContext) {
    handlers.failed({ what: "insecure" });
    return;
  }
  // From a blob, so that the Content-Security-Policy of this page also applies to the worker.
  const script = `import ${JSON.stringify(String(new URL("worker.mjs", import.meta.url)))};`;
  worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })), { type: "module" });
  worker.onerror = (event) => handlers.failed({ what: "fetch", detail: event.message || "worker.mjs" });
  worker.onmessage = ({ data }) => {
    if (data.id === undefined || data.id === source) handlers[data.type](data);
  };
}

run();
