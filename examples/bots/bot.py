"""A bot that selects every free asset it sees and prints what it got: bot.py ws://127.0.0.1:8080 arena bot-1"""
import asyncio, json, random, sys, time
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

address, room, player = sys.argv[1:]
epoch = place = asked = None  # `asked`: the asset of the select that has no reply yet
known, mine = {}, set()  # `known`: revision and remaining units of each asset

async def play(socket):
    global epoch, place, asked
    while True:
        frame = json.loads(await socket.recv())
        kind = frame["type"]
        if kind == "welcome" and frame["epoch"] != epoch:  # another life of the server
            epoch = frame["epoch"]
            known.clear(), mine.clear()
        if "offset" in frame:
            place = f"&epoch={epoch}&offset={frame['offset']}"
        for asset in frame.get("assets", [frame] if "revision" in frame else []):
            if asset["revision"] >= known.get(asset["asset"], (0,))[0]:
                known[asset["asset"]] = asset["revision"], asset.get("remaining", 0)
        if kind == "selection" and frame["granted"]:
            mine.add(asked)
            print("got", asked, flush=True)
        elif kind in ("asset_released", "asset_removed") and frame.get("player", player) == player:
            mine.discard(frame["asset"])
        elif kind == "error":
            await asyncio.sleep(1) if frame["temporary"] else known.pop(asked)
        if kind in ("selection", "error"):
            asked = None
        if asked is None or kind == "welcome":  # a select without a reply is sent again
            asked = asked or next((name for name, (_, left) in known.items() if left and name not in mine), None)
            if asked:
                await socket.send(json.dumps({"type": "select_asset", "asset": asked}))

async def main():
    failures = 0
    while True:
        begin, pause = time.monotonic(), None
        try:
            async with connect(f"{address}/v1/rooms/{room}/ws?player={player}{place or ''}") as socket:
                await play(socket)
        except ConnectionClosed as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
            if 4000 <= code < 4100:
                sys.exit(f"closed with {code}: {reason}")
            if 4100 <= code < 4200:
                pause = json.loads(reason)["retry_after_ms"] / 1000
            failures = 0 if time.monotonic() - begin > 3 else failures + 1
        except (OSError, InvalidHandshake) as error:
            if hasattr(error, "response") and error.response.status_code not in (429, 503):
                raise
            failures += 1
        if pause is None:
            pause = failures and min(10, 0.25 * 2**failures) * random.uniform(0.5, 1)
        await asyncio.sleep(pause)

asyncio.run(main())
