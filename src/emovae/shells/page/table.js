/** The windows as a table, and as a file that a spreadsheet opens. */

import { element } from "./answer.js";

const MOST_LINES = 2000; // more take a browser seconds
const WORDS = new Set(["channel", "label", "flags", "error"]);

/** Shows rows as a table. */
export function drawTable(table, rows, classes) {
  const names = ["start", "end", "channel", "label", ...classes.map((name) => `p_${name}`), "entropy", "flags"];
  const head = names.map((name) => {
    const cell = element("th", WORDS.has(name) ? "word" : "", name.replace(/^p_/, ""));
    cell.scope = "col";
    return cell;
  });
  const lines = rows.slice(0, MOST_LINES).map((row) => {
    const line = document.createElement("tr");
    line.append(...names.map((name) => element("td", WORDS.has(name) ? "word" : "", shown(name, row[name]))));
    return line;
  });
  const some = rows.length > MOST_LINES ? ` The first ${MOST_LINES} of ${rows.length}; the file holds all.` : "";
  const units = "Start and end in seconds, a probability for each class, entropy in nats.";
  const caption = element("caption", "", units + some);
  const [thead, tbody, first] = ["thead", "tbody", "tr"].map((tag) => document.createElement(tag));
  first.append(...head);
  thead.append(first);
  tbody.append(...lines);
  table.replaceChildren(caption, thead, tbody);
}

function shown(name, value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return value;
  return value.toFixed(name === "start" || name === "end" ? 2 : 3);
}

/**
 * Rows as CSV, in the columns of `emovae predict`.
 * @param {string} file its name, which somebody else may have chosen
 * @param {object[]} rows the service's
 */
export function csv(file, rows) {
  const names = Object.keys(rows[0] ?? {});
  const lines = [["file", ...names], ...rows.map((row) => [file, ...names.map((name) => row[name])])];
  return lines.map((line) => `${line.map(field).join(",")}\n`).join("");
}

/** A field: a spreadsheet must not take a text for a formula, nor a comma in it for the end. */
function field(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : `${value}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Hands a text to the browser as a file. */
export function download(text, name) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
