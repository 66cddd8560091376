// Bun with its own WebSockets and topics. An asset has one unit; its counter is in memory.
const rooms = new Map();

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT),
  fetch(request, server) {
    const url = new URL(request.url);
    const room = url.pathname.split("/")[3];
    return server.upgrade(request, { data: { room, player: url.searchParams.get("player") } }) ? undefined : new Response(null, { status: 404 });
  },
  websocket: {
    open(ws) {
      const { room, player } = ws.data;
      if (!rooms.has(room)) rooms.set(room, new Map());
      ws.subscribe(room);
      ws.send(JSON.stringify({ type: "welcome", room, player, players: server.subscriberCount(room) }));
    },
    message(ws, text) {
      const { type, asset, request_id } = JSON.parse(text);
      if (type !== "select_asset") return;
      const { room, player } = ws.data;
      const assets = rooms.get(room);
      const left = (assets.get(asset) ?? 1) - 1;
      assets.set(asset, left);
      const granted = left >= 0;
      const remaining = Math.max(left, 0);
      ws.send(JSON.stringify({ type: "selection", request_id, asset, granted, reason: granted ? undefined : "sold_out", remaining }));
      if (granted) server.publish(room, JSON.stringify({ type: "asset_granted", asset, player, units: 1, remaining }));
    },
  },
});
