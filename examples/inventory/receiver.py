"""Keeps an inventory of who holds what, from the events that asset-arbiter's webhook sends. An event and what it does are
written in one transaction, and the answer goes out after COMMIT. So each event counts once, whatever crashes when."""
import base64, hmac, json, os, re, sqlite3, time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ARBITER = os.environ.get("ARBITER_URL", "http://127.0.0.1:8080")
VIEWER_KEY = os.environ.get("ARBITER_VIEWER_KEY")
DATABASE = os.environ.get("DATABASE", "inventory.db")  # or postgresql://..., with the package psycopg
# One secret a line, as the server has them. During a rotation there are two, and either proves who sent a request.
with open(os.environ.get("WEBHOOK_SECRET_FILE", "webhook.secret")) as file:
    SECRETS = [base64.b64decode(line.removeprefix("whsec_")) for line in file.read().split()]
MOST_BYTES = 1024 * 1024  # a batch of 100 events has at most 100 KiB

# `seen` has the newest revision of each record of an asset. Its events come in order, so that tells which came before.
TABLES = [
    "CREATE TABLE IF NOT EXISTS seen (room TEXT, asset TEXT, origin TEXT, revision BIGINT, PRIMARY KEY (room, asset, origin))",
    "CREATE TABLE IF NOT EXISTS inventory (room TEXT, asset TEXT, player TEXT, PRIMARY KEY (room, asset, player))",
]
IS_NEW = """INSERT INTO seen VALUES (?, ?, ?, ?) ON CONFLICT (room, asset, origin)
    DO UPDATE SET revision = excluded.revision WHERE excluded.revision > seen.revision"""
GIVE = "INSERT INTO inventory VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
TAKE = "DELETE FROM inventory WHERE room = ? AND asset = ? AND player = ?"
TAKE_FROM_ALL = "DELETE FROM inventory WHERE room = ? AND asset = ?"
ALL = "SELECT room, asset, player FROM inventory ORDER BY room, asset, player"

def connect():
    if DATABASE.startswith("postgresql:"):
        import psycopg
        return psycopg.connect(DATABASE)
    return sqlite3.connect(DATABASE, timeout=5, isolation_level="IMMEDIATE")

def run(db, statement, *values):
    return db.execute(statement if isinstance(db, sqlite3.Connection) else statement.replace("?", "%s"), values)

def is_signed(body, headers):
    """Whether one of the secrets signed these very bytes in the last five minutes (www.standardwebhooks.com)."""
    at = headers.get("webhook-timestamp", "")
    if not re.fullmatch("[0-9]{1,12}", at) or abs(time.time() - int(at)) > 300:
        return False
    signed = f"{headers.get('webhook-id')}.{at}.".encode() + body
    given = [one[3:].encode() for one in headers.get("webhook-signature", "").split() if one.startswith("v1,")]
    expected = [base64.b64encode(hmac.digest(secret, signed, "sha256")) for secret in SECRETS]
    return any(hmac.compare_digest(one, other) for one in given for other in expected)

def receive(events):
    """Does what a batch says, all of it or nothing."""
    # Read before the transaction, so that none waits for the network.
    holders = {event["id"]: holders_at(event) for event in events if event["type"] == "compacted"}
    with closing(connect()) as db, db:  # commits, or rolls back after an exception
        for event in events:
            apply(db, event, holders.get(event["id"]))

def apply(db, event, holders):
    kind, of = event["type"], (event["room"], event["asset"])
    if run(db, IS_NEW, *of, event["origin"], event["revision"]).rowcount == 0:
        return  # it came before
    if (kind == "granted" and not event.get("hold")) or kind == "confirmed":  # a hold is given once it is confirmed
        run(db, GIVE, *of, event["player"])
    elif kind == "released":
        run(db, TAKE, *of, event["player"])
    elif kind in ("created", "reset", "removed", "compacted"):
        run(db, TAKE_FROM_ALL, *of)
        # Of a `compacted` event: too many events waited and were merged. Who holds the asset takes their place.
        for player in holders or ():
            run(db, GIVE, *of, player)

def holders_at(event):
    """The players that hold the asset of a `compacted` event, without those of whom later events will tell."""
    headers, last = {"authorization": f"Bearer {VIEWER_KEY}"} if VIEWER_KEY else {}, event["revision"]
    players, after = [], 0
    while after is not None and after < last:
        url = f"{ARBITER}/v1/rooms/{event['room']}/assets/{event['asset']}/holders?after={after}"
        try:
            with urlopen(Request(url, headers=headers), timeout=5) as response:
                page = json.load(response)
        except HTTPError as error:
            if error.code == 404:
                return []  # removed since, which an event will tell
            raise
        players += [one["player"] for one in page["holders"] if one["revision"] <= last and not one.get("hold")]
        after = page["next_after"]
    return players

class Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds for a request to arrive

    def do_GET(self):
        if self.path != "/inventory":
            return self.answer(404, "POST /webhook or GET /inventory")
        with closing(connect()) as db:
            rows = run(db, ALL).fetchall()
        self.answer(200, [dict(zip(("room", "asset", "player"), row)) for row in rows])

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if self.path != "/webhook" or not length.isdecimal() or int(length) > MOST_BYTES:
            return self.answer(400, f"POST /webhook with a content-length of at most {MOST_BYTES}")
        body = self.rfile.read(int(length))
        if not is_signed(body, self.headers):
            return self.answer(401, "no valid signature")
        try:
            receive(json.loads(body)["events"])
        except Exception as error:  # any status but 2xx makes the server send the batch again, later
            self.log_error("%r", error)
            return self.answer(500, "not written")
        self.answer(200, "written")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

with closing(connect()) as db, db:
    for table in TABLES:
        db.execute(table)
ThreadingHTTPServer.request_queue_size = 128  # connections of many rooms at once
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Handler)
print(f"http://127.0.0.1:{server.server_port}/inventory", flush=True)
server.serve_forever()
