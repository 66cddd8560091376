/**
 * asset-arbiter, the client library: one ES module without dependencies, for browsers and Node.
 *
 *     import { joinRoom } from '/asset-arbiter.js';
 *     const room = joinRoom(location.origin, { room: 'lobby', player: 'ada' });
 *     room.on('granted', ({ asset, player }) => console.log(`${player} has the ${asset}`));
 *     const { granted, remaining } = await room.select('sword');
 *
 * A room stays connected. After a lost connection it resumes from its last frame and retries every unanswered request.
 * Retries are safe because a player holds at most one unit of an asset. After the machine wakes from sleep or the
 * network returns, the room pings the server and reconnects if no pong arrives. A page that is frozen or enters the
 * back/forward cache closes its connection and resumes when it is shown again.
 *
 * @module asset-arbiter
 */
/**
 * Joins a room. Connects in the background and stays connected until `leave()`.
 *
 * @param {string | URL | ReadonlyArray<string | URL>} url  `ws:`, `wss:`, `http:` or `https:` address of the server, or
 *   several: the nodes of one deployment, of which the next is tried when one fails
 * @param {JoinOptions} options
 * @returns {Room}
 * @throws {TypeError} if an argument is invalid
 */
export function joinRoom(url: string | URL | ReadonlyArray<string | URL>, options: JoinOptions): Room;
/** The version of this library, which is the server's that it came with. */
export const VERSION: "0.1.0";
/**
 * The states of a room:
 * - `connecting`: there was no connection yet;
 * - `connected`: the server has welcomed the player;
 * - `reconnecting`: the connection was lost, and another one is being made, or will be when the page is shown again;
 * - `closed`: for good, by `leave()`, by the server, or because of `giveUpAfterMs`.
 */
export const STATES: readonly ["connecting", "connected", "reconnecting", "closed"];
/**
 * The codes of `ArbiterError` and of the event `error`. A newer server may send others.
 *
 * Of a request:
 * - `bad_message`, `unknown_type`, `invalid_name`: the server did not understand it;
 * - `unknown_asset`, `unknown_room`: there is none of that name;
 * - `not_held`: the player releases, confirms or extends what it does not hold;
 * - `hold_expired`: the player extends a hold that has ended;
 * - `conflict`: another change came first, or what the player extends is not a hold;
 * - `limit_reached`: the room, the server or this library takes no more of that kind;
 * - `rate_limited`: too many requests in a second;
 * - `outcome_unknown`: nobody knows whether it took effect, after several attempts;
 * - `store_unavailable`: the server cannot reach its store;
 * - `forbidden`: the token does not allow it;
 * - `timed_out`: a select, confirm or extend had no answer in `timeoutMs`.
 *
 * Of the whole room, which is closed for good:
 * - `left`: by `leave()`;
 * - `unreachable`: there was no connection for `giveUpAfterMs`;
 * - `unauthorized`: no token, or a wrong one;
 * - `forbidden`: the origin, the room or the player is not allowed;
 * - `token_expired`: the token has ended, and there is no function that gives another one;
 * - `room_removed`, `kicked`: somebody removed the room, or this player from it;
 * - `replaced`, `refused`: the player has another connection;
 * - `protocol_violation`, `closed`: the server closed the room for another reason.
 *
 * Of the event `error` alone:
 * - `token_unavailable`: the function given as `token` failed; it is called again.
 *
 * Of `asset-arbiter/admin` alone:
 * - `unknown_path`: the address is not that of a server.
 */
export const ERROR_CODES: readonly ["bad_message", "unknown_type", "invalid_name", "unknown_asset", "unknown_room", "not_held", "hold_expired", "conflict", "limit_reached", "rate_limited", "outcome_unknown", "store_unavailable", "forbidden", "timed_out", "left", "unreachable", "unauthorized", "token_expired", "room_removed", "kicked", "replaced", "refused", "protocol_violation", "closed", "token_unavailable", "unknown_path"];
/**
 * Names of close codes, as the event `state` has them. The range of a code alone determines what to do.
 * @type {Readonly<Record<number, string>>}
 */
