import { joinRoom } from 'asset-arbiter';
import { type Gem, wave } from './gems';

const query = new URLSearchParams(location.search);
/** Another player in each tab, and the same one after a reload. */
const player: string = (sessionStorage.player ??= `p-${Math.random().toString(36).slice(2, 10)}`);

export const room = joinRoom(location.origin, {
  room: query.get('room') ?? 'arena',
  player,
  name: query.get('name') ?? `Guest ${player.slice(-3)}`,
});

/** The player's display name. */
export const nameOf = (id: string) => room.names.get(id) ?? id;

/** Whether somebody has the gem. The server creates an asset with its first select, so an unknown one is free. */
export const isTaken = ({ asset }: Gem) => room.assets.get(asset)?.remaining === 0;

/** The gems of the first wave that is not empty. */
export function presentWave(): Gem[] {
  let number = 1;
  while (wave(number).every(isTaken)) number += 1;
  return wave(number);
}

/** How many gems each player has, the best first. */
export function scores(): [string, number][] {
  const counts = new Map(room.players.names.map((id) => [id, 0]));
  for (const { asset, holders } of room.assets.values()) {
    if (!asset.startsWith('gem-')) continue;
    for (const { player: id } of holders) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}
