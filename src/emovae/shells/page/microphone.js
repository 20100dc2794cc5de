/** The microphone: one that is asked for, and a recording of it. */

import { Trouble } from "./service.js";

const KINDS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
// How loud somebody speaks is part of how it sounds, so nothing of it is levelled out.
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const WHY = {
  NotAllowedError: "The microphone was refused. Allow it for this page in the browser’s settings, or choose a file.",
  NotFoundError: "No microphone was found. Connect one, or choose a file.",
  NotReadableError: "Another program holds the microphone. Close that, or choose a file.",
};

/**
 * Asks for the microphone.
 * @returns {Promise<MediaStream>}
 */
export async function microphone() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Trouble("A browser lends the microphone only to pages at localhost or over https; choose a file.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
  } catch (error) {
    const other = `The microphone cannot be used (${error.message || error.name}); choose a file.`;
    throw new Trouble(WHY[error.name] ?? other);
  }
}

/** Gives the microphone back, so that the browser's sign for it goes out. */
export function giveBack(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/**
 * Records until it is stopped.
 * @param {MediaStream} stream the microphone
 * @returns {{stop: () => Promise<{blob: Blob, name: string}>, drop: () => void, ended: Promise<void>}} `ended` comes
 *   when the microphone goes away
 */
export function recording(stream) {
  const kind = KINDS.find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(stream, kind ? { mimeType: kind, audioBitsPerSecond: 128_000 } : {});
  const parts = [];
  recorder.addEventListener("dataavailable", ({ data }) => data.size && parts.push(data));
  const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
  recorder.start(1000);
  const end = () => (recorder.state !== "inactive" && recorder.stop(), giveBack(stream));
  return {
    async stop() {
      end();
      await stopped;
      const type = recorder.mimeType.split(";")[0];
      return { blob: new Blob(parts, { type }), name: `recording.${type.split("/")[1] || "webm"}` };
    },
    drop: end,
    ended: stopped,
  };
}
