import { Inventory } from './inventory.js';
import { Connection } from './connection.js';
import { CardList } from './card-list.js';
import { byId, write } from './dom.js';
import { Cut } from './cut.js';
import { Feed } from './feed.js';
import { Forgotten } from './forgotten.js';
import { History } from './history.js';
import { StockKeys } from './keys.js';
import { leaseOf, timeLeft, untilNextSecond } from './lease.js';
import { showNamesOf } from './names.js';
import { News } from './news.js';
import { People } from './people.js';
import { Actions } from './actions.js';
import { Plot } from './plot.js';
import { phaseOf, raceOf, sortOut } from './race.js';
import { Score } from './score.js';
import { RaceView } from './race-view.js';
import { StartLine } from './startline.js';

/** More cards than this are not playable. */
const MAX_STOCK_CARDS = 48;

const EMPTY = {
  connected: 'This room has no assets of its own. Start a race, or create some over HTTP.',
  closed: 'Nothing to see without a connection.',
};

/** The part of the page that shows the room. Receives events and draws the current state. */
export class GameView {
  #room;
  #now;
  #line;
  #counting = false;

  constructor({ room, now, audit, bots, paint, signal }) {
    const player = room.player;
    this.#room = room;
    showNamesOf(room);
    this.#now = now;
    this.#line = new StartLine(now);
    this.score = new Score(player);
    this.plot = new Plot();
    this.connection = new Connection();
    this.feed = new Feed(paint);
    this.news = new News(this.feed, { player, now });
    this.actions = new Actions({ room, line: this.#line, now, tell: (asset, outcome) => this.#learn(asset, outcome, paint) });
    this.people = new People({ player, bots });
    this.inventory = new Inventory(this.actions);
    this.raceView = new RaceView({ actions: this.actions, audit, player });
    this.stock = new CardList(byId('stock'), { keys: new StockKeys(), actions: this.actions, limit: MAX_STOCK_CARDS });
    this.history = new History(audit);
    this.forgotten = new Forgotten({ sync: () => room.sync().catch(() => {}), signal });
    this.cut = new Cut({ player, actions: this.actions, signal });
  }

  /** True during a countdown. */
  get counting() {
    return this.#counting;
  }

  granted(event) {
    this.score.granted(event, this.#now());
    this.news.granted(event);
    if (event.mine) this.actions.returnLate();
  }

  /** The whole state was replaced. */
  replaced() {
    const now = this.#now();
    const { assets } = this.#room;
    for (const { asset, holders } of assets.values()) {
      for (const { player, at } of holders) this.score.seen({ asset, player, at }, now);
    }
    this.forgotten.replaced(assets, now);
    this.actions.returnLate();
  }

  /** Draws the room. Returns the milliseconds until time alone changes the picture. */
  draw() {
    const now = this.#now();
    const { assets, held, players, latencyMs, state } = this.#room;
    const offline = state !== 'connected';
    const { races, stock } = sortOut(assets.values(), now);
    const locked = (asset) => this.#line.wait(asset) > 0;
    this.#counting = races.length > 0 && phaseOf(races[0], now) === 'countdown';
    const waits = [this.raceView.draw(races[0], { now, held, locked, offline }), this.connection.draw(latencyMs)];
    waits.push(...(races[0]?.assets ?? []).map(({ asset }) => this.#line.wait(asset) || Infinity));
    waits.push(this.#drawStock(stock, { held, offline }));
    this.history.draw(races, now);
    this.people.draw(players, assets);
    for (const part of [this.score, this.plot, this.feed]) part.draw();
    this.inventory.draw(held);
    this.cut.draw({ connected: !offline, lists: [races[0]?.assets ?? [], stock] });
    return Math.min(...waits);
  }

  /** The asset on the card with this key; race cards come before stock cards. */
  assetAt(key) {
    return this.raceView.assetAt(key) ?? this.stock.assetAt(key);
  }

  /** Returns the milliseconds until a countdown shows another number. */
  #drawStock(stock, { held, offline }) {
    const waits = [];
    const left = this.stock.draw(stock, (state) => {
      const [outcome, lease] = [this.actions.outcome(state.asset), leaseOf(state, this.#room.player)];
      const deadlines = [lease?.expiresAt, outcome?.again].filter((at) => at !== undefined);
      waits.push(...deadlines.map(untilNextSecond));
      const second = deadlines.map(timeLeft).join();
      return { mine: held.has(state.asset), locked: false, offline, outcome, ...lease, second };
    });
    byId('stock-empty').hidden = stock.length > 0;
    write(byId('stock-empty'), EMPTY[this.#room.state] ?? 'Waiting for the room…');
    write(byId('stock-more'), left > 0 ? `and ${left} more, not drawn` : '');
    return Math.min(...waits);
  }

  #learn(asset, outcome, paint) {
    if (outcome.kind === 'missed') this.score.missed();
    if (outcome.latencyMs !== undefined) this.plot.add(outcome.kind, outcome.latencyMs);
    this.news.outcome(asset, outcome);
    paint();
  }
}