export const CLOSE_REASONS: Readonly<Record<number, string>>;
/**
 * The error of a refused request. Every request settles: it is answered or refused, and a select is given up in time. The
 * room itself retries
 * - each request that is unanswered when the connection is lost, or after 30 s on a live one (at most 4 times);
 * - each request that fails with `outcome_unknown` (at most 5 times, with a backoff);
 * - a `sync` that fails with `rate_limited` (at most 5 times, every 1.1 s).
 *
 * Every other refusal rejects, `temporary` or not: the caller retries a `select`, `release` or `ping` that is
 * `rate_limited`.
 *
 * `ERROR_CODES` lists the codes.
 */
export class ArbiterError extends Error {
    /**
     * @param {ErrorCode | (string & {})} code
     * @param {string} message
     * @param {boolean} temporary  whether a retry may succeed
     */
    constructor(code: ErrorCode | (string & {}), message: string, temporary: boolean);
    /** What went wrong, as a word of `ERROR_CODES`. @readonly @type {ErrorCode | (string & {})} */
    readonly code: ErrorCode | (string & {});
    /** Whether a retry may succeed. @readonly */
    readonly temporary: boolean;
}
/** A room as seen by one player or observer. `joinRoom` makes it. */
export class Room {
    /**
     * @private
     * @param {string | URL | ReadonlyArray<string | URL>} url
     * @param {JoinOptions} options
     */
    private constructor();
    /** The room's name. @readonly */
    readonly name: string;
    /**
     * Resolves on the first welcome. Rejects if the room is closed for good before it: the server refused the origin, the
     * token or the player, there was no connection for `giveUpAfterMs`, or the room was left.
     * @readonly
     */
    readonly ready: Promise<Room>;
    /** All known assets. @returns {ReadonlyMap<string, Asset>} */
    get assets(): ReadonlyMap<string, Asset>;
    /** The assets this player holds. @returns {ReadonlySet<string>} */
    get held(): ReadonlySet<string>;
    /** The players in the room. @returns {Players} */
    get players(): Players;
    /**
     * The display names of the players in the room that have one, by player; empty in large rooms.
     * @returns {ReadonlyMap<string, string>}
     */
    get names(): ReadonlyMap<string, string>;
    /** This player's name, as given or as read by the server from the token; null for an observer. */
    get player(): string | null;
    /** The state of the connection. @returns {State} */
    get state(): State;
    /** The current server. */
    get url(): string;
    /** The last measured round trip of a ping or another request, in milliseconds. */
    get latencyMs(): number | null;
    /** An estimate of the server's clock minus the local one, in milliseconds; best after a `ping()`. */
    get serverTimeOffsetMs(): number | null;
    /**
     * Requests one unit of an asset. A denial resolves with `granted: false`.
     *
     * A select that is given up, by its `timeoutMs` or its `signal`, is not sent any more. If it was sent before, its outcome
     * may still arrive: the event `granted` with `mine: true` tells, and `release` gives the unit back.
     * @param {string} asset
     * @param {SelectOptions} [options]
     * @returns {Promise<Selection>}
     * @throws {ArbiterError} `timed_out` after `timeoutMs`, and the codes of a refused request
     */
    select(asset: string, options?: SelectOptions): Promise<Selection>;
    /**
     * Confirms this player's hold of an asset that has holds. A hold that has ended resolves with `confirmed: false`, unless
     * `retake` takes a unit that is left. A confirm may be retried: the second answer is `alreadyConfirmed`.
     * @param {string} asset
     * @param {ConfirmOptions} [options]
     * @returns {Promise<Confirmation>}
     * @throws {ArbiterError} as `select`; `not_held`
     */
    confirm(asset: string, options?: ConfirmOptions): Promise<Confirmation>;
    /**
     * Lets this player's hold of an asset begin anew, up to a limit of the server.
     * @param {string} asset
     * @param {SelectOptions} [options]
     * @returns {Promise<Extension>}
     * @throws {ArbiterError} as `select`; `not_held`, `hold_expired` or, once it is confirmed, `conflict`
     */
    extend(asset: string, options?: SelectOptions): Promise<Extension>;
    /**
     * Returns a unit. Rejects with `not_held` if the player holds none.
     * @param {string} asset
     * @returns {Promise<Release>}
     */
    release(asset: string): Promise<Release>;
    /**
     * Requests a snapshot and resolves when it is applied. Concurrent calls share one snapshot.
     * @returns {Promise<void>}
     */
    sync(): Promise<void>;
    /** Measures a round trip, in milliseconds. @returns {Promise<number>} */
    ping(): Promise<number>;
    /** Closes for good. Pending requests reject with the code `left`. */
    leave(): void;
    /**
     * Calls a listener on every event of a kind from now on.
     * @template {keyof RoomEvents} E
     * @param {E} event
     * @param {(detail: RoomEvents[E]) => void} listener
     * @returns {() => void} removes the listener
     */
    on<E extends keyof RoomEvents>(event: E, listener: (detail: RoomEvents[E]) => void): () => void;
    /**
     * Removes a listener.
     * @template {keyof RoomEvents} E
     * @param {E} event
     * @param {(detail: RoomEvents[E]) => void} listener
     */
    off<E extends keyof RoomEvents>(event: E, listener: (detail: RoomEvents[E]) => void): void;
    #private;
}
/**
 * when a grant ends unless the player leaves or releases it: `until`
 *   in the server's Unix milliseconds, `expiresAt` by the clock of `performance.now()`, whatever the page's date is. Absent
 *   if it does not end by itself
 */
