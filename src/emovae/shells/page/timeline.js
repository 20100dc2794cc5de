/** The emotion window by window: probabilities upon one another, for each channel a strip. */

import { across, besideAxis, canvasIn, clock, colour, LEFT, RIGHT, timeAxis } from "./drawing.js";
import { fillStyle } from "./looks.js";

const STRIP = 110;
const NAMES = 34;
const AXIS = 22;
const FIRST = 12; // needs no distance from one above

/** A share as a person reads it, in one piece. */
export function percent(share) {
  return `${Math.round(100 * share)}\u00a0%`;
}

/**
 * The windows of each channel by its name, and where each is drawn: around its middle, up to halfway to its neighbours,
 * the first and last up to the ends.
 * @param {object[]} rows the service's, those of a channel in their order
 * @param {number} seconds of the recording
 * @returns {Map<string, {row: object, from: number, to: number}[]>}
 */
export function stripsOf(rows, seconds) {
  const channels = new Map();
  for (const row of rows) {
    if (!channels.has(row.channel)) channels.set(row.channel, []);
    channels.get(row.channel).push(row);
  }
  return new Map([...channels].map(([name, some]) => [name, spans(some, seconds)]));
}

function spans(rows, seconds) {
  const middles = rows.map((row) => (row.start + row.end) / 2);
  return rows.map((row, at) => ({
    row,
    from: at ? (middles[at - 1] + middles[at]) / 2 : 0,
    to: at + 1 < rows.length ? (middles[at] + middles[at + 1]) / 2 : seconds,
  }));
}

/** What is likeliest in a row, with its probability; null where nothing is said. */
export function likeliest(row, classes) {
  if (row[`p_${classes[0]}`] === null || row[`p_${classes[0]}`] === undefined) return null;
  return classes.map((name) => ({ name, share: row[`p_${name}`] })).reduce((a, b) => (b.share > a.share ? b : a));
}

/**
 * Draws the strips.
 * @param {HTMLElement} box where
 * @param {Map<string, object[]>} strips see `stripsOf`
 * @param {Map<string, object>} looks of the classes
 * @param {number} seconds that are shown
 * @param {string} words for those who do not see it
 */
export function drawTimeline(box, strips, looks, seconds, words) {
  const place = canvasIn(box, strips.size * (STRIP + NAMES) - FIRST + AXIS + 4, words);
  [...strips].forEach(([name, cells], at) => {
    const top = at * (STRIP + NAMES) + NAMES - FIRST;
    drawShares(place, cells, looks, seconds, top);
    drawNames(place, cells, [...looks.keys()], seconds, top);
    besideAxis(place, "100 %", top + 6);
    besideAxis(place, "0 %", top + STRIP - 6);
    if (strips.size > 1) besideAxis(place, name, top + STRIP / 2);
  });
  timeAxis(place, seconds);
}

function drawShares({ context, width }, cells, looks, seconds, top) {
  const { x } = across(width, seconds);
  const styles = new Map([...looks].map(([name, look]) => [name, fillStyle(context, look)]));
  context.fillStyle = colour("raised");
  context.fillRect(LEFT, top, width - LEFT - RIGHT, STRIP);
  for (const { row, from, to } of cells) {
    if (!likeliest(row, [...looks.keys()])) continue;
    let below = top + STRIP;
    for (const [name, style] of styles) {
      const tall = row[`p_${name}`] * STRIP;
      context.fillStyle = style;
      // Whole pixels: patterns that meet half-way in a pixel would leave a seam.
      context.fillRect(Math.floor(x(from)), below - tall, Math.ceil(x(to)) - Math.floor(x(from)), tall);
      below -= tall;
      context.fillStyle = colour("page");
      if (tall > 2) context.fillRect(x(from), below - 0.5, x(to) - x(from), 1);
    }
  }
}

/** Above each run of windows that say the same its name, where there is room. */
function drawNames({ context, width }, cells, classes, seconds, top) {
  const { x } = across(width, seconds);
  const runs = [];
  for (const { row, from, to } of cells) {
    const name = likeliest(row, classes)?.name ?? "silent";
    if (runs.at(-1)?.name === name) runs.at(-1).to = to;
    else runs.push({ name, from, to });
  }
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  for (const { name, from, to } of runs) {
    context.fillStyle = colour("edge");
    context.fillRect(x(from) + 1, top - 4, Math.max(1, x(to) - x(from) - 2), 2);
    context.fillStyle = colour("text");
    if (context.measureText(name).width < x(to) - x(from) - 4) context.fillText(name, (x(from) + x(to)) / 2, top - 8);
  }
}

/** What is said at a time, in words; for each channel a part. */
export function saidAt(strips, classes, time) {
  const parts = [...strips].map(([channel, cells]) => {
    const { row } = cells.find((one) => time < one.to) ?? cells.at(-1);
    const found = likeliest(row, classes);
    const said = found ? classes.map((name) => `${name} ${percent(row[`p_${name}`])}`).join(", ") : "silent";
    return `${strips.size > 1 ? `${channel}: ` : ""}${said}`;
  });
  return `${clock(time, 1)}: ${parts.join("; ")}`;
}
