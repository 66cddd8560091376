import { byId, makeSvg, write } from './dom.js';
import { duration, median } from './format.js';

const MAX_SAMPLES = 60;
const WIDTH = 320;
const HEIGHT = 84;
const MARGIN = { left: 52, right: 6, top: 8, bottom: 8 };
/** The range in powers of ten of a millisecond: 0.1 ms to 10 s. Dots beyond it are drawn at the edge. */
const DECADES = { low: -1, high: 4 };

/** The latency plot: one dot per answer, by kind (won, missed, ping), on a logarithmic scale. */
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
    const middle = median(values);
    const scale = scaleOf(values);
    this.#svg.replaceChildren(...scale.ticks.flatMap((ms) => gridLine(ms, scale.y(ms))), ...this.#dots(scale));
    if (middle !== null) this.#svg.append(line('median', scale.y(middle)));
    write(this.#caption, middle === null
      ? 'Every answer of the server will be a dot here.'
      : `Median ${duration(middle)}, worst ${duration(Math.max(...values))} of the last ${values.length}.`);
  }

  #dots({ y }) {
    const step = (WIDTH - MARGIN.left - MARGIN.right) / MAX_SAMPLES;
    return this.#samples.map(({ kind, ms }, index) => makeSvg('circle', {
      class: `dot ${kind}`, cx: MARGIN.left + step * (index + 0.5), cy: y(ms), r: kind === 'ping' ? 2 : 3.5,
    }));
  }
}

/** The whole decades that contain the values: their ticks and the position of a value. */
function scaleOf(values) {
  const logs = values.length ? values.map((ms) => Math.log10(Math.max(ms, 0.001))) : [0, 2];
  const low = clamp(Math.floor(Math.min(...logs)), DECADES.low, DECADES.high - 1);
  const high = clamp(Math.ceil(Math.max(...logs)), low + 1, DECADES.high);
  const height = HEIGHT - MARGIN.top - MARGIN.bottom;
  const y = (ms) => HEIGHT - MARGIN.bottom - height * ((clamp(Math.log10(Math.max(ms, 0.001)), low, high) - low) / (high - low));
  return { y, ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)) };
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const line = (kind, y) => makeSvg('line', { class: kind, x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y, y2: y });

function gridLine(ms, y) {
  const label = ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`;
  return [line('grid', y), makeSvg('text', { class: 'tick', x: MARGIN.left - 6, y: y + 3.5 }, label)];
}
