import type { Room } from 'asset-arbiter';
import { useAsset } from 'asset-arbiter/react';
import { useState } from 'react';

type Props = { room: Room | null; seat: string; online: boolean; onNews: (text: string) => void };

/** A seat is an asset with one unit. The server creates it with its first select, so an unknown one is free. */
export function Seat({ room, seat, online, onNews }: Props) {
  const { asset, mine, select, release } = useAsset(room, seat);
  const [waiting, setWaiting] = useState(false);
  const holder = asset?.holders[0]?.player;
  const taken = asset?.remaining === 0 && !mine;
  const state = mine ? 'yours' : taken ? 'taken' : 'free';
  const name = holder && (room?.names.get(holder) ?? holder);
  const by = taken && name ? ` by ${name}` : '';
  // Unlike `disabled`, this keeps the keyboard's focus where it is.
  const locked = taken || waiting || !online;

  async function toggle() {
    if (locked) return;
    setWaiting(true);
    try {
      if (mine) {
        await release();
        onNews(`You have given ${seat} back`);
      } else {
        const { granted } = await select();
        onNews(granted ? `${seat} is yours` : `Somebody else was faster: ${seat} is taken`);
      }
    } catch (error) {
      onNews(`${seat}: ${(error as Error).message}`);
    } finally {
      setWaiting(false);
    }
  }

  return (
    <button
      type="button"
      className={`seat ${state}`}
      aria-label={`Seat ${seat}, ${state}${by}`}
      aria-pressed={mine}
      aria-disabled={locked}
      aria-busy={waiting}
      onClick={toggle}
    >
      {seat}
      <small>{mine ? 'you' : name}</small>
    </button>
  );
}
