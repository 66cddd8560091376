import { byId, mark, write } from './dom.js';
import { duration } from './format.js';

/** The meanings of the protocol's close codes for a player. */
const REASONS = {
  1001: 'This page was asleep',
  1006: 'The connection was lost',
  1009: 'A message was too large for the server',
  4001: 'This server asks for a player token: open the page with ?token=TOKEN',
  4003: 'This player may not enter this room',
  4004: 'The room was removed',
  4005: 'You were removed from this room',
  4006: 'You play in another tab or on another device now',
  4007: 'You play in another tab or on another device already',
  4008: 'The server found a fault in what this page sent',
  4100: 'The server is shutting down or moving',
  4101: 'The server cannot reach its store',
  4102: 'The player token has expired: open the page with another one',
  4113: 'The room or the server is full',
  4129: 'Too many messages in too short a time',
  4200: 'This connection could not keep up',
};

/** The connection state in the header, and a banner with the problem and what happens next. */
export class Connection {
  #pill = byId('connection');
  #label = byId('connection-label');
  #detail = byId('connection-detail');
  #spoken = byId('connection-spoken');
  #banner = byId('banner');
  #text = byId('banner-text');
  #state = { state: 'connecting' };

  /** Handles a `state` event of the library. */
  set(event) {
    this.#state = { ...event, retryAt: Date.now() + (event.retryInMs ?? 0) };
    write(this.#spoken, [LABELS[event.state], this.#reason()].filter(Boolean).join('. '));
  }

  /** Draws the state. Returns the milliseconds until the shown seconds change. */
  draw(latencyMs) {
    const { state, retryAt } = this.#state;
    const left = Math.max(0, (retryAt ?? 0) - Date.now());
    mark(this.#pill, 'state', state);
    write(this.#label, LABELS[state]);
    write(this.#detail, this.#detailOf(left, latencyMs));
    this.#drawBanner(state, left);
    return left > 0 ? (left + 500) % 1000 || 1000 : Infinity;
  }

  /** Why the connection is missing, in words; empty if unknown. */
  #reason() {
    const { state, code, reason } = this.#state;
    if (code === 1006 && state === 'connecting') return 'The server does not answer';
    return REASONS[code] ?? reason ?? '';
  }

  #detailOf(left, latencyMs) {
    if (this.#state.state === 'connected') return latencyMs == null ? '' : duration(latencyMs);
    if (this.#state.state === 'closed' || this.#state.retryAt === undefined) return '';
    return left > 0 ? `in ${seconds(left)}` : 'now';
  }

  #drawBanner(state, left) {
    this.#banner.hidden = state === 'connected' || (state === 'connecting' && !this.#reason());
    mark(this.#banner, 'state', state);
    byId('banner-again').hidden = state !== 'closed';
    const reason = this.#reason() || 'The connection is gone';
    const next = state === 'closed' ? 'The page does not try again by itself.'
      : left > 0 ? `Trying again in ${seconds(left)}.` : 'Trying again…';
    write(this.#text, `${reason}. ${next}`);
  }
}

const seconds = (ms) => `${Math.max(1, Math.round(ms / 1000))} s`;

const LABELS = { connecting: 'Connecting', connected: 'Connected', reconnecting: 'Reconnecting', closed: 'Closed' };