export type Ends = {
    until?: number;
    expiresAt?: number;
};
/**
 * `at` in Unix milliseconds; the
 *   others as in `Ends`
 */
export type Holder = {
    player: string;
    at: number;
    until?: number;
    expiresAt?: number;
};
/**
 * what an asset was created with
 */
export type AssetOptions = {
    /**
     * a grant ends after so long unless it is confirmed
     */
    holdMs?: number | undefined;
    /**
     * a grant ends after so long; with `holdMs`, counted from its confirmation
     */
    grantMs?: number | undefined;
    /**
     * the grant of a player who left the room ends after so long
     */
    leaveMs?: number | undefined;
    /**
     * a player whose grant ended gets no other for so long
     */
    cooldownMs?: number | undefined;
    /**
     * only these players get a unit
     */
    for?: readonly string[] | undefined;
    /**
     * for so long after the creation
     */
    forMs?: number | undefined;
};
/**
 * `holders`: the first 32 at most; every change creates a
 *   new object
 */
export type Asset = Readonly<{
    asset: string;
    units: number;
    remaining: number;
    revision: number;
    held: number;
    holders: ReadonlyArray<Holder>;
    options?: AssetOptions;
}>;
/**
 * `names` is empty in large rooms
 */
export type Players = Readonly<{
    count: number;
    names: ReadonlyArray<string>;
}>;
export type State = (typeof STATES)[number];
export type ErrorCode = (typeof ERROR_CODES)[number];
/**
 * `reason`: why it is not granted;
 * `retryAfterMs`: until a `cooldown` or `reserved` is over; `expiresAt`: when the grant ends, as of a holder; `latencyMs`:
 * from the call to its answer
 */
export type Selection = {
    asset: string;
    granted: boolean;
    alreadyHeld: boolean;
    reason: "sold_out" | "cooldown" | "reserved" | (string & {}) | null;
    retryAfterMs: number | null;
    remaining: number;
    revision: number;
    expiresAt: number | null;
    latencyMs: number;
};
/**
 * `reason`: why it is
 * not confirmed; the others as in `Selection`
 */
export type Confirmation = {
    asset: string;
    confirmed: boolean;
    alreadyConfirmed: boolean;
    reason: "hold_expired" | (string & {}) | null;
    remaining: number;
    revision: number;
    expiresAt: number | null;
    latencyMs: number;
};
/**
 * the fields are as in `Selection`
 */
