import { joinRoom } from '../asset-arbiter.js';
import { SERVER } from '../demo/address.js';
import { make, mark, write } from '../demo/dom.js';
import { count } from '../demo/format.js';
import { AssetList } from './asset-list.js';
import { HistoryList } from './history-list.js';
import { HolderList } from './holder-list.js';
import { MemberList } from './member-list.js';
import { throttled } from './poll.js';

const DRAW_MS = 200;
/** Times that run down are redrawn that often. */
const TICK_MS = 1000;
const EVENTS = ['granted', 'confirmed', 'extended', 'released', 'changed', 'players', 'snapshot', 'state'];
const STATES = { connecting: 'Connecting', connected: 'Live', reconnecting: 'Reconnecting', closed: 'Closed' };

/** One room, live: the console listens as an observer, with the same library as a player's page. */
export class RoomView {
  #room;
  #assets;
  #holders;
  #history;
  #members;
  #selected = null;
  #problem = make('p', { class: 'problem', role: 'alert' });
  #pill = make('span', { class: 'pill', role: 'status' }, make('span', { class: 'light', 'aria-hidden': 'true' }), make('span'));
  #counts = make('p', { class: 'hint' });
  #draw = throttled(DRAW_MS, () => this.#paint());
  #ticks;

  constructor({ api, actions }, name) {
    this.title = name;
    this.element = make('section', { class: 'view' }, make('h1', { tabIndex: -1 }, name));
    try {
      this.#room = joinRoom(SERVER, { room: name, token: api.token });
    } catch (error) {
      // The library says what is wrong with the name.
      this.element.append(make('p', { class: 'problem' }, error.message), back());
      return;
    }
    this.#room.ready.catch(() => {}); // the event `error` says it
    const select = (asset) => this.#select(asset);
    this.#assets = new AssetList({ room: name, actions, select });
    this.#holders = new HolderList({ room: name, api, actions, close: () => this.#select(null) });
    this.#history = new HistoryList({ room: name, api });
    this.#members = new MemberList({ room: name, api, actions });
    this.#build(name, actions);
    for (const event of EVENTS) this.#room.on(event, this.#draw);
    this.#room.on('error', ({ message }) => write(this.#problem, message));
    this.#ticks = setInterval(this.#draw, TICK_MS);
    this.#paint();
  }

  leave() {
    this.#room?.leave();
    this.#draw.end();
    clearInterval(this.#ticks);
    this.#members?.leave();
    this.#holders?.leave();
  }

  #build(name, actions) {
    const button = (text, act, style = 'plain') => {
      const element = make('button', { type: 'button', class: style }, text);
      element.addEventListener('click', act);
      return element;
    };
    const buttons = actions ? [make('div', { class: 'buttons' },
      button('Create asset', () => actions.create(name)),
      button('Reset', () => actions.reset(name)),
      button('Remove room', () => actions.removeRoom(name, this.#room.players.count)))] : [];
    this.element.replaceChildren(
      make('div', { class: 'view-head' }, back(), make('h1', { tabIndex: -1 }, name), this.#pill, this.#counts, ...buttons),
      this.#problem,
      make('div', { class: 'columns' }, this.#assets.element,
        make('div', { class: 'column' }, this.#holders.element, this.#history.element, this.#members.element)));
  }

  #select(asset) {
    const before = this.#selected;
    this.#selected = asset;
    this.#paint();
    if (asset !== null) this.#holders.show();
    else this.#assets.focus(before);
  }

  #paint() {
    const { state, assets, players } = this.#room;
    mark(this.#pill, 'state', state);
    write(this.#pill.lastChild, STATES[state]);
    write(this.#counts, `${count(players.count, 'player')} · ${count(assets.size, 'asset')}`);
    this.#assets.draw(assets, this.#selected);
    this.#holders.draw(this.#selected === null ? null : assets.get(this.#selected) ?? null);
    this.#history.draw(this.#selected);
    this.#members.draw(this.#room);
    if (state === 'connected') write(this.#problem, '');
  }
}

const back = () => make('a', { class: 'link', href: '#rooms' }, '← Rooms');
