import { avatar } from './avatar.js';
import { enable, make, makeSvg, mark, write } from './dom.js';
import { count, duration } from './format.js';
import { iconOf } from './icons.js';
import { termsOf, timeLeft } from './lease.js';
import { nameOf } from './names.js';
import { labelOf } from './race.js';

const MAX_HOLDERS = 3;
/** Up to this number the meter shows single units. */
const MAX_SEGMENTS = 12;
/** A later attempt did not lose a race but found the asset sold out. */
const MAX_LATE_MS = 5000;

const LABELS = {
  open: 'Grab', pending: 'Asking…', waiting: 'Waiting…', locked: 'Wait…', gone: 'Sold out', hold: 'Keep it', mine: 'Yours',
};

/** The card of one asset. `grab` and `release` are called with its name. */
export class Card {
  #asset;
  #drawn = {};
  #left = make('span');
  #ends = make('span', { class: 'ends', hidden: true });
  #ring = make('span', { class: 'ring' });
  #meter = make('div', { class: 'meter', 'aria-hidden': 'true' }, make('span'));
  #holders = make('p', { class: 'holders' });
  #key = make('kbd', { 'aria-hidden': 'true' });
  #details = make('span', { class: 'offscreen' });
  #label = make('span', { class: 'label' });
  #outcome = make('span', { class: 'outcome' });
  #grab = make('button', { class: 'grab', type: 'button' }, this.#label, this.#details, this.#outcome);
  #release = make('button', { class: 'release', type: 'button' }, 'Release');

