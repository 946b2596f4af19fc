// On the audio thread: what the microphone gives, mixed to mono, in blocks to the worker and back.
//
// Blocks go round as in a ring: in steady state nothing is allocated here, and a worker that cannot
// keep up finds a few seconds waiting for it, never more.

import { Mixer } from "./mix.mjs";

const BLOCK = 2048; // samples: a message 20 times a second
const PATIENCE = 4; // s of sound that may wait for the worker; what comes then is lost, and told

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.most = Math.ceil((PATIENCE * sampleRate) / BLOCK);
    this.away = 0; // blocks that the worker has
    this.spare = [];
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
    this.mixer = new Mixer();
    this.lost = 0; // samples, since the last block that went out
    this.on = true;
    this.port.onmessage = ({ data }) => {
      this.worker = data; // the worker's own port: the page's thread has no part in it
      this.worker.onmessage = ({ data: block }) => {
        if (block === null) this.on = false;
        else this.spare.push(block);
        this.away -= 1;
      };
    };
  }

  process([channels]) {
    if (!this.worker || !channels.length) return this.on;
    // BLOCK is a multiple of the samples that come at a time: 128.
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
