#!/usr/bin/env node
// Which genre is playing, from raw PCM: a line of JSON goes out for each step.
//
// Before the first run: npm ci --ignore-scripts
// (onnxruntime-node's install script would fetch CUDA, which one small step has no use for.)

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

import { ModelError, openSession, Stream, toJson } from "./streamgenre.mjs";

const USAGE = `ffmpeg -v error -i song.mp3 -f s16le -ar 16000 -ac 1 - | node main.mjs DIR

Mono samples of 16 bits at the card's rate come on standard input. DIR is a package.

  --model FILE   one of its model files  [default: model.int8.onnx, model.onnx where there is none]
  --check        read nothing: replay the package's test vector, say the largest difference
  --help         this`;

const TOLERANCE = 1e-3; // beyond what the card states for rounded weights
const BAD_MODEL = 5; // exit codes
const UNREADABLE = 3;
const MISUSED = 2;

/** Whatever a user can mend: one line on standard error, and the exit code. */
class Refusal extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

async function read(folder, file) {
  try {
    return await readFile(join(folder, file));
  } catch (error) {
    throw new Refusal(`${join(folder, file)}: cannot be read (${error.code})`, BAD_MODEL);
  }
}

async function openStream(folder, file) {
  const text = await read(folder, "card.json");
  let card;
  try {
    card = JSON.parse(text);
  } catch {
    throw new Refusal(`${join(folder, "card.json")}: is no JSON; export anew`, BAD_MODEL);
  }
  let ort;
  try {
    ort = await import("onnxruntime-node");
  } catch {
    throw new Refusal("onnxruntime-node is not there: run npm ci --ignore-scripts beside main.mjs", 1);
  }
  const has = (name) => card.variants?.some((entry) => entry.file === name);
  file ??= has("model.int8.onnx") ? "model.int8.onnx" : "model.onnx";
  const session = await openSession(ort, card, file, await read(folder, file));
  return { card, file, stream: new Stream(ort, session, card) };
}

/** Standard input as float32, an odd byte at a chunk's end kept for the next. */
async function* samples() {
  let rest = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    const count = bytes.length >> 1;
    rest = bytes.subarray(2 * count);
    const floats = new Float32Array(count);
    for (let i = 0; i < count; i++) floats[i] = bytes.readInt16LE(2 * i) / 32768;
    yield floats;
  }
}

async function listen({ card, stream }) {
  const print = (updates) => {
    for (const update of updates) process.stdout.write(toJson(card, update) + "\n");
  };
  for await (const part of samples()) print(await stream.feed(part));
  print(await stream.flush());
  if (!stream.time) throw new Refusal("no audio came on standard input", UNREADABLE);
}

/** The largest difference from the package's test vector; refused where it is too large. */
async function check({ card, stream }, folder, file) {
  const { test } = card;
  const numbers = async ({ file: name, type }) => {
    const bytes = await read(folder, name);
    const size = type === "int16" ? 2 : 4;
    return Float32Array.from({ length: bytes.length / size }, (_, i) =>
      size === 2 ? bytes.readInt16LE(2 * i) / 32768 : bytes.readFloatLE(4 * i),
    );
  };
  const [sound, probabilities, music] = await Promise.all(
    [test.samples, test.probabilities, test.music].map(numbers),
  );
  const started = performance.now();
  const updates = await stream.feed(sound);
  const step = (performance.now() - started) / updates.length;
  let difference = updates.length === test.steps ? 0 : Infinity;
  updates.forEach((update, at) => {
    const classes = update.probabilities.length;
    update.probabilities.forEach((given, i) => {
      difference = Math.max(difference, Math.abs(given - probabilities[at * classes + i]));
    });
    difference = Math.max(difference, Math.abs(update.music - music[at]));
  });
  const variant = card.variants.find((entry) => entry.file === file);
  const allowed = (variant.test_difference ?? 0) + TOLERANCE;
  const said =
    `${file}: largest difference ${difference.toPrecision(3)} over ${updates.length} steps ` +
    `(${allowed.toPrecision(3)} allowed), ${step.toFixed(1)} ms a step`;
  if (!(difference <= allowed)) throw new Refusal(said, 1);
  console.log(said);
}

async function main() {
  let options, folders;
  try {
    ({ values: options, positionals: folders } = parseArgs({
      allowPositionals: true,
      options: {
        model: { type: "string" },
        check: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (error) {
    throw new Refusal(`${error.message}\n\n${USAGE}`, MISUSED);
  }
  if (options.help) return console.log(USAGE);
  if (folders.length !== 1) throw new Refusal(USAGE, MISUSED);
  const opened = await openStream(folders[0], options.model);
  await (options.check ? check(opened, folders[0], opened.file) : listen(opened));
}

// Who reads the lines may have enough of them: `| head`.
process.stdout.on("error", (error) => process.exit(error.code === "EPIPE" ? 0 : 1));

try {
  await main();
} catch (error) {
  if (!(error instanceof Refusal) && !(error instanceof ModelError)) throw error;
  console.error(`streamgenre: ${error.message}`);
  process.exitCode = error.code ?? BAD_MODEL;
}
