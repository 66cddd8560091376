// Colyseus with one of its rooms for each room, and messages instead of a synchronised state. An asset has one unit; its
// counter is in memory.
const { Room, Server } = require("@colyseus/core");
const { WebSocketTransport } = require("@colyseus/ws-transport");

class Arena extends Room {
  onCreate() {
    this.assets = new Map();
    this.onMessage("select_asset", (client, { asset, request_id }) => {
      const left = (this.assets.get(asset) ?? 1) - 1;
      this.assets.set(asset, left);
      const granted = left >= 0;
      const remaining = Math.max(left, 0);
      client.send("selection", granted ? { request_id, asset, granted, remaining } : { request_id, asset, granted, reason: "sold_out", remaining });
      if (granted) this.broadcast("asset_granted", { asset, player: client.userData, units: 1, remaining });
    });
  }

  onJoin(client, { room, player }) {
    client.userData = player;
    client.send("welcome", { room, player, players: this.clients.length });
  }
}

const server = new Server({ transport: new WebSocketTransport(), greet: false });
server.define("arena", Arena).filterBy(["room"]);
server.listen(Number(process.env.PORT), "127.0.0.1");
