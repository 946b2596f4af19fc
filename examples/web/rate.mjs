// The sample rate of a file, from its first bytes, since browsers do not provide it.

/**
 * The sample rate in Hz, or null unless the format is wav, flac, ogg (vorbis, opus, flac) or mp3.
 *
 * @param {Uint8Array} bytes start of the file; 100 kB are enough unless there is a large picture
 */
export function nativeRate(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const rate = wav(view) ?? flac(view, 0) ?? ogg(view) ?? mp3(view);
    return rate && rate >= 1000 && rate <= 768_000 ? rate : null;
  } catch (error) {
    if (error instanceof RangeError) return null; // truncated
    throw error;
  }
}

function named(view, at, name) {
  if (at + name.length > view.byteLength) return false;
  for (let i = 0; i < name.length; i++) {
    if (view.getUint8(at + i) !== name.charCodeAt(i)) return false;
  }
  return true;
}

function wav(view) {
  if (!named(view, 0, "RIFF") || !named(view, 8, "WAVE")) return null;
  let at = 12;
  while (!named(view, at, "fmt ")) {
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size % 2);
  }
  return view.getUint32(at + 12, true);
}

function flac(view, at) {
  return named(view, at, "fLaC") ? view.getUint32(at + 18) >>> 12 : null; // 20 bits of STREAMINFO
}

function ogg(view) {
  if (!named(view, 0, "OggS")) return null;
  const at = 27 + view.getUint8(26); // after the segment table of the page
  if (named(view, at, "OpusHead")) return 48_000;
  if (named(view, at, "\x01vorbis")) return view.getUint32(at + 12, true);
  return named(view, at, "\x7fFLAC") ? flac(view, at + 9) : null;
}

const MPEG_RATES = [44_100, 48_000, 32_000];

function mp3(view) {
  let at = 0;
  while (named(view, at, "ID3")) {
    const size = [6, 7, 8, 9].reduce((sum, i) => sum * 128 + (view.getUint8(at + i) & 127), 0);
    at += 10 + size + (view.getUint8(at + 5) & 16 ? 10 : 0);
  }
  for (const end = at + 4096; at < end; at++) {
    const header = view.getUint32(at);
    const [version, layer, bits, index] = [header >>> 19 & 3, header >>> 17 & 3, header >>> 12 & 15, header >>> 10 & 3];
    if (header >>> 21 !== 2047 || version === 1 || layer !== 1 || bits % 15 === 0 || index === 3) continue;
    return MPEG_RATES[index] / { 3: 1, 2: 2, 0: 4 }[version];
  }
  return null;
}
