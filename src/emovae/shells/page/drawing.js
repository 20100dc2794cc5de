/** Canvases: sharp on every screen, with an axis of time that all pictures of a recording share. */

export const LEFT = 48;
export const RIGHT = 12;
const AXIS = 22;
const TOP = 6;
const STEPS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
const MARKED_HZ = [100, 250, 500, 1000, 2000, 4000, 8000];
const LEAST_APART = 15;
const DB_OF_LN = 10 / Math.LN10;
// Magma, as the report's figures: its lightness grows from end to end, so that it can be read without colour.
const MAGMA = [
  [0, 0, 4], [11, 9, 36], [32, 17, 75], [59, 15, 112], [87, 21, 126], [114, 31, 129], [140, 41, 129], [168, 50, 125],
  [196, 60, 117], [222, 73, 104], [241, 96, 93], [250, 127, 94], [254, 159, 109], [254, 191, 132], [253, 222, 160],
  [252, 253, 191],
];
const painted = new WeakMap();

/**
 * An empty canvas that fills the width of its box.
 * @param {HTMLElement} box holds it; a canvas that is there already is used again
 * @param {number} height in CSS pixels
 * @param {string} words what is to be seen, for those who do not see it; none inside a slider
 */
export function canvasIn(box, height, words) {
  const canvas = box.querySelector("canvas") ?? box.insertBefore(document.createElement("canvas"), box.firstChild);
  const width = widthOf(box);
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  if (words) canvas.setAttribute("role", "img"), canvas.setAttribute("aria-label", words);
  const context = canvas.getContext("2d");
  context.scale(canvas.width / width, canvas.height / height);
  context.font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  return { context, width, height };
}

/** How wide a box is drawn, even where it is hidden. */
export function widthOf(box) {
  return Math.max(40, box.clientWidth);
}

/** A colour of the page, by the name of its CSS property. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Where a time stands, in CSS pixels, and back. */
export function across(width, seconds) {
  const wide = width - LEFT - RIGHT;
  return {
    x: (time) => LEFT + (seconds ? time / seconds : 0) * wide,
    time: (x) => Math.min(seconds, Math.max(0, ((x - LEFT) / wide) * seconds)),
  };
}

