import { make, mark, write } from '../demo/dom.js';
import { count } from '../demo/format.js';
import { path } from './api.js';
import { every } from './poll.js';
import { clockTime, span } from './time.js';

const POLL_MS = 2000;

/** The webhook: whether events arrive there, and what waits. Hidden if there is none. */
export class WebhookPanel {
  #api;
  #end;
  #title = make('h2', { tabIndex: -1 }, 'Webhook');
  #resume = make('button', { type: 'button', class: 'plain', hidden: true }, 'Resume');
  #state = make('p', { class: 'pill', role: 'status' }, make('span', { class: 'light', 'aria-hidden': 'true' }), make('span'));
  #url = make('p', { class: 'hint' });
  #backlog = make('p');
  #failure = make('p', { class: 'hint' });
  #problem = make('p', { class: 'problem', role: 'alert' });

  constructor({ api, actions }) {
    this.#api = api;
    this.#resume.addEventListener('click', () => actions.resumeWebhook());
    this.element = make('section', { class: 'panel', 'aria-label': 'Webhook', hidden: true },
      make('div', { class: 'view-head' }, this.#title, this.#state, this.#url,
        ...(actions ? [make('div', { class: 'buttons' }, this.#resume)] : [])),
      this.#backlog, this.#failure, this.#problem);
    this.#end = every(POLL_MS, () => this.#read(), this.#problem);
  }

  leave() {
    this.#end();
  }

  async #read() {
    try {
      const { webhooks: [webhook] } = await this.#api.get(path('webhooks'));
      this.element.hidden = !webhook;
      if (webhook) this.#draw(webhook);
    } catch (error) {
      // What was known before may be wrong by now.
      mark(this.#state, 'state', 'reconnecting');
      write(this.#state.lastChild, 'Unknown');
      throw error;
    }
  }

  #draw(webhook) {
    const { url, state, reason, since, failing_since: failingSince, last_failure: lastFailure, lag_seconds: lag, waiting } = webhook;
    const isWell = state === 'active' && !failingSince;
    mark(this.#state, 'state', isWell ? 'connected' : 'closed');
    if (isWell && document.activeElement === this.#resume) this.#title.focus({ preventScroll: true });
    this.#resume.hidden = isWell;
    const failing = failingSince ? `Failing since ${clockTime(failingSince)}` : 'Active';
    write(this.#state.lastChild, state === 'paused' ? `Paused since ${clockTime(since)}: ${reason}` : failing);
    write(this.#url, url);
    const backlog = `${count(waiting, 'event')} known to wait, the oldest for ${span(lag * 1000)}`;
    write(this.#backlog, waiting > 0 ? backlog : 'No event is known to wait');
    write(this.#failure, lastFailure ? `Last failure: ${lastFailure}` : '');
  }
}
