import { useRoom } from 'asset-arbiter/react';
import { useState } from 'react';
import { Seat } from './Seat';
import { useFreeSeats } from './useFreeSeats';

const query = new URLSearchParams(location.search);
/** Another player in each tab, and the same one after a reload. */
const player: string = (sessionStorage.player ??= `p-${Math.random().toString(36).slice(2, 10)}`);
const JOIN = { room: query.get('room') ?? 'hall', player, name: query.get('name') ?? `Guest ${player.slice(-3)}` };

const ROWS = [...'ABCD'].map((row) => Array.from({ length: 8 }, (_, index) => `${row}${index + 1}`));
const SEATS = ROWS.flat();

const STATES = {
  connecting: 'Connecting ...',
  connected: 'Connected',
  reconnecting: 'Connection lost. Trying again ...',
  closed: 'The server has closed the room',
};

export function App() {
  const { room, state, players, error } = useRoom(location.origin, JOIN);
  const free = useFreeSeats(room, SEATS);
  const [news, setNews] = useState('');
  const present = state === 'connected' ? `, ${players.count} choosing` : '';

  return (
    <main>
      <h1>Choose your seats</h1>
      <p role="status" className={state}>{STATES[state]}{present}</p>
      <p><strong>{free > 0 ? `${free} of ${SEATS.length} seats are free` : 'Sold out'}</strong></p>
      <div className="stage" aria-hidden="true">Stage</div>
      {ROWS.map((row) => (
        <div key={row[0]} role="group" aria-label={`Row ${row[0]?.charAt(0)}`} className="row">
          {row.map((seat) => <Seat key={seat} room={room} seat={seat} online={state === 'connected'} onNews={setNews} />)}
        </div>
      ))}
      <p role="log">{error?.message ?? news}</p>
    </main>
  );
}
