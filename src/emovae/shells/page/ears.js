/** The two buttons of the microphone: record and ask, or listen while somebody speaks. */

import { drawAnswer } from "./answer.js";
import { clock } from "./drawing.js";
import { listening } from "./live.js";
import { drawLegend, looksOf } from "./looks.js";
import { giveBack, microphone, recording } from "./microphone.js";
import { drawTimeline, likeliest, stripsOf } from "./timeline.js";

const $ = (id) => document.getElementById(id);
const MOST_POINTS = 480;
const APART_MS = 4000;

/**
 * Brings the buttons to life.
 * @param {{busy: Function, tell: Function, forget: Function, ask: Function, still: Function, hideResult: Function,
 *   seconds: () => number | undefined}} page what the page does; `seconds` is the longest recording that is taken
 */
export function ears(page) {
  const note = $("microphone").textContent;
  let taken = null; // what is going on: {record, drop}
  let live = null; // what was heard live: {rows, looks, said, at}

  function idle() {
    taken = null;
    $("record").textContent = "Record";
    $("live").textContent = "Listen live";
    $("microphone").textContent = note;
    for (const id of ["record", "live"]) $(id).disabled = false, $(id).classList.remove("running");
    page.busy();
  }

  function running(id, word) {
    $(id).textContent = word;
    $(id).classList.add("running");
    $(id).disabled = false;
  }

  /** Asks for the microphone; null where it was refused, or something else has begun meanwhile. */
  async function taking(again) {
    page.still();
    page.forget();
    $("listening").hidden = true;
    const mine = (taken = { drop: idle });
    for (const id of ["record", "live"]) $(id).disabled = true;
    page.busy("Waiting for the microphone …", idle);
    try {
      const stream = await microphone();
      if (taken === mine) return stream;
      giveBack(stream);
    } catch (error) {
      if (taken === mine) idle(), page.tell(error, again);
    }
    return null;
  }

  async function record() {
    if (taken?.finish) return taken.finish();
    const stream = await taking(record);
    if (!stream) return null;
    const made = recording(stream);
    const begun = performance.now();
    const timer = setInterval(tick, 250);
    const mine = (taken = { finish, drop });
    running("record", "Stop and ask");
    page.busy("Recording. Stop when you are done.", drop, "Discard it");
    made.ended.then(() => taken === mine && finish()); // the microphone went away

    function tick() {
      const seconds = (performance.now() - begun) / 1000;
      $("microphone").textContent = `Recording: ${clock(seconds, 0)}`;
      if (seconds > (page.seconds() ?? Infinity) - 1) finish();
    }
    function drop() {
      clearInterval(timer);
      made.drop();
      idle();
    }
    async function finish() {
      clearInterval(timer);
      idle();
      page.ask(await made.stop());
    }
    return null;
  }

  async function listen() {
    if (taken?.stop) return taken.stop();
    const stream = await taking(listen);
    if (!stream) return null;
    page.hideResult();
    live = { rows: [], said: "", at: -Infinity };
    const mine = (taken = { drop });
    try {
      mine.stop = await listening(stream, (row) => taken === mine && heard(row), ended);
    } catch (error) {
      return page.tell(error, listen);
    }
    if (taken !== mine) return mine.stop();
    $("listening").hidden = false;
    running("live", "Stop listening");
    page.busy("Listening.", mine.stop, "Stop listening");
    $("busy").scrollIntoView({ block: "start" });
    $("live-facts").textContent = "Waiting for the first sound …";
    return null;

    function ended(trouble) {
      if (taken !== mine) return;
      idle();
      if (trouble) page.tell(trouble, listen);
    }
    function drop() {
      idle();
      mine.stop?.();
    }
  }

  function heard(told) {
    const row = { ...told, start: live.rows.at(-1)?.end ?? 0, end: told.seconds, channel: "mix" };
    const classes = Object.keys(told).filter((name) => name.startsWith("p_")).map((name) => name.slice(2));
    if (!live.looks) live.looks = looksOf(classes), drawLegend($("live-legend"), live.looks);
    live.rows.push(row);
    // An hour has fourteen thousand answers: every second one goes whenever there are too many to draw.
    if (live.rows.length > MOST_POINTS) live.rows = live.rows.filter((_, at) => at % 2 === 0);
    $("live-facts").textContent =
      `${clock(told.seconds)} heard; this is what it says of ${told.bounded ? "the last minute" : "all of it"}.`;
    redraw();
    announce(likeliest(row, classes)?.name ?? "silence");
  }

  /** Those who listen hear of a change, and not of every answer. */
  function announce(name) {
    if (name === live.said || performance.now() - live.at < APART_MS) return;
    Object.assign(live, { said: name, at: performance.now() });
    $("said").textContent = `Now ${name}`;
  }

  function redraw() {
    if ($("listening").hidden || !live?.rows.length) return;
    const last = live.rows.at(-1);
    drawAnswer($("live-answer"), [last], live.looks);
    const words = "What was said after each quarter of a second, the probabilities upon one another";
    drawTimeline($("live-plot"), stripsOf(live.rows, last.end), live.looks, last.end, words);
  }

  $("record").addEventListener("click", record);
  $("live").addEventListener("click", listen);
  return {
    redraw,
    /** Ends what is going on without asking, since something else is asked; what was heard live goes. */
    drop() {
      $("listening").hidden = true;
      taken?.drop();
    },
  };
}
