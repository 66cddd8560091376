import { joinRoom } from "asset-arbiter";

// Each gem is an asset of one unit: the server gives it to one player, however many click at once.
const COLUMNS = 8;
const SIZE = 100;
const GEMS = Array.from({ length: 32 }, (_, n) => `gem-${n}`);

// A window keeps its player when it is reloaded; another window is another player.
const me = sessionStorage.getItem("player") ?? `player-${Math.floor(Math.random() * 10_000)}`;
sessionStorage.setItem("player", me);
const name = new URLSearchParams(location.search).get("room") ?? "gems";
const room = joinRoom(location.origin, { room: name, player: me });

const find = <E extends Element>(selector: string) => document.querySelector<E>(selector)!;
const [canvas, score, news] = [find<HTMLCanvasElement>("canvas"), find("#score"), find("#news")];
const pen = canvas.getContext("2d")!;
canvas.width = COLUMNS * SIZE;
canvas.height = (GEMS.length / COLUMNS) * SIZE;

const owner = (gem: string) => room.assets.get(gem)?.holders[0]?.player;
const hue = (player: string) => 180 + ([...player].reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7) % 150);
const colour = (player: string) => (player === me ? "gold" : `hsl(${hue(player)} 60% 50%)`);
const asked = new Set<string>();

canvas.addEventListener("pointerdown", async ({ offsetX, offsetY }) => {
  const [column, row] = [offsetX, offsetY].map((at) => Math.floor((at / canvas.clientWidth) * COLUMNS));
  const gem = GEMS[row! * COLUMNS + column!];
  if (!gem || owner(gem) || asked.has(gem)) return;
  asked.add(gem);
  try {
    const { granted, latencyMs } = await room.select(gem);
    news.textContent = granted ? `Yours, after ${Math.round(latencyMs)} ms.` : `${owner(gem) ?? "Somebody"} was faster.`;
  } catch (error) {
    news.textContent = String(error);
  }
  asked.delete(gem);
});

find("button").addEventListener("click", async () => {
  const answer = await fetch(`/v1/rooms/${encodeURIComponent(name)}/reset`, { method: "POST" });
  if (!answer.ok) news.textContent = `The server answered ${answer.status}.`;
});

function draw() {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const gems = new Map<string, number>();
  GEMS.forEach((gem, n) => {
    const player = owner(gem);
    if (player) gems.set(player, (gems.get(player) ?? 0) + 1);
    pen.fillStyle = player ? colour(player) : asked.has(gem) ? "#888" : "#ccc";
    pen.beginPath();
    pen.arc(((n % COLUMNS) + 0.5) * SIZE, (Math.floor(n / COLUMNS) + 0.5) * SIZE, SIZE * 0.38, 0, 2 * Math.PI);
    pen.fill();
  });
  const points = [...gems].sort(([, a], [, b]) => b - a).map(([player, n]) => `${player === me ? "you" : player} ${n}`);
  score.textContent = `${room.state}, ${room.players.count} playing. ${points.join(", ")}`;
  requestAnimationFrame(draw);
}
draw();
