import { avatar } from './avatar.js';
import { enable, make, mark, write } from './dom.js';
import { count, duration } from './format.js';
import { iconOf } from './icons.js';
import { nameOf } from './names.js';
import { labelOf } from './race.js';

const MAX_HOLDERS = 3;
/** Up to this number the meter shows single units. */
const MAX_SEGMENTS = 12;
/** A later attempt did not lose a race but found the asset sold out. */
const MAX_LATE_MS = 5000;

const LABELS = { open: 'Grab', pending: 'Asking…', waiting: 'Waiting…', locked: 'Wait…', gone: 'Sold out', mine: 'Yours' };

/** The card of one asset. `grab` and `release` are called with its name. */
export class Card {
  #asset;
  #drawn = {};
  #units = make('p', { class: 'card-units' });
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
   * answered now), outcome (of this player's last attempt) and raceStart, if the asset is part of a race.
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
    this.#drawButtons(state, view, phase);
  }

  #build() {
    const label = labelOf(this.#asset);
    const head = make('div', { class: 'card-head' },
      make('span', { class: 'card-icon', 'aria-hidden': 'true' }, iconOf(label)),
      make('h3', { title: this.#asset }, label), this.#key, this.#units);
    const actions = make('div', { class: 'actions' }, this.#grab, this.#release);
    const card = make('li', { class: 'card' }, head, this.#meter, this.#holders, actions);
    card.dataset.asset = this.#asset;
    return card;
  }

  #drawUnits({ units, remaining, held, holders }, raceStart) {
    write(this.#units, `${remaining.toLocaleString('en')} of ${units.toLocaleString('en')} left`);
    this.#meter.style.setProperty('--left', String(units > 0 ? remaining / units : 0));
    this.#meter.style.setProperty('--segments', String(units <= MAX_SEGMENTS ? Math.max(units, 1) : 1));
    const shown = holders.slice(0, MAX_HOLDERS).map((holder) => chip(holder, raceStart));
    if (held > shown.length) shown.push(make('span', { class: 'more' }, `+${held - shown.length}`));
    if (held === 0) shown.push(make('span', { class: 'nobody' }, 'nobody yet'));
    this.#holders.replaceChildren(make('span', { class: 'offscreen' }, `held by ${count(held, 'player')}: `), ...shown);
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
    this.#release.hidden = phase !== 'mine' && !waiting;
    write(this.#release, waiting ? 'Take back' : 'Release');
    const name = `${this.#release.textContent} ${label}`;
    if (this.#release.getAttribute('aria-label') !== name) this.#release.setAttribute('aria-label', name);
  }
}

function phaseOf(state, { mine, locked, outcome }) {
  if (outcome?.kind === 'pending') return 'pending';
  if (mine) return 'mine';
  if (locked) return 'locked';
  return state.remaining > 0 ? 'open' : 'gone';
}

function labelFor(phase, { outcome, offline }) {
  if (outcome?.kind === 'missed') return 'Missed';
  return LABELS[phase === 'pending' && offline ? 'waiting' : phase];
}

/** The outcome of the last attempt, for display below the button's label. */
function sentence(state, { mine, outcome }) {
  if (!outcome || outcome.kind === 'pending') return '';
  if (outcome.kind === 'won') return mine ? `in ${duration(outcome.latencyMs)}` : '';
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
  return ['key', 'mine', 'locked', 'offline', 'outcome'].every((part) => a[part] === b[part]);
}
