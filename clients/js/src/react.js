// @ts-check
'use client';
/**
 * `asset-arbiter/react`: a room and its assets as hooks, for React 18 and newer.
 *
 *     function Sword() {
 *       const { room, state } = useRoom('http://127.0.0.1:8080', { room: 'arena', player: 'ann' });
 *       const { asset, mine, select } = useAsset(room, 'sword');
 *       return <button disabled={state !== 'connected' || mine} onClick={() => select()}>{asset?.remaining} left</button>;
 *     }
 *
 * @module asset-arbiter/react
 */
import { ArbiterError, joinRoom } from 'asset-arbiter';
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';

/**
 * @typedef {import('asset-arbiter').Asset} Asset
 * @typedef {import('asset-arbiter').Confirmation} Confirmation
 * @typedef {import('asset-arbiter').ConfirmOptions} ConfirmOptions
 * @typedef {import('asset-arbiter').Extension} Extension
 * @typedef {import('asset-arbiter').JoinOptions} JoinOptions
 * @typedef {import('asset-arbiter').Players} Players
 * @typedef {import('asset-arbiter').Release} Release
 * @typedef {import('asset-arbiter').Room} Room
 * @typedef {import('asset-arbiter').RoomEvents} RoomEvents
 * @typedef {import('asset-arbiter').SelectOptions} SelectOptions
 * @typedef {import('asset-arbiter').Selection} Selection
 * @typedef {import('asset-arbiter').State} State
 *
 * @typedef {object} RoomHook
 * @property {Room | null} room  null until the first effect, and so on a server
 * @property {State} state  as `room.state`
 * @property {Players} players  as `room.players`
 * @property {RoomEvents['error'] | null} error  the last one since the room was connected
 *
 * @typedef {object} AssetHook
 * @property {Asset | undefined} asset  as `room.assets` has it
 * @property {boolean} mine  whether the player holds it
 * @property {number | undefined} expiresAt  when what the player holds ends, by the clock of `performance.now()`, as
 *   `asset.holders` has it; undefined if it does not end by itself
 * @property {(options?: SelectOptions) => Promise<Selection>} select  as `room.select`
 * @property {(options?: ConfirmOptions) => Promise<Confirmation>} confirm  as `room.confirm`
 * @property {(options?: SelectOptions) => Promise<Extension>} extend  as `room.extend`
 * @property {() => Promise<Release>} release  as `room.release`
 */

/** @type {Players} */
const NOBODY = { count: 0, names: [] };
/** @type {ReadonlyArray<keyof RoomEvents>} */
const ROOM_EVENTS = ['state', 'players', 'snapshot'];
/** @type {ReadonlyArray<keyof RoomEvents>} */
const ASSET_EVENTS = ['granted', 'confirmed', 'extended', 'released', 'changed', 'snapshot', 'state'];

/**
 * Joins a room in the first effect, and leaves it when the component is gone. The second run of effects in StrictMode
 * keeps the connection. Another url, room, player, name or token string joins anew; a token function may change freely.
 *
 * @param {string | URL | ReadonlyArray<string | URL>} url  as for `joinRoom`
 * @param {JoinOptions | null} options  as for `joinRoom`; null: no room yet
 * @returns {RoomHook}
 */
export function useRoom(url, options) {
  const [room, setRoom] = useState(/** @type {Room | null} */ (null));
  const [error, setError] = useState(/** @type {RoomEvents['error'] | null} */ (null));
  const joined = useRef(/** @type {Joined | null} */ (null));
  const given = useRef(options);
  useEffect(() => {
    given.current = options;
  });

  const key = options && JSON.stringify([url, options.room, options.player, options.name, options.token]);
  useEffect(() => {
    if (options === null || key === null) return undefined;
    const current = joined.current?.key === key ? joined.current : { key, room: join(url, options, given), leaving: undefined };
    clearTimeout(current.leaving);
    joined.current = current;
    setRoom(current.room);
    const offs = [
      current.room.on('error', setError), current.room.on('state', ({ state }) => state === 'connected' && setError(null)),
    ];
    return () => {
      for (const off of offs) off();
      setRoom(null);
      // StrictMode runs the effect again at once.
      current.leaving = setTimeout(() => {
        current.room.leave();
        if (joined.current === current) joined.current = null;
      });
    };
  }, [key]);

  const state = useValue(room, ROOM_EVENTS, () => room?.state ?? 'connecting');
  const players = useValue(room, ROOM_EVENTS, () => room?.players ?? NOBODY);
  return { room, state, players, error };
}

/**
 * An asset of a room, as it changes.
 *
 * @param {Room | null} room  of `useRoom`
 * @param {string} name
 * @returns {AssetHook}
 */
export function useAsset(room, name) {
  const asset = useValue(room, ASSET_EVENTS, () => room?.assets.get(name));
  const mine = useValue(room, ASSET_EVENTS, () => room?.held.has(name) ?? false);
  const select = useCallback(
    /** @param {SelectOptions} [options] */
    async (options) => present(room).select(name, options),
    [room, name],
  );
  const confirm = useCallback(
    /** @param {ConfirmOptions} [options] */
    async (options) => present(room).confirm(name, options),
    [room, name],
  );
  const extend = useCallback(
    /** @param {SelectOptions} [options] */
    async (options) => present(room).extend(name, options),
    [room, name],
  );
  const release = useCallback(async () => present(room).release(name), [room, name]);
  const expiresAt = asset?.holders.find(({ player }) => player === room?.player)?.expiresAt;
  return { asset, mine, expiresAt, select, confirm, extend, release };
}

/**
 * @typedef {{ key: string, room: Room, leaving: ReturnType<typeof setTimeout> | undefined }} Joined
 */

/**
 * @param {string | URL | ReadonlyArray<string | URL>} url
 * @param {JoinOptions} options
 * @param {{ current: JoinOptions | null }} latest
 */
function join(url, options, latest) {
  if (typeof options.token !== 'function') return joinRoom(url, options);
  const first = options.token;
  const token = () => {
    const now = latest.current?.token;
    return typeof now === 'function' ? now() : first();
  };
  return joinRoom(url, { ...options, token });
}

/**
 * A value of a room, read again on each of these events.
 * @template T
 * @param {Room | null} room
 * @param {ReadonlyArray<keyof RoomEvents>} events
 * @param {() => T} read  the same value until it changes
 * @returns {T}
 */
function useValue(room, events, read) {
  const subscribe = useCallback(
    (/** @type {() => void} */ changed) => {
      const offs = room ? events.map((event) => room.on(event, changed)) : [];
      return () => offs.forEach((off) => off());
    },
    [room, events],
  );
  return useSyncExternalStore(subscribe, read, read);
}

/** @param {Room | null} room */
function present(room) {
  if (room === null) throw new ArbiterError('unreachable', 'the room is not joined yet: wait until useRoom has it', true);
  return room;
}
