// Downloads the model and the runtime with progress reports, and opens a session.

import * as ort from "./ort.wasm.bundle.min.mjs";
import { ModelError, openSession } from "./streamgenre.mjs";

const MODEL = "model.int8.onnx";
const RUNTIME = "ort-wasm-simd-threaded.wasm.gz";
const RUNTIME_SIZE = 3_700_000; // bytes, only for the progress

/** A file could not be downloaded. */
export class FetchError extends Error {}

/**
 * Load the runtime, the card and a session.
 *
 * @param {(share: number) => void} progress called with 0 to 1
 */
export async function load(progress) {
  const card = JSON.parse(new TextDecoder().decode(await fetched("card.json", () => {})));
  const size = card.variants?.find((variant) => variant.file === MODEL)?.bytes ?? 0;
  let done = 0;
  const count = (bytes) => progress(Math.min(1, (done += bytes) / (size + RUNTIME_SIZE)));
  const [model, runtime] = await Promise.all([fetched(MODEL, count), fetched(RUNTIME, count)]);
  ort.env.wasm.numThreads = 1; // a step takes milliseconds, and threads would need special headers
  ort.env.wasm.wasmBinary = await unpacked(runtime);
  return { ort, card, session: await openSession(ort, card, MODEL, model) };
}

async function fetched(file, count) {
  const url = new URL(file, import.meta.url);
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new FetchError(file);
  }
  if (!response.ok) throw new FetchError(`${file}: ${response.status}`);
  const parts = [];
  let size = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new FetchError(file);
    });
    if (done) break;
    parts.push(value);
    count(value.length);
    size += value.length;
  }
  const bytes = new Uint8Array(size);
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}

/** Decompress the bytes, unless the browser has done so because of the server's headers. */
async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.buffer;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  try {
    return await new Response(stream).arrayBuffer();
  } catch {
    throw new ModelError(`${RUNTIME} is damaged; reload the page`);
  }
}
