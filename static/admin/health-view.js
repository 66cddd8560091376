import { make, mark, write } from '../demo/dom.js';
import { duration } from '../demo/format.js';
import { path } from './api.js';
import { LinePlot } from './line-plot.js';
import { Metrics } from './metrics.js';
import { every } from './poll.js';
import { number } from './table.js';
import { span } from './time.js';
import { WebhookPanel } from './webhook-panel.js';

const POLL_MS = 2000;
const SPAN_MS = 5 * 60_000;
const DENIED = ['sold_out', 'reserved', 'cooldown'];
const GRANTED = ['granted', 'already_held'];
const SELECTS = 'asset_arbiter_selects_total';
const SELECT_SECONDS = 'asset_arbiter_select_duration_seconds';
const STORE_SECONDS = 'asset_arbiter_store_call_duration_seconds';
const small = (value) => number(Number(value.toPrecision(3)));

/** What is plotted: the lines, and their values from two reads of the metrics. */
const PLOTS = [
  {
    title: 'Selects per second',
    lines: [{ name: 'granted', style: 'line won' }, { name: 'denied', style: 'line missed' }, { name: 'failed', style: 'line failed' }],
    format: small,
    values: (now, then) => [GRANTED, DENIED].map((group) => now.rate(then, SELECTS, ({ outcome }) => group.includes(outcome)))
      .concat(now.rate(then, SELECTS, ({ outcome }) => ![...GRANTED, ...DENIED].includes(outcome))),
  },
  {
    title: 'From a select to its reply',
    lines: [{ name: 'median', style: 'line won' }, { name: '99 %', style: 'line missed' }],
    format: duration,
    values: (now, then) => [0.5, 0.99].map((share) => now.quantile(then, SELECT_SECONDS, share)),
  },
  {
    title: 'Store calls',
    lines: [{ name: 'median', style: 'line won' }, { name: '99 %', style: 'line missed' }],
    format: duration,
    values: (now, then) => [0.5, 0.99].map((share) => now.quantile(then, STORE_SECONDS, share)),
  },
];

/** The figures of one read, and of what changed since the one before. */
const FIGURES = [
  ['Connections', (now) => now.sum('asset_arbiter_connections')],
  ['Rooms loaded', (now) => now.sum('asset_arbiter_rooms')],
  ['Frames sent per second', (now, then) => now.rate(then, 'asset_arbiter_frames_sent_total')],
  ['Memory', (now) => now.sum('process_resident_memory_bytes'), (bytes) => `${small(bytes / 2 ** 20)} MiB`],
  ['Store errors per second', (now, then) => now.rate(then, 'asset_arbiter_store_errors_total')],
  ['Rooms whose store lost writes', (now) => now.sum('asset_arbiter_regressions_total')],
  ['Clock ahead of the store', (now) => now.sum('asset_arbiter_clock_skew_seconds'), (seconds) => `${small(seconds)} s`],
  ['Bus messages sent per second', (now, then) => now.rate(then, 'asset_arbiter_bus_published_total')],
  ['Bus messages received per second', (now, then) => now.rate(then, 'asset_arbiter_bus_received_total')],
  ['Bus messages dropped', (now) => now.sum('asset_arbiter_bus_dropped_total')],
  ['Gaps repaired', (now) => now.sum('asset_arbiter_gaps_repaired_total')],
  ['Up for', (now) => now.sum('process_start_time_seconds'), (since) => span(Date.now() - since * 1000)],
];
const ELSEWHERE = 'This server keeps its metrics at another address (--metrics-listen), so there are no plots here.';

/** Whether the node is well: its readiness, and plots and figures from `/metrics`. */
export class HealthView {
  title = 'Health';
  #api;
  /** The last read and the samples of the last minutes, kept while another view is shown. */
  #kept;
  #ends = [];
  #ready = make('p', { class: 'pill', role: 'status' }, make('span', { class: 'light', 'aria-hidden': 'true' }), make('span'));
  #version = make('p', { class: 'hint' });
  #note = make('p', { class: 'empty', hidden: true });
  #problem = make('p', { class: 'problem', role: 'alert' });
  #plots = PLOTS.map((plot) => new LinePlot(plot));
  #values = FIGURES.map(() => make('dd'));
  #measured;
  #webhook;

  constructor({ api, actions, kept }) {
    this.#api = api;
    this.#webhook = new WebhookPanel({ api, actions });
    this.#kept = kept.health ??= { last: null, samples: [] };
    const figures = FIGURES.map(([name], index) => make('div', {}, make('dt', {}, name), this.#values[index]));
    this.#measured = make('div', { class: 'measured' }, make('div', { class: 'plots' }, ...this.#plots.map(({ element }) => element)),
      make('section', { class: 'panel', 'aria-label': 'Figures' }, make('dl', { class: 'figures' }, ...figures)));
    this.element = make('section', { class: 'view' },
      make('div', { class: 'view-head' }, make('h1', { tabIndex: -1 }, 'Health'), this.#ready, this.#version),
      this.#problem, this.#webhook.element, this.#note, this.#measured);
    this.#draw();
    this.#ends.push(every(POLL_MS, () => this.#askNode(), this.#problem));
    this.#ends.push(every(POLL_MS, () => this.#measure(), this.#problem));
  }

  leave() {
    this.#ends.forEach((end) => end());
    this.#webhook.leave();
  }

  async #askNode() {
    try {
      const { node, version, ready, reason } = await this.#api.get(path('node'));
      mark(this.#ready, 'state', ready ? 'connected' : 'closed');
      write(this.#ready.lastChild, ready ? 'Ready' : `Not ready: ${reason}`);
      write(this.#version, `node ${node} · version ${version}`);
    } catch (error) {
      // What was known before may be wrong by now.
      mark(this.#ready, 'state', 'reconnecting');
      write(this.#ready.lastChild, 'Unknown');
      throw error;
    }
  }

  async #measure() {
    const text = await this.#api.text('metrics');
    if (text === null) {
      this.#ends.pop()?.();
      this.#measured.hidden = true;
      this.#note.hidden = false;
      return write(this.#note, ELSEWHERE);
    }
    const now = new Metrics(text, performance.now());
    const { last, samples } = this.#kept;
    if (last) {
      samples.push({ at: now.at, plots: PLOTS.map(({ values }) => values(now, last)) });
      while (samples[0].at < now.at - SPAN_MS) samples.shift();
      this.#fill(now, last);
    }
    this.#kept.last = now;
    this.#draw();
  }

  #fill(now, last) {
    FIGURES.forEach(([, value, format = small], index) => {
      const found = value(now, last);
      write(this.#values[index], found === null ? '–' : format(found));
    });
  }

  #draw() {
    this.#plots.forEach((plot, index) => {
      plot.draw(this.#kept.samples.map(({ at, plots }) => ({ at, values: plots[index] })), SPAN_MS);
    });
  }
}
