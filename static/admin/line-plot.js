import { make, makeSvg, write } from '../demo/dom.js';

const WIDTH = 360;
const HEIGHT = 110;
const MARGIN = { left: 46, right: 8, top: 8, bottom: 18 };

/** A small plot of lines over time. `lines`: name and class of each; `format(value)`: a value as text. */
export class LinePlot {
  #lines;
  #format;
  #svg = makeSvg('svg', { class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' });
  #values;

  constructor({ title, lines, format }) {
    this.title = title;
    this.#lines = lines;
    this.#format = format;
    this.#values = lines.map(() => make('b'));
    const legend = lines.map(({ name, style }, index) => make('li', {}, stroke(style), `${name} `, this.#values[index]));
    const caption = make('figcaption', {}, make('h2', {}, title));
    this.element = make('figure', { class: 'panel' }, caption, this.#svg, make('ul', { class: 'keys' }, ...legend));
  }

  /** Draws samples, oldest first: each has `at` in milliseconds and a value for each line, null where there is none. */
  draw(samples, spanMs) {
    const end = samples.at(-1)?.at ?? 0;
    const most = Math.max(0, ...samples.flatMap(({ values }) => values.filter((value) => value !== null)));
    const top = roundUp(most);
    const x = (at) => WIDTH - MARGIN.right - (WIDTH - MARGIN.left - MARGIN.right) * (end - at) / spanMs;
    const y = (value) => HEIGHT - MARGIN.bottom - (HEIGHT - MARGIN.top - MARGIN.bottom) * value / top;
    const marks = [0, top / 2, top].flatMap((value) => [
      makeSvg('line', { class: 'grid', x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(value), y2: y(value) }),
      makeSvg('text', { class: 'tick', x: MARGIN.left - 6, y: y(value) + 3.5 }, this.#format(value)),
    ]);
    const times = [['start', x(end - spanMs), `${spanMs / 60_000} min ago`], ['end', x(end), 'now']]
      .map(([anchor, at, text]) => makeSvg('text', { class: `time ${anchor}`, x: at, y: HEIGHT - 4 }, text));
    // A sample alone is drawn as a dot, by a line from it to itself.
    const ends = (piece) => (piece.length === 1 ? [piece[0], piece[0]] : piece);
    const points = (piece) => ends(piece).map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    const drawn = this.#lines.flatMap(({ style }, index) => pieces(samples, index)
      .map((piece) => makeSvg('polyline', { class: style, points: points(piece) })));
    this.#svg.replaceChildren(...marks, ...times, ...drawn);
    const newest = samples.at(-1)?.values ?? [];
    const texts = this.#lines.map((_, index) => ((newest[index] ?? null) === null ? '–' : this.#format(newest[index])));
    texts.forEach((text, index) => write(this.#values[index], text));
    const now = this.#lines.map(({ name }, index) => `${name} ${texts[index]}`).join(', ');
    this.#svg.setAttribute('aria-label', `${this.title} over ${spanMs / 60_000} minutes. Now: ${now}`);
  }
}

/** A line of this style, for the legend. */
const stroke = (style) => makeSvg('svg', { class: 'key', viewBox: '0 0 22 6', 'aria-hidden': 'true' },
  makeSvg('line', { class: style, x1: 1, x2: 21, y1: 3, y2: 3 }));

/** The runs of samples that have a value of this line. */
function pieces(samples, index) {
  const runs = [[]];
  for (const { at, values } of samples) {
    if (values[index] === null) runs.push([]);
    else runs.at(-1).push({ at, value: values[index] });
  }
  return runs.filter((run) => run.length > 0);
}

/** The next of 1, 2, 5, 10, 20 ... */
function roundUp(value) {
  if (!(value > 0)) return 1;
  const decade = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((times) => times * decade).find((step) => step >= value * 0.999);
}
