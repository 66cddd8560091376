/**
 * The deadline that a card shows: of what this player holds, or else, if no unit is left, the next one of the others.
 * {expiresAt, totalMs, isHold}, or null. `isHold`: this player may confirm it.
 */
export function leaseOf({ holders, options, remaining }, player) {
  if (!options) return null;
  const own = holders.find((holder) => holder.player === player);
  const others = remaining > 0 ? [] : holders.filter(({ expiresAt }) => expiresAt !== undefined);
  const holder = own ?? others.reduce((first, one) => (first?.expiresAt <= one.expiresAt ? first : one), null);
  if (holder?.expiresAt === undefined) return null;
  const { holdMs, grantMs } = options;
  // A confirmed grant ends later than its hold would.
  const isHold = holdMs !== undefined && (grantMs === undefined || holder.until - holder.at <= holdMs);
  return { expiresAt: holder.expiresAt, totalMs: isHold ? holdMs : grantMs, isHold: isHold && holder === own };
}

/** What an asset's options mean to a player, '' if it has none. */
export function termsOf({ holdMs, grantMs, cooldownMs } = {}) {
  const parts = [
    holdMs && `keep it within ${time(holdMs)}`,
    grantMs && (cooldownMs ? `${time(grantMs)} each` : `comes back after ${time(grantMs)}`),
    cooldownMs && `then wait ${time(cooldownMs)}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** “12 s” until this time of `performance.now()`. */
export const timeLeft = (at) => time(Math.max(0, at - performance.now()));

/** Milliseconds until that text changes. */
export const untilNextSecond = (at) => (at > performance.now() ? ((at - performance.now()) % 1000) + 5 : Infinity);

function time(ms) {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