/** A time as people read it: 3.5 s, or 2:05. */
export function clock(seconds, digits = seconds && seconds < 1 ? 2 : 1) {
  if (seconds < 60) return `${seconds.toFixed(digits)} s`;
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** How long something lasts: 3.5 s, or 2:05 min. */
export function lasting(seconds) {
  return `${clock(seconds)}${seconds < 60 ? "" : " min"}`;
}

/** The axis of time along the bottom of a canvas. */
export function timeAxis({ context, width, height }, seconds) {
  const { x } = across(width, seconds);
  const fits = (step) => (x(step) - x(0)) >= 52;
  const step = STEPS_S.find(fits) ?? STEPS_S.at(-1);
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const axis = height - AXIS;
  context.strokeStyle = colour("edge");
  context.fillStyle = colour("soft");
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  for (let count = 0; count * step <= seconds + 1e-9; count++) {
    const place = Math.round(x(count * step)) + 0.5;
    context.beginPath();
    context.moveTo(place, axis);
    context.lineTo(place, axis + 4);
    context.stroke();
    context.fillText(clock(count * step, digits), Math.min(place, width - 14), height - 4);
  }
}

/** A word beside the axis that goes up. */
export function besideAxis({ context }, word, y) {
  context.fillStyle = colour("soft");
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText(word, LEFT - 6, y);
}

/**
 * The waveform: of each column the lowest and the highest sample.
 * @param {HTMLElement} box where
 * @param {{low: number[], high: number[]}} wave full scale is 1
 * @param {number} seconds of the recording
 */
export function drawWave(box, wave, seconds) {
  const peak = wave.high.reduce((most, high, at) => Math.max(most, high, -wave.low[at]), 1e-9);
  const words = `Waveform of ${lasting(seconds)}, its peak at ${peak.toFixed(2)} of full scale`;
  const place = canvasIn(box, 96 + AXIS, words);
  const { context, width, height } = place;
  const middle = TOP + (height - AXIS - TOP) / 2;
  const half = (height - AXIS - TOP) / 2;
  const wide = (width - LEFT - RIGHT) / wave.low.length;
  context.fillStyle = colour("accent");
  wave.low.forEach((low, at) => {
    const top = middle - (wave.high[at] / peak) * half;
    context.fillRect(LEFT + at * wide, top, Math.max(wide, 1), Math.max(1, middle - (low / peak) * half - top));
  });
  besideAxis(place, "0", middle);
  if (peak >= 0.005) besideAxis(place, peak.toFixed(2), TOP + 5);
  if (peak >= 0.005) besideAxis(place, `−${peak.toFixed(2)}`, middle + half - 5);
  timeAxis(place, seconds);
}

/**
 * Log-mel frames as a picture, the lowest band at the bottom.
 * @param {HTMLElement} box where
 * @param {object} frames the service's: bands, columns, hop_s, values
 * @param {{low_hz: number, high_hz: number}} reach of the bands
 * @param {number} seconds of the recording
 * @param {string} words for those who do not see it
 */
export function drawFrames(box, frames, reach, seconds, words) {
  const place = canvasIn(box, 150 + AXIS, words);
  const { context, width, height } = place;
  const { x } = across(width, seconds);
  const tall = height - AXIS - TOP;
  context.imageSmoothingEnabled = false;
  context.drawImage(picture(frames), LEFT, TOP, x(Math.min(seconds, frames.columns * frames.hop_s)) - LEFT, tall);
  for (const [band, hz] of marks(frames.bands, reach, tall)) {
    besideAxis(place, hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`, TOP + tall * (1 - (band + 0.5) / frames.bands));
  }
  timeAxis(place, seconds);
}

/**
 * What the colours mean, as a bar from weak to strong.
 * @param {HTMLElement} box where
 * @param {{low: number, high: number}} frames natural logarithms of energies
 */
export function drawScale(box, { low, high }) {
  const decibels = Math.round((high - low) * DB_OF_LN);
  const { context, width } = canvasIn(box, 14, `Colours from weak, dark, to strong, bright: ${decibels} dB`);
  for (let x = 0; x < width; x++) {
    context.fillStyle = `rgb(${magma(x / width).join(" ")})`;
    context.fillRect(x, 0, 1.5, 14);
  }
  box.nextElementSibling.textContent = `strong, ${decibels} dB more`;
}

function picture(frames) {
  if (painted.has(frames)) return painted.get(frames);
  const { bands, columns } = frames;
  const bytes = Uint8Array.from(atob(frames.values), (one) => one.charCodeAt(0));
  const image = new ImageData(columns, bands);
  bytes.forEach((value, at) => {
    const column = Math.floor(at / bands);
    const line = bands - 1 - (at % bands);
    image.data.set([...magma(value / 255), 255], 4 * (line * columns + column));
  });
  const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: bands });
  canvas.getContext("2d").putImageData(image, 0, 0);
  painted.set(frames, canvas);
  return canvas;
}

function magma(share) {
  const place = share * (MAGMA.length - 1);
  const before = Math.min(Math.floor(place), MAGMA.length - 2);
  return MAGMA[before].map((one, at) => one + (place - before) * (MAGMA[before + 1][at] - one));
}

/** Some bands with the frequency near their centre; bands stand at equal distances in mel. */
function marks(bands, { low_hz: lowHz, high_hz: highHz }, tall) {
  const mel = (hz) => 1127 * Math.log1p(hz / 700);
  const step = (mel(highHz) - mel(lowHz)) / (bands + 1);
  const found = [];
  for (const hz of MARKED_HZ) {
    const band = Math.min((mel(hz) - mel(lowHz)) / step - 1, bands - 1);
    const apart = found.length ? ((band - found.at(-1)[0]) * tall) / bands : LEAST_APART;
    if (band >= 0 && hz <= highHz && apart >= LEAST_APART) found.push([band, hz]);
  }
  return found;
}
