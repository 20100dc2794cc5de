/** What the page asks the service, and in which words it tells what went wrong. */

const TRIES = 5;
const UNREACHED =
  "the service cannot be reached. It has stopped, the network is gone, or what was sent is too large for it.";
const COME_AGAIN = new Set([408, 429, 500, 502, 503, 504]);
// What the service says of these is about the recording, and enough.
const SPEAKS = new Set([413, 415, 422]);
const WHY = {
  408: "it took too long to arrive",
  429: "too many ask at the moment",
  501: "the service lacks what this kind of file needs",
};

/** Something that a person is told; `again` where the same may go well a little later. */
export class Trouble extends Error {
  constructor(message, again = false) {
    super(message);
    this.again = again;
  }
}

/** Model, classes, corpus, whether it listens live, and its limits. */
export async function facts() {
  return answered("/healthz", {}, () => {});
}

/**
 * The rows of a recording.
 * @param {{blob: Blob, name: string}} recording what is asked about
 * @param {Object<string, string | number>} query window, hop and channel
 * @param {AbortSignal} signal ends it
 * @param {(seconds: number) => void} onBusy is told when it has to come again, and after how long
 */
export async function predicted(recording, query, signal, onBusy) {
  return answered(`/v1/predict?${new URLSearchParams(query)}`, sent(recording, signal), onBusy);
}

/** Waveform, log-mel frames and their reconstruction; see `predicted`. */
export async function pictured(recording, query, signal, onBusy) {
  return answered(`/v1/picture?${new URLSearchParams(query)}`, sent(recording, signal), onBusy);
}

function sent(recording, signal) {
  const body = new FormData();
  body.append("file", recording.blob, recording.name);
  return { method: "POST", body, signal };
}

async function answered(address, options, onBusy) {
  for (let tried = 1; ; tried++) {
    const answer = await reached(fetch(address, options), options.signal);
    if (answer.ok) return reached(answer.json(), options.signal);
    const why = WHY[answer.status] ?? `the service failed (${answer.status})`;
    const told = `${SPEAKS.has(answer.status) ? "" : `${why}: `}${await detail(answer)}`;
    if (answer.status !== 429 || tried === TRIES) throw new Trouble(told, COME_AGAIN.has(answer.status));
    const seconds = Number(answer.headers.get("Retry-After")) || 1;
    onBusy(seconds);
    await pause(1000 * seconds * tried, options.signal);
  }
}

async function reached(work, signal) {
  try {
    return await work;
  } catch {
    if (signal?.aborted) throw signal.reason;
    // A browser does not tell a service that hung up from one that is not there.
    throw new Trouble(UNREACHED, true);
  }
}

/** The service's own words: a sentence, or of a wrong setting which one and why. */
async function detail(answer) {
  let told;
  try {
    told = (await answer.json()).detail;
  } catch {
    told = null;
  }
  if (Array.isArray(told)) told = told.map((one) => `${(one.loc ?? []).at(-1)}: ${one.msg}`).join("; ");
  return `${told || answer.statusText || "it does not say why"}`.replace(/[^.!?]$/, "$&.");
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
