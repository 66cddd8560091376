// Socket.IO with its own rooms, over WebSocket alone. An asset has one unit; its counter is in memory.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
const rooms = new Map();

io.on("connection", (socket) => {
  const { room, player } = socket.handshake.auth;
  if (!rooms.has(room)) rooms.set(room, new Map());
  const assets = rooms.get(room);
  socket.join(room);
  socket.on("select_asset", ({ asset, request_id }) => {
    const left = (assets.get(asset) ?? 1) - 1;
    assets.set(asset, left);
    const granted = left >= 0;
    const remaining = Math.max(left, 0);
    const reason = granted ? undefined : "sold_out";
    socket.emit("selection", { request_id, asset, granted, reason, remaining });
    if (granted) io.to(room).emit("asset_granted", { asset, player, units: 1, remaining });
  });
  socket.emit("welcome", { room, player, players: io.sockets.adapter.rooms.get(room).size });
});

http.listen(Number(process.env.PORT), "127.0.0.1");
