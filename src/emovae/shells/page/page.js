/** The page: takes a recording from a file or the microphone, asks the service about it, and shows what it says. */

import { sentence } from "./answer.js";
import { lasting } from "./drawing.js";
import { ears } from "./ears.js";
import { result } from "./result.js";
import { facts, pictured, predicted, Trouble } from "./service.js";

const $ = (id) => document.getElementById(id);
const LONGEST_MS = 10 * 60 * 1000;
const QUIETLY = new Trouble("");

const shown = result();
let limits = {};
let recording = null;
let asking = null;
let retry = null;

function say(words) {
  $("said").textContent = words;
}

/** Says what the page is busy with, and how that is ended where no other button does; without words it is idle. */
function busy(words, cancel, name = "Cancel") {
  if (!words && document.activeElement === $("cancel")) $("main").focus({ preventScroll: true });
  $("busy").hidden = !words;
  $("doing").textContent = words ?? "";
  Object.assign($("cancel"), { onclick: cancel, hidden: !cancel, textContent: name });
  if (words) say(words);
}

/** Tells what went wrong, and offers to try again where that may help. */
function tell(trouble, again) {
  const words = document.createElement("p");
  words.className = "alert";
  words.textContent = trouble instanceof Trouble ? trouble.message : `The page failed: ${trouble}`;
  $("alert").replaceChildren(words);
  retry = trouble.again ? again : null;
  $("retry").hidden = !retry;
  say("");
  words.scrollIntoView({ block: "nearest" });
}

function forget() {
  $("alert").replaceChildren();
  $("retry").hidden = true;
}

const microphone = ears({ busy, tell, forget, ask, still, hideResult: shown.hide, seconds: () => limits.most_seconds });

/** Asks no more; what was asked is not waited for. */
function still() {
  asking?.abort(QUIETLY);
  asking = null;
}

/**
 * Asks about a recording in place of whatever was asked before.
 * @param {{blob: Blob, name: string}} next what is asked about; the same as before keeps its pictures
 */
async function ask(next) {
  still();
  microphone.drop();
  forget();
  const mine = (asking = new AbortController());
  const fresh = next !== recording || $("result").hidden;
  if (fresh) shown.hide();
  const late = setTimeout(
    () => mine.abort(new Trouble("the service did not answer within ten minutes.", true)),
    LONGEST_MS,
  );
  try {
    if (next.blob.size > limits.most_bytes) throw tooLarge(next.blob.size);
    await answered(next, mine.signal, fresh);
  } catch (error) {
    if (error !== QUIETLY) tell(about(next, error), () => ask(next));
  } finally {
    clearTimeout(late);
    if (asking === mine) (asking = null), busy();
  }
}

async function answered(next, signal, fresh) {
  const [window, hop] = [$("window").valueAsNumber, $("hop").valueAsNumber];
  const channel = fresh ? "mix" : $("channel").value;
  if (!$("how").checkValidity()) {
    $("settings").open = true;
    $("how").reportValidity();
    throw new Trouble("the window or its step cannot be used; see “Windows and channels”.");
  }
  const doing = `Hearing ${next.name} …`;
  const cancel = () => asking?.abort(QUIETLY);
  busy(doing, cancel);
  const onBusy = (seconds) => busy(`The service is busy; asking again in ${seconds} s or more …`, cancel);
  const whole = await predicted(next, { channel }, signal, onBusy);
  if (fresh) $("channel").value = "mix", ($("channels").hidden = true);
  recording = next;
  shown.whole(next, whole, fresh);
  $("again").disabled = false;
  busy(`Hearing ${next.name} window by window …`, cancel);
  const drawn = channel === "each" ? "mix" : channel;
  const [course, sound] = await Promise.allSettled([
    predicted(next, { channel, window, hop }, signal, onBusy).then((found) => shown.course(found, window, hop)),
    pictured(next, { channel: drawn }, signal, onBusy).then((found) => pictures(found, drawn)),
  ]);
  if (course.status === "rejected") shown.withoutCourse();
  for (const { reason } of [course, sound]) if (reason) throw reason;
  say(`${next.name} sounds most like ${sentence(whole.rows[0], whole.classes)}. All of it: see What it heard.`);
  if (fresh) goTo($("result"));
}

function pictures(found, channel) {
  $("channels").hidden = found.channels < 2;
  shown.sound(found, channel);
}

function listed(words) {
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join("");
}

function goTo(place) {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  place.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

/** The same trouble, with the name of the recording that it is about. */
function about(next, error) {
  return error instanceof Trouble ? new Trouble(`${next.name}: ${error.message}`, error.again) : error;
}

function tooLarge(size) {
  const [has, most] = [size, limits.most_bytes].map((bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`);
  return new Trouble(`it has ${has}, and the service takes ${most} at most; send a shorter part.`);
}

/** Takes the first of some files. */
function take(files) {
  if (files.length) ask({ blob: files[0], name: files[0].name });
}

async function introduce() {
  forget();
  try {
    const { model, classes, corpus, ...rest } = await facts();
    limits = rest;
    $("model").textContent = [
      `The model ${model} answers.`,
      ...(corpus ? [`It learned from the corpus ${corpus}.`] : []),
      ...(`${corpus}`.startsWith("synthetic") ? ["These are no people: what it says of people means nothing."] : []),
      ...(classes ? [`It knows ${listed(classes)}.`] : []),
    ].join(" ");
    $("live").hidden = limits.streams === false;
    if (limits.most_bytes && limits.most_seconds) {
      const long = limits.most_seconds % 60 ? lasting(limits.most_seconds) : `${limits.most_seconds / 60}\u00a0min`;
      $("limits").textContent = `, at most ${Math.round(limits.most_bytes / 2 ** 20)}\u00a0MiB and ${long}`;
    }
  } catch (error) {
    $("model").textContent = "Which model answers is not known.";
    tell(error instanceof Trouble ? new Trouble(`No model was found: ${error.message}`, true) : error, introduce);
  }
}

$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  take($("file").files);
  $("file").value = ""; // the same file may be chosen again
});
$("how").addEventListener("submit", (event) => {
  event.preventDefault();
  if (recording) ask(recording);
});
$("retry-button").addEventListener("click", () => retry?.());
window.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
window.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("over"));
window.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer.files);
});

function redraw() {
  shown.redraw();
  microphone.redraw();
}

let width = 0;
new ResizeObserver(([{ contentRect }]) => {
  if (contentRect.width !== width) redraw();
  width = contentRect.width;
}).observe($("main"));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
introduce();
