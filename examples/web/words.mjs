// Texts of the page: decisions, times and error messages.

/** Seconds as m:ss, or h:mm:ss from an hour on. */
export function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60)];
  const rest = two(whole % 60);
  return hours ? `${hours}:${two(minutes % 60)}:${rest}` : `${minutes}:${rest}`;
}

/** 0.814 as "81 %", with a no-break space. */
export function percent(share) {
  return `${Math.round(share * 100)}\u00a0%`;
}

/** The name of a decision: "Jazz", "Unsure", "No music". */
export function named(card, { status, genre }) {
  if (status === "unsure") return "Unsure";
  if (status === "no-music") return "No music";
  return card.labels.find((label) => label.name === genre).display;
}

/** The display name of a label. */
export function display(card, name) {
  return card.labels.find((label) => label.name === name).display;
}

const SPEECH = 0.5;

/** The kind of sound if there is no music. */
export function instead(card, update) {
  if (update.level < card.thresholds.silence) return "too quiet to classify";
  if (update.speech === null) return "speech, noise or silence";
  return update.speech >= SPEECH ? "speech" : "noise";
}

const MICROPHONE = {
  NotAllowedError: "Access to the microphone was denied. Allow it for this page in the browser's settings, then press Listen again.",
  NotFoundError: "No microphone was found. Connect one and press Listen again, or open a file.",
  NotReadableError: "The microphone cannot be opened. Close other programs that use it, then press Listen again.",
  NotSupportedError: "This page may not use the microphone. Open it over https or on localhost, or open a file.",
};

/** The message for a microphone that cannot be opened. */
export function microphoneTrouble(error) {
  return MICROPHONE[error.name] ?? `The microphone cannot be opened (${error.message}). Try another browser, or open a file.`;
}

/** Error messages with cause and remedy. */
export const TROUBLE = {
  gone: "The microphone was disconnected. Connect it and press Listen again.",
  notAudio: (name) => `${name} is not audio that this browser can play. Open an mp3, wav, flac, ogg or m4a file.`,
  tooLong: (name) => `${name} is longer than two hours. Cut it, or use streamgenre on the command line.`,
  lost: (seconds) => `This device was too slow: ${seconds.toFixed(1)} s of audio were skipped. Close other programs.`,
  noWasm: () => "This browser cannot run the model: it has no WebAssembly with SIMD. Use a current Firefox, Chrome, Edge or Safari.",
  insecure: () => "The model cannot be checked on an insecure page. Open it over https or on localhost.",
  fetch: (detail) => `The model could not be loaded (${detail}). Check the connection, then reload the page.`,
  model: (detail) => `The model cannot be used: ${detail}. Build the page again, then reload it.`,
  step: (detail) => `The model failed (${detail}). Reload the page.`,
};
