/** What is shown of a recording: its answer, its course over time, and the pictures of its sound. */

import { drawAnswer } from "./answer.js";
import { clock, drawFrames, drawScale, drawWave, lasting } from "./drawing.js";
import { drawLegend, looksOf } from "./looks.js";
import { playback } from "./playback.js";
import { csv, download, drawTable } from "./table.js";
import { drawTimeline, saidAt, stripsOf } from "./timeline.js";

const $ = (id) => document.getElementById(id);
const OF = { mix: "the mean", left: "the left one", right: "the right one" };

/** The part of the page under "What it heard". */
export function result() {
  let [name, seconds, looks] = ["", 0, new Map()];
  let [course, sound, hop] = [null, null, 0.5];
  let strips = new Map();
  const player = playback(
    $("audio"),
    $("slider"),
    ["slider", "wave", "logmel", "reconstruction"].map($),
    (time) => (course ? saidAt(strips, [...looks.keys()], time) : clock(time)),
    { hop: () => hop, unplayable: () => playable(false), onMove: (words) => ($("now").textContent = words) },
  );
  $("download").addEventListener("click", () => {
    download(csv(name, course.rows), `${name.replace(/\.[^.]*$/, "")}-windows.csv`);
  });
  $("table").addEventListener("toggle", tabled);

  function playable(does) {
    $("player").hidden = !does;
    $("silent-player").hidden = does;
  }

  function redraw() {
    if ($("result").hidden) return;
    if (course) drawTimeline($("slider"), strips, looks, seconds);
    if (sound) drawSound();
    player.show();
  }

  /** Thousands of lines take a moment, and are made for those who open them. */
  function tabled() {
    if ($("table").open && course) drawTable($("rows"), course.rows, course.classes);
    else $("rows").replaceChildren();
  }

  function drawSound() {
    drawWave($("wave"), sound.wave, seconds);
    const size = `${sound.logmel.bands} bands over ${lasting(seconds)}`;
    drawFrames($("logmel"), sound.logmel, sound, seconds, `Log-mel spectrogram: ${size}`);
    drawScale($("scale"), sound.logmel);
    const made = sound.reconstruction;
    if (made) drawFrames($("reconstruction"), made, sound, seconds, `Reconstructed log-mel spectrogram: ${size}`);
  }

  return {
    redraw,
    hide() {
      $("audio").pause();
      $("result").hidden = true;
    },
    /** Shows the answer about a whole recording; with `fresh` it is another one than before. */
    whole(recording, found, fresh) {
      [name, seconds, looks] = [recording.name, found.seconds, looksOf(found.classes)];
      $("result").hidden = false;
      $("result-title").textContent = `What it heard in ${name}`;
      $("result-facts").textContent = lasting(seconds);
      drawAnswer($("whole"), found.rows, looks);
      drawLegend($("legend"), looks);
      if (!fresh) return;
      [course, sound] = [null, null];
      for (const id of ["wave-figure", "course", "pictures"]) $(id).hidden = true;
      playable(true);
      player.load(recording.blob, seconds);
    },
    /** Shows the rows of its windows. */
    course(found, window, step) {
      [course, hop, strips] = [found, step, stripsOf(found.rows, seconds)];
      $("course").hidden = false;
      $("course-caption").textContent =
        window < seconds
          ? `Each column is a window of ${window} s, a new one every ${step} s, drawn around its middle; the taller a` +
            " part, the likelier."
          : "The recording is no longer than a window, so there is one.";
      tabled();
      redraw();
    },
    /** Shows no windows, since what is there is of other settings than the rest. */
    withoutCourse() {
      course = null;
      $("course").hidden = true;
    },
    /** Shows its waveform and spectrograms. */
    sound(found, channel) {
      sound = found;
      $("wave-figure").hidden = $("pictures").hidden = false;
      const several = found.channels > 1 ? `, ${found.channels} channels` : "";
      $("result-facts").textContent = `${lasting(seconds)}, ${found.sample_rate_hz.toLocaleString("en")} Hz${several}`;
      $("channels-note").hidden = found.channels < 2;
      $("channels-note").textContent = `The pictures show ${OF[channel]} of ${found.channels} channels.`;
      $("reconstruction-caption").textContent = kept(found);
      $("reconstruction").hidden = !found.reconstruction;
      redraw();
    },
  };
}

/** What there is to say of the reconstruction. */
function kept(found) {
  if (!found.reconstruction) return `There is no picture of it: ${found.why ?? "this model has no decoder"}.`;
  return (
    "The model squeezes what it reads into a few numbers; this is the picture that it can draw back from them, in the" +
    " same colours as above. On what is missing here its answer can hardly rest. The reconstruction error is" +
    ` ${found.reconstruction_error.toPrecision(3)} (eq. 2, first term; the mean over segments).`
  );
}
