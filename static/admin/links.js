/** The addresses of the console's views. */
export const roomLink = (room) => `#room/${encodeURIComponent(room)}`;
export const playerLink = (player) => `#player/${encodeURIComponent(player)}`;