export type Extension = {
    asset: string;
    expiresAt: number | null;
    latencyMs: number;
};
export type Release = {
    asset: string;
    released: true;
    remaining: number | null;
    revision: number | null;
};
export type RoomEvents = {
    granted: {
        asset: string;
        player: string;
        units: number;
        remaining: number;
        revision: number;
        at: number;
        mine: boolean;
    } & Ends;
    /**
     * a hold, which ends at `expiresAt` from now on, or never by itself
     */
    confirmed: {
        asset: string;
        player: string;
        remaining: number;
        revision: number;
        at: number;
        mine: boolean;
    } & Ends;
    /**
     * a hold, which ends at `expiresAt` from now on
     */
    extended: {
        asset: string;
        player: string;
        remaining: number;
        revision: number;
        at: number;
        mine: boolean;
    } & Ends;
    /**
     * `expired`:
     * a hold was not confirmed in time; `respawned`: the time of a grant was over; `left`: the player left and did not return
     * in time
     */
    released: {
        asset: string;
        player: string;
        remaining: number;
        revision: number;
        reason: "released" | "expired" | "respawned" | "left" | "kicked" | (string & {});
        mine: boolean;
    };
    /**
     * created, restocked or removed
     */
    changed: {
        asset: string;
        units: number;
        remaining: number;
        revision: number;
        removed: boolean;
    };
    /**
     * `names`: as in `room.players`; `renamed`: a player who stays and has another display name;
     * `name`: the display name of the player who joined, left or was renamed, if there is one
     */
    players: {
        count: number;
        names: ReadonlyArray<string>;
        joined?: string;
        left?: string;
        renamed?: string;
        name?: string;
    };
    /**
     * assets, held and players were replaced as a whole
     */
    snapshot: {
        recovered: false;
    };
    /**
     * after a snapshot: assets that this player held and does not hold any
     * more, though nothing told why. The server lost them (a store in memory that restarted, a failover), or they were
     * released or removed while this connection was away for so long that the room's log does not say so
     */
    lost: {
        assets: ReadonlyArray<string>;
    };
    /**
     * code 1001 with reason `suspended`: the page is frozen or in the back/forward cache, and the room resumes with it
     */
    state: {
        state: State;
        code?: number;
        reason?: string;
        retryInMs?: number;
        recovered?: boolean;
    };
    /**
     * belongs to no pending request
     */
    error: {
        code: ErrorCode | (string & {});
        message: string;
        temporary: boolean;
    };
};
export type TokenSource = string | (() => string | Promise<string>);
/**
 * the used part of a WebSocket
 */
export type SocketLike = {
    send: (text: string) => void;
    close: (code?: number, reason?: string) => void;
    onmessage: any;
    onclose: any;
    onerror: any;
};
export type SocketClass = new (url: string, protocols: string[]) => SocketLike;
export type JoinOptions = {
    /**
     * 1-64 characters of `A-Za-z0-9_.:-`
     */
    room: string;
    /**
     * 1-128 characters of `A-Za-z0-9_.:|@+=~-`; without a player and a token the room is
     * joined as an observer. A token names its player
     */
    player?: string | undefined;
    /**
     * how the player is shown: 1-64 characters of any script, without control characters, line
     * breaks, characters that set the direction of text, and white space at either end. Brought to NFC by the server
     */
    name?: string | undefined;
    /**
     * proof of the player's identity, if the server requires it. A function is called
     * before a connection, unless its last token lives long enough, and before that token ends. At most one call is pending
     */
    token?: TokenSource | undefined;
    /**
     * a room that has no connection for this long is closed for good, with the code
     * `unreachable`. The count begins again when the machine wakes, the network returns or the page is shown. Without it
     * the room tries for ever
     */
    giveUpAfterMs?: number | undefined;
    /**
     * required where there is no global one (Node 20)
     */
    WebSocket?: SocketClass | undefined;
    /**
     * 0 <= n < 1, for the jitter of every delay
     */
    random?: (() => number) | undefined;
};
export type SelectOptions = {
    /**
     * gives up the request: it rejects with the signal's reason
     */
    signal?: AbortSignal | undefined;
    /**
     * gives it up after so long, 10 s by default; `Infinity`: never
     */
    timeoutMs?: number | undefined;
};
/**
 * `retake`: if the hold has ended, take a unit that is left
 */
export type ConfirmOptions = SelectOptions & {
    retake?: boolean;
};
