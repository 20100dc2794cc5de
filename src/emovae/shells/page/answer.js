/** An answer in words and bars: what is likeliest, every probability, and all that speaks for doubt. */

import { dress } from "./looks.js";
import { likeliest, percent } from "./timeline.js";

const FLAGS = {
  silent: "There is nothing to hear in it: it is silent.",
  short: "It is shorter than the piece that the model reads at a time, and was filled up with silence.",
  unlike: "It sounds unlike the speech that the model learned from, so the model may be wrong and sure of it.",
  doubtful: "It is doubtful: no label is given.",
};

/** A short sentence on a row, for a heading and for those who listen. */
export function sentence(row, classes) {
  const found = likeliest(row, classes);
  return found ? `${found.name}, ${percent(found.share)}` : "nothing: it is silent";
}

/**
 * What makes a row doubtful.
 * @param {object} row the service's
 * @param {string[]} classes their names
 * @returns {{words: string, flag: boolean}[]}
 */
export function doubts(row, classes) {
  const flags = `${row.flags ?? ""}`.split(" ").filter(Boolean);
  const found = flags.map((flag) => ({ words: FLAGS[flag] ?? flag, flag: true }));
  if (typeof row.entropy === "number" && classes.length > 1) {
    const share = row.entropy / Math.log(classes.length);
    const [first, second] = classes.map((name) => [row[`p_${name}`], name]).sort(([a], [b]) => b - a);
    const degree = share < 1 / 3 ? "It is rather sure" : share < 2 / 3 ? "It is in some doubt" : "It is unsure";
    const between = share < 1 / 3 ? "" : `, most of all between ${first[1]} and ${second[1]}`;
    const figures = `${row.entropy.toFixed(2)} nats, ${percent(share)} of the most`;
    found.push({ words: `${degree}${between}. Its doubt (entropy) is ${figures}.`, flag: share >= 2 / 3 });
  }
  return found;
}

/**
 * Shows rows, one for each channel.
 * @param {HTMLElement} place what is shown there goes
 * @param {object[]} rows the service's
 * @param {Map<string, object>} looks of the classes
 */
export function drawAnswer(place, rows, looks) {
  place.replaceChildren(...rows.map((row) => answerOf(row, looks, rows.length > 1)));
}

function answerOf(row, looks, several) {
  const classes = [...looks.keys()];
  const found = likeliest(row, classes);
  const says = element("p", "says");
  if (several) says.append(`${row.channel[0].toUpperCase()}${row.channel.slice(1)} channel: `);
  if (found) says.append("it sounds most like ", element("strong", "", found.name), `, ${percent(found.share)}`);
  else says.append(element("strong", "", "nothing to hear"));
  if (!several) says.firstChild.textContent = says.firstChild.textContent.replace(/^./, (one) => one.toUpperCase());
  const bars = element("ul", "bars");
  bars.setAttribute("aria-label", "Probabilities");
  if (found) bars.append(...classes.map((name) => bar(name, row[`p_${name}`], looks.get(name))));
  const list = element("ul", "doubts");
  list.setAttribute("aria-label", "Doubts");
  list.append(...doubts(row, classes).map(({ words, flag }) => element("li", flag ? "flag" : "", words)));
  const whole = element("div", "answer");
  whole.append(says, ...[bars, list].filter((one) => one.children.length));
  return whole;
}

function bar(name, share, look) {
  const item = document.createElement("li");
  const track = element("span", "track");
  const fill = element("span", "fill");
  fill.style.width = `${100 * share}%`;
  dress(fill, look);
  track.append(fill);
  track.setAttribute("aria-hidden", "true");
  item.append(element("span", "name", name), track, element("span", "share", percent(share)));
  return item;
}

/** An element with a class and a text. */
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
