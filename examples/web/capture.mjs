// Runs on the audio thread: mixes the microphone to mono and sends it to the worker in blocks.
//
// The worker returns the blocks for reuse, so nothing is allocated in steady state. If the worker is
// too slow, at most a few seconds are queued.

import { Mixer } from "./mix.mjs";

const BLOCK = 2048; // samples: a message 20 times a second
const PATIENCE = 4; // s of audio that may wait for the worker; more is dropped and reported

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.most = Math.ceil((PATIENCE * sampleRate) / BLOCK);
    this.away = 0; // blocks at the worker
    this.spare = [];
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
    this.mixer = new Mixer();
    this.lost = 0; // samples dropped since the last block
    this.on = true;
    this.port.onmessage = ({ data }) => {
      this.worker = data; // a port to the worker, which bypasses the page's thread
      this.worker.onmessage = ({ data: block }) => {
        if (block === null) this.on = false;
        else this.spare.push(block);
        this.away -= 1;
      };
    };
  }

  process([channels]) {
    if (!this.worker || !channels.length) return this.on;
    // BLOCK is a multiple of the size of an input, 128 samples.
    this.mixer.mix(channels, this.block, this.filled);
    this.filled += channels[0].length;
    if (this.filled === BLOCK) this.send();
    return this.on;
  }

  send() {
    this.filled = 0;
    if (this.away >= this.most) {
      this.lost += BLOCK;
      return;
    }
    this.worker.postMessage({ block: this.block, lost: this.lost }, [this.block.buffer]);
    this.away += 1;
    this.lost = 0;
    this.block = this.spare.pop() ?? new Float32Array(BLOCK);
  }
}

registerProcessor("capture", Capture);