  constructor(asset, { grab, release }) {
    this.#asset = asset;
    this.#grab.addEventListener('click', () => grab(asset));
    this.#release.addEventListener('click', () => {
      release(asset);
      this.#grab.focus({ preventScroll: true });
    });
    this.element = this.#build();
  }

  /** The key that grabs, '' if none. */
  get key() {
    return this.#drawn.view?.key ?? '';
  }

  /**
   * Draws the asset's state. `view`: key, mine (held by this player), locked (before the start line), offline (nothing is
   * answered now), outcome (of this player's last attempt), raceStart, if the asset is part of a race, and the lease that
   * is shown, if any: expiresAt, totalMs, isHold. Its `second` changes when a text that counts down does.
   */
  draw(state, view) {
    const before = this.#drawn;
    if (before.state === state && sameView(before.view, view)) return;
    this.#drawn = { state, view };
    const phase = phaseOf(state, view);
    mark(this.element, 'state', phase);
    mark(this.element, 'outcome', view.outcome?.kind ?? '');
    mark(this.element, 'remaining', String(state.remaining));
    if (before.state !== state) this.#drawUnits(state, view.raceStart);
    this.#drawLease(before.view, view);
    this.#drawButtons(state, view, phase);
  }

  #build() {
    const label = labelOf(this.#asset);
    const head = make('div', { class: 'card-head' },
      make('span', { class: 'card-icon', 'aria-hidden': 'true' }, iconOf(label), this.#ring),
      make('h3', { title: this.#asset }, label), this.#key, make('p', { class: 'card-units' }, this.#left, this.#ends));
    const actions = make('div', { class: 'actions' }, this.#grab, this.#release);
    const card = make('li', { class: 'card' }, head, this.#meter, this.#holders, actions);
    card.dataset.asset = this.#asset;
    return card;
  }

  #drawUnits({ units, remaining, held, holders, options }, raceStart) {
    write(this.#left, `${remaining.toLocaleString('en')} of ${units.toLocaleString('en')} left`);
    this.#meter.style.setProperty('--left', String(units > 0 ? remaining / units : 0));
    this.#meter.style.setProperty('--segments', String(units <= MAX_SEGMENTS ? Math.max(units, 1) : 1));
    const shown = holders.slice(0, MAX_HOLDERS).map((holder) => chip(holder, raceStart));
    if (held > shown.length) shown.push(make('span', { class: 'more' }, `+${held - shown.length}`));
    if (held === 0) shown.push(make('span', { class: 'nobody' }, termsOf(options) || 'nobody yet'));
    this.#holders.replaceChildren(make('span', { class: 'offscreen' }, `held by ${count(held, 'player')}: `), ...shown);
  }

  #drawLease(before, { expiresAt, totalMs }) {
    const isTimed = expiresAt !== undefined;
    this.#ends.hidden = !isTimed;
    if (isTimed) write(this.#ends, timeLeft(expiresAt));
    if (before?.expiresAt !== expiresAt) this.#ring.replaceChildren(...(isTimed ? [ring()] : []));
    if (!isTimed) return;
    const leftMs = Math.max(0, expiresAt - performance.now());
    this.#ring.style.setProperty('--share', String(Math.min(1, leftMs / totalMs)));
    if (before?.expiresAt === expiresAt) return;
    this.#ring.style.setProperty('--total', `${totalMs}ms`);
    this.#ring.style.setProperty('--passed', `${leftMs - totalMs}ms`);
  }

  #drawButtons(state, view, phase) {
    const said = sentence(state, view);
    write(this.#label, labelFor(phase, view));
    write(this.#outcome, said);
    write(this.#key, view.key.toUpperCase());
    const idle = phase === 'mine' || phase === 'locked' || phase === 'pending';
    enable(this.#grab, !idle);
    const label = labelOf(this.#asset);
    const key = view.key ? `, key ${view.key}` : '';
    write(this.#details, ` ${label}, ${state.remaining} of ${state.units} left${key}. `);
    const waiting = phase === 'pending' && view.offline;
    this.#release.hidden = phase !== 'mine' && phase !== 'hold' && !waiting;
    write(this.#release, waiting ? 'Take back' : 'Release');
    const name = `${this.#release.textContent} ${label}`;
    if (this.#release.getAttribute('aria-label') !== name) this.#release.setAttribute('aria-label', name);
  }
}

/** A circle that runs out; in steps for whoever prefers less motion. */
function ring() {
  const circle = (name) => makeSvg('circle', { class: name, cx: '24', cy: '24', r: '22', pathLength: '1' });
  return makeSvg('svg', { viewBox: '0 0 48 48' }, circle('ring-track'), circle('ring-left'));
}

function phaseOf(state, { mine, locked, isHold, outcome }) {
  if (outcome?.kind === 'pending') return 'pending';
  if (mine) return isHold ? 'hold' : 'mine';
  if (locked || outcome?.kind === 'denied') return 'locked';
  return state.remaining > 0 ? 'open' : 'gone';
}

function labelFor(phase, { outcome, offline }) {
  if (outcome?.kind === 'missed') return 'Missed';
  return LABELS[phase === 'pending' && offline ? 'waiting' : phase];
}

/** The outcome of the last attempt, for display below the button's label. */
function sentence(state, { mine, isHold, outcome }) {
  if (!outcome || outcome.kind === 'pending') return '';
  if (outcome.kind === 'denied') return `${outcome.text}${timeLeft(outcome.again)}`;
  if (outcome.kind === 'kept') return mine ? outcome.text : '';
  if (outcome.kind === 'won') return mine && !isHold ? `in ${duration(outcome.latencyMs)}` : '';
  if (outcome.kind === 'released') return mine ? '' : outcome.text;
  if (outcome.kind !== 'missed') return outcome.text;
  const late = outcome.decidedAt - Math.max(...state.holders.map(({ at }) => at));
  const by = late >= 1 && late < MAX_LATE_MS ? `by ${duration(late)}, ` : '';
  return `${by}told in ${duration(outcome.latencyMs)}`;
}

function chip({ player, at }, raceStart) {
  const name = make('span', { class: 'chip', title: player }, avatar(player), make('span', { class: 'name' }, nameOf(player)));
  if (raceStart === undefined) return name;
  const after = at - raceStart;
  const time = after < 0 ? 'false start' : `+${duration(after)}`;
  name.classList.add('timed');
  name.append(make('span', { class: after < 0 ? 'reaction early' : 'reaction' }, time));
  return name;
}

function sameView(a, b) {
  return ['key', 'mine', 'locked', 'offline', 'outcome', 'expiresAt', 'isHold', 'second'].every((part) => a[part] === b[part]);
}
