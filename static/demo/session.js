import { joinRoom } from '../asset-arbiter.js';
import { Admin } from './admin.js';
import { Audit } from './audit.js';
import { Bots } from './bots.js';
import { Clock } from './clock.js';
import { byId, write } from './dom.js';
import { keyOf } from './keys.js';
import { copy, linkTo, SERVER } from './address.js';
import { randomPlayer } from './names.js';
import { renderLoop } from './render-loop.js';
import { RaceButton } from './race-button.js';
import { GameView } from './game-view.js';
import { tapped } from './socket.js';
import { toast } from './toast.js';

const PING_MS = 2000;
/** The longest time between redraws, because outcomes fade and races end without an event. */
const REDRAW_MS = 1000;

/** One visit to a room: the connection, its views and the player's actions. */
export class Session {
  #room;
  #clock;
  #view;
  #bots;
  #raceButton;
  #audit = new Audit(() => 1 + this.#bots.number);
  /** The state that was reported last. */
  #state = 'connecting';
  #end = new AbortController();
  #paint = renderLoop(() => this.#draw());
  #redraw = 0;
  #pings = 0;

  /** Throws the library's error if a name is invalid. */
  constructor({ room, player, token }) {
    const WebSocket = tapped({
      hear: (frame) => this.#hear(frame), sent: (message, socket) => this.#view.cut.sent(message, socket),
    });
    this.#room = joinRoom(SERVER, { room, player, token: token || null, WebSocket });
    this.#clock = new Clock(this.#room);
    this.#build();
    this.#listen();
    this.#bind();
    this.#pings = setInterval(() => this.#ping(), PING_MS);
    this.#draw();
  }

  /** Leaves the room and removes everything that this visit added. */
  leave() {
    this.#end.abort();
    clearInterval(this.#pings);
    this.#bots.clear();
    this.#room.leave();
    clearTimeout(this.#redraw);
  }

  #build() {
    const room = this.#room;
    const { signal } = this.#end;
    const refused = (name, code) => toast(turnedAway(name, code), 'trouble');
    const hear = (frame, name) => frame.type === 'selection' && this.#audit.answered(frame, name);
    this.#bots = new Bots({ room, hear, refused, paint: this.#paint, signal });
    this.#view = new GameView({
      room, now: this.#clock.now, audit: this.#audit, bots: this.#bots, paint: this.#paint, signal,
    });
    const assets = () => room.assets.values();
    this.#raceButton = new RaceButton({ admin: new Admin(room.name), now: this.#clock.now, assets, paint: this.#paint, signal });
    write(byId('room-name'), room.name);
    write(byId('player-name'), room.player);
    byId('room-name').parentElement.title = `${room.player} in ${room.name}`;
    byId('another').href = linkTo(room.name, randomPlayer());
    document.title = `${room.name} · asset-arbiter`;
  }

  #listen() {
    const { news } = this.#view;
    const hear = (event, tell) => this.#room.on(event, (details) => {
      tell(details);
      this.#paint();
    });
    hear('granted', (event) => this.#view.granted(event));
    hear('confirmed', (event) => news.confirmed(event));
    hear('extended', () => {});
    hear('released', (event) => news.released(event));
    hear('changed', (event) => news.changed(event));
    hear('players', (event) => news.players(event));
    hear('snapshot', () => this.#view.replaced());
    hear('lost', ({ assets }) => this.#view.forgotten.lost(assets));
    hear('state', (event) => this.#connection(event));
    hear('error', ({ message, code }) => news.trouble(message || code));
  }

  /** The library reports every attempt, the feed tells of an outage once. */
  #connection(event) {
    const before = this.#state;
    this.#state = event.state;
    this.#view.connection.set(event);
    if (event.state === 'reconnecting' && before !== 'reconnecting') this.#view.news.connection('Connection lost, trying again');
    if (event.state !== 'connected') return;
    this.#ping();
    this.#view.news.connection(event.recovered ? 'Connected again, nothing was missed' : 'Connected');
  }

  #hear(frame) {
    this.#audit.hear(frame);
    this.#view.cut.hear(frame);
  }

  #bind() {
    const options = { signal: this.#end.signal };
    document.addEventListener('keydown', (event) => this.#pressed(event), options);
    document.addEventListener('visibilitychange', this.#paint, options);
    byId('share').addEventListener('click', () => this.#share(), options);
    byId('another').addEventListener('click', () => {
      // After the browser has followed the link, so that the next click creates yet another player.
      setTimeout(() => { byId('another').href = linkTo(this.#room.name, randomPlayer()); });
    }, options);
  }

  /** A key grabs, Shift with a key releases, so that pressing a key too often loses nothing. */
  #pressed(event) {
    const key = byId('keys').checked ? keyOf(event) : null;
    const asset = key && this.#view.assetAt(key);
    if (!asset) return;
    event.preventDefault();
    if (event.shiftKey) this.#view.actions.release(asset);
    else this.#view.actions.grab(asset);
  }

  async #share() {
    const link = linkTo(this.#room.name);
    toast(await copy(link) ? 'Link copied. Whoever opens it plays along.' : `Copy this link: ${link}`);
  }

  async #ping() {
    if (document.hidden || this.#room.state !== 'connected') return;
    const ms = await this.#room.ping().catch(() => null);
    if (ms === null) return;
    this.#clock.pinged(ms);
    this.#view.plot.add('ping', ms);
    this.#paint();
  }

  #draw() {
    if (this.#end.signal.aborted) return;
    const wait = this.#view.draw();
    this.#raceButton.draw({ connected: this.#room.state === 'connected', counting: this.#view.counting });
    this.#bots.draw();
    clearTimeout(this.#redraw);
    this.#redraw = setTimeout(this.#paint, Math.min(wait, REDRAW_MS));
  }
}

/** Why the server closed a bot's connection for good. This page has a token for its player at most. */
function turnedAway(name, code) {
  if (code !== 4001) return `${name} was turned away (${code}).`;
  return `${name} has no player token, which this server asks for. Bots with tokens: asset-arbiter bots --token-key`;
}
