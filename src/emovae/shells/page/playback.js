/** A place in the recording, which playing, clicking and keys all move, and every picture shows. */

import { across, widthOf } from "./drawing.js";

const APART_MS = 2000;

/**
 * Joins a player, a slider and pictures.
 * @param {HTMLAudioElement} audio plays
 * @param {HTMLElement} slider takes keys
 * @param {HTMLElement[]} boxes show the place, and take clicks; the slider is one of them
 * @param {(time: number) => string} say what is said at a time
 * @param {{hop: () => number, unplayable: () => void, onMove: (words: string) => void}} beside the width of a step of
 *   the keys, who is told that nothing can be played, and who shows the words of a place
 */
export function playback(audio, slider, boxes, say, beside) {
  let seconds = 0;
  let time = 0;
  let plays = false;
  let told = 0;
  let address = "";
  const cursors = boxes.map((box) => {
    const cursor = Object.assign(document.createElement("div"), { className: "cursor" });
    box.append(cursor);
    return { box, cursor };
  });

  function show() {
    for (const { box, cursor } of cursors) {
      cursor.style.transform = `translateX(${across(widthOf(box), seconds).x(time)}px)`;
    }
    const words = say(time);
    beside.onMove(words);
    // Who listens to a screen reader hears each move, but not sixty a second of a recording that plays.
    if (!audio.paused && performance.now() - told < APART_MS) return;
    told = performance.now();
    slider.setAttribute("aria-valuenow", time.toFixed(2));
    slider.setAttribute("aria-valuetext", words);
  }

  function move(to) {
    time = Math.min(seconds, Math.max(0, to));
    if (plays) audio.currentTime = time;
    show();
  }

  function follow() {
    if (!plays) return;
    time = Math.min(seconds, audio.currentTime);
    show();
    if (!audio.paused && !audio.ended) requestAnimationFrame(follow);
  }

  audio.addEventListener("play", follow);
  for (const event of ["timeupdate", "pause"]) audio.addEventListener(event, follow);
  audio.addEventListener("seeked", follow);
  audio.addEventListener("error", () => {
    if (!address) return;
    plays = false;
    beside.unplayable();
  });
  audio.addEventListener("loadedmetadata", async () => {
    const mine = address;
    if (audio.duration === Infinity) await measured(audio);
    if (mine !== address) return;
    plays = true;
    show();
  });

  for (const { box } of cursors) {
    const at = (event) => move(across(widthOf(box), seconds).time(event.clientX - box.getBoundingClientRect().left));
    box.addEventListener("click", at); // a finger that scrolls does not click
    box.addEventListener("pointermove", (event) => event.pointerType === "mouse" && event.buttons & 1 && at(event));
  }
  slider.addEventListener("keydown", (event) => {
    const step = beside.hop();
    const to = {
      ArrowRight: time + step, ArrowUp: time + step, ArrowLeft: time - step, ArrowDown: time - step,
      PageUp: time + 10 * step, PageDown: time - 10 * step, Home: 0, End: seconds,
    }[event.key];
    if (to !== undefined) event.preventDefault(), move(to);
    if (event.key === " " && plays) event.preventDefault(), audio.paused ? audio.play() : audio.pause();
  });

  return {
    /** Takes up a recording in place of the last one, whose address is given back. */
    load(blob, length) {
      audio.pause();
      if (address) URL.revokeObjectURL(address);
      address = URL.createObjectURL(blob);
      [seconds, time, plays] = [length, 0, false];
      slider.setAttribute("aria-valuemax", seconds.toFixed(2));
      audio.src = address;
      show();
    },
    show,
  };
}

/** What a browser recorded does not say how long it is; who looks for its end gets to know. */
async function measured(audio) {
  const known = new Promise((resolve) => audio.addEventListener("durationchange", resolve, { once: true }));
  audio.currentTime = Number.MAX_SAFE_INTEGER;
  await Promise.race([known, new Promise((resolve) => setTimeout(resolve, 2000))]);
  audio.currentTime = 0;
}
