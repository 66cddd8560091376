// Node with `ws`: a Map of rooms, each a Set of members and a Map of counters. An asset has one unit.
const { WebSocketServer } = require("ws");

const rooms = new Map();

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.env.PORT) });

server.on("connection", (socket, request) => {
  const url = new URL(request.url, "ws://server");
  const name = url.pathname.split("/")[3];
  const player = url.searchParams.get("player");
  if (!rooms.has(name)) rooms.set(name, { members: new Set(), assets: new Map() });
  const room = rooms.get(name);
  room.members.add(socket);
  socket.on("close", () => room.members.delete(socket));
  socket.on("message", (data) => select(room, socket, player, JSON.parse(data)));
  socket.send(JSON.stringify({ type: "welcome", room: name, player, players: room.members.size }));
});

function select(room, socket, player, { type, asset, request_id }) {
  if (type !== "select_asset") return;
  const left = (room.assets.get(asset) ?? 1) - 1;
  room.assets.set(asset, left);
  const granted = left >= 0;
  const remaining = Math.max(left, 0);
  const reason = granted ? undefined : "sold_out";
  socket.send(JSON.stringify({ type: "selection", request_id, asset, granted, reason, remaining }));
  if (!granted) return;
  const news = JSON.stringify({ type: "asset_granted", asset, player, units: 1, remaining });
  for (const member of room.members) member.send(news);
}
