import type { Room } from 'asset-arbiter';
import { useCallback, useSyncExternalStore } from 'react';

const EVENTS = ['granted', 'released', 'changed', 'snapshot'] as const;

/** How many of these seats are free, as the room changes. */
export function useFreeSeats(room: Room | null, seats: readonly string[]): number {
  const subscribe = useCallback((changed: () => void) => {
    const offs = EVENTS.map((event) => room?.on(event, changed));
    return () => offs.forEach((off) => off?.());
  }, [room]);
  return useSyncExternalStore(subscribe, () => seats.filter((seat) => room?.assets.get(seat)?.remaining !== 0).length);
}
