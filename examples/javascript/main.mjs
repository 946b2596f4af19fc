#!/usr/bin/env node
// Classify the genre of raw PCM audio from standard input; prints one line of JSON per step.
//
// Before the first run: npm ci --ignore-scripts
// (The install script of onnxruntime-node would download CUDA, which is not needed.)

import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

import { ModelError, openSession, Stream, toJson } from "./streamgenre.mjs";

const USAGE = `ffmpeg -v error -i song.mp3 -f s16le -ar 16000 -ac 1 - | node main.mjs DIR

Reads mono 16-bit samples at the sample rate of the card from standard input. DIR is a package.

  --model FILE   model file of the package  [default: model.int8.onnx if present, else model.onnx]
  --check        run the test vector of the package and print the largest difference
  --help         print this help`;

const TOLERANCE = 1e-3; // in addition to the difference that the card states for rounded weights
const BAD_MODEL = 5; // exit codes
const UNREADABLE = 3;
const MISUSED = 2;

/** An error that ends the program, with its exit code. */
class Failure extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

async function read(folder, file) {
  if (typeof file !== "string" || isAbsolute(file) || file.includes("..")) {
    throw new Failure(`${join(folder, "card.json")}: names a file outside the package`, BAD_MODEL);
  }
  try {
    return await readFile(join(folder, file));
  } catch (error) {
    throw new Failure(`${join(folder, file)}: cannot be read (${error.code})`, BAD_MODEL);
  }
}

async function openStream(folder, file) {
  const text = await read(folder, "card.json");
  let card;
  try {
    card = JSON.parse(text);
  } catch {
    throw new Failure(`${join(folder, "card.json")}: is not valid JSON; export it again`, BAD_MODEL);
  }
  let ort;
  try {
    ort = await import("onnxruntime-node");
  } catch {
    throw new Failure("onnxruntime-node is missing; run npm ci --ignore-scripts in the folder of main.mjs", 1);
  }
  const has = (name) => card.variants?.some((entry) => entry.file === name);
  file ??= has("model.int8.onnx") ? "model.int8.onnx" : "model.onnx";
  const session = await openSession(ort, card, file, await read(folder, file));
  return { card, file, stream: new Stream(ort, session, card) };
}

/** Standard input as float32. An odd byte at the end of a chunk is kept for the next chunk. */
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
  if (!stream.time) throw new Failure("no audio on standard input", UNREADABLE);
}

/** Run the test vector and print the largest difference. Throws Failure if it is too large. */
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
  const line =
    `${file}: largest difference ${difference.toPrecision(3)} over ${updates.length} steps ` +
    `(${allowed.toPrecision(3)} allowed), ${step.toFixed(1)} ms per step`;
  if (!(difference <= allowed)) throw new Failure(line, 1);
  console.log(line);
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
    throw new Failure(`${error.message}\n\n${USAGE}`, MISUSED);
  }
  if (options.help) return console.log(USAGE);
  if (folders.length !== 1) throw new Failure(USAGE, MISUSED);
  const opened = await openStream(folders[0], options.model);
  await (options.check ? check(opened, folders[0], opened.file) : listen(opened));
}

// The reader may close the pipe, as `| head` does.
process.stdout.on("error", (error) => process.exit(error.code === "EPIPE" ? 0 : 1));

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure) && !(error instanceof ModelError)) throw error;
  console.error(`streamgenre: ${error.message}`);
  process.exitCode = error.code ?? BAD_MODEL;
}
