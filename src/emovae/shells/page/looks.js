/** How classes are told apart, by colour and by pattern; the colours are those of the report's figures. */

// Okabe and Ito's, which colour-blind people can tell apart; grey and brown stand for yellow and black, each of which
// one of the two grounds swallows.
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#8C510A"];
const INKS = ["#fff", "#fff", "#fff", "#1a1a1a", "#1a1a1a", "#1a1a1a", "#fff", "#fff"];
const SIDE = 10;
const PATTERNS = [
  () => {},
  (ink) => ink.lines([[-5, 5, 5, -5], [0, 10, 10, 0], [5, 15, 15, 5]]),
  (ink) => ink.dots([[2.5, 2.5], [7.5, 7.5]]),
  (ink) => ink.lines([[0, 5, 10, 5]]),
  (ink) => ink.lines([[-5, 5, 5, 15], [0, 0, 10, 10], [5, -5, 15, 5]]),
  (ink) => ink.lines([[5, 0, 5, 10]]),
  (ink) => ink.lines([[0, 5, 10, 5], [5, 0, 5, 10]]),
  (ink) => ink.lines([[0, 0, 10, 10], [10, 0, 0, 10]]),
];

/**
 * The looks of classes by their names.
 * @param {string[]} classes in the service's order
 * @returns {Map<string, {tile: HTMLCanvasElement, address: string, ratio: number}>}
 */
export function looksOf(classes) {
  return new Map(classes.map((name, place) => [name, look(place)]));
}

function look(place) {
  const ratio = window.devicePixelRatio || 1;
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.round(SIDE * ratio);
  const context = tile.getContext("2d");
  context.scale(tile.width / SIDE, tile.width / SIDE);
  context.fillStyle = COLOURS[place % COLOURS.length];
  context.fillRect(0, 0, SIDE, SIDE);
  context.strokeStyle = context.fillStyle = INKS[place % INKS.length];
  context.globalAlpha = 0.8;
  // After eight classes the colours come again, with other patterns.
  PATTERNS[(place + Math.floor(place / COLOURS.length)) % PATTERNS.length](inkOf(context));
  return { tile, address: tile.toDataURL(), ratio: tile.width / SIDE };
}

function inkOf(context) {
  return {
    lines(each) {
      context.lineWidth = 1.4;
      context.beginPath();
      for (const [x, y, toX, toY] of each) context.moveTo(x, y), context.lineTo(toX, toY);
      context.stroke();
    },
    dots(each) {
      for (const [x, y] of each) context.beginPath(), context.arc(x, y, 1.3, 0, 7), context.fill();
    },
  };
}

/** Fills a canvas with the look of a class. */
export function fillStyle(context, { tile, ratio }) {
  const pattern = context.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / ratio));
  return pattern;
}

/** Gives an element the look of a class as its ground. */
export function dress(element, { address }) {
  element.style.backgroundImage = `url(${address})`;
  element.style.backgroundSize = `${SIDE}px`;
}

/** The legend: each class with its look. */
export function drawLegend(list, looks) {
  list.replaceChildren(
    ...[...looks].map(([name, one]) => {
      const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
      dress(swatch, one);
      const item = document.createElement("li");
      item.append(swatch, name);
      return item;
    }),
  );
}
