import { byId, makeSvg, write } from './dom.js';
import { duration, median } from './figures.js';

const MAX_SAMPLES = 60;
const WIDTH = 320;
const HEIGHT = 96;
const MARGIN = { left: 40, right: 6, top: 8, bottom: 6 };
const SCALES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/** The latency plot: one dot for each answer, by kind (won, missed, released, ping). */
export class Plot {
  #svg = byId('plot');
  #caption = byId('plot-caption');
  #samples = [];
  #stale = true;

  add(kind, ms) {
    this.#samples.push({ kind, ms });
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
    this.#stale = true;
  }

  draw() {
    if (!this.#stale) return;
    this.#stale = false;
    const values = this.#samples.map(({ ms }) => ms);
    const worst = Math.max(0, ...values);
    const top = SCALES.find((scale) => scale >= worst) ?? worst;
    const middle = median(values);
    this.#svg.replaceChildren(...grid(top), ...medianLine(middle, top), ...this.#dots(top));
    write(this.#caption, middle === null
      ? 'Every answer of the server will be a dot here.'
      : `Median ${duration(middle)}, worst ${duration(worst)} of the last ${values.length}.`);
  }

  #dots(top) {
    const step = (WIDTH - MARGIN.left - MARGIN.right) / MAX_SAMPLES;
    return this.#samples.map(({ kind, ms }, index) => makeSvg('circle', {
      class: `dot ${kind}`, cx: MARGIN.left + step * (index + 0.5), cy: y(ms, top), r: kind === 'ping' ? 2 : 3.5,
    }));
  }
}

const y = (ms, top) => HEIGHT - MARGIN.bottom - (ms / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);

function grid(top) {
  return [0, top / 2, top].flatMap((ms) => [
    makeSvg('line', { class: 'grid', x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(ms, top), y2: y(ms, top) }),
    makeSvg('text', { class: 'tick', x: MARGIN.left - 6, y: y(ms, top) + 3.5 }, ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`),
  ]);
}

function medianLine(middle, top) {
  if (middle === null) return [];
  return [makeSvg('line', { class: 'median', x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(middle, top), y2: y(middle, top) })];
}
