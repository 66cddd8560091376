// Node with `ws` and ioredis: DECR decides, and pub/sub brings grants to every node's members. An asset has one unit, so
// a counter that nobody has set yet grants while DECR returns -1.
const { Redis } = require("ioredis");
const { WebSocketServer } = require("ws");

const redis = new Redis(process.env.REDIS_URL, { enableAutoPipelining: true });
const subscriber = new Redis(process.env.REDIS_URL);
const rooms = new Map();

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.env.PORT) });

server.on("connection", async (socket, request) => {
  const url = new URL(request.url, "ws://server");
  const name = url.pathname.split("/")[3];
  const player = url.searchParams.get("player");
  if (!rooms.has(name)) rooms.set(name, { members: new Set(), subscribed: subscriber.subscribe(name) });
  const room = rooms.get(name);
  socket.on("message", (data) => select(name, socket, player, JSON.parse(data)));
  await room.subscribed;
  room.members.add(socket);
  socket.on("close", () => room.members.delete(socket));
  socket.send(JSON.stringify({ type: "welcome", room: name, player, players: room.members.size }));
});

subscriber.on("message", (name, news) => {
  for (const member of rooms.get(name).members) member.send(news);
});

async function select(name, socket, player, { type, asset, request_id }) {
  if (type !== "select_asset") return;
  const left = (await redis.decr(`${name}:${asset}`)) + 1;
  const granted = left >= 0;
  const remaining = Math.max(left, 0);
  const reason = granted ? undefined : "sold_out";
  socket.send(JSON.stringify({ type: "selection", request_id, asset, granted, reason, remaining }));
  if (granted) await redis.publish(name, JSON.stringify({ type: "asset_granted", asset, player, units: 1, remaining }));
}
