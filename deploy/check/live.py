"""Two nodes behind a balancer, for real: a player gets a welcome, and 4100 when its node is stopped, over a WebSocket and in
an event stream, which outlives the balancer's time-outs.

    live.py nginx|haproxy|caddy BINARY [PLAYERS]

Runs the balancer on this folder's file, with no change but the ports. Everything listens on 127.0.0.1.
"""

import base64
import collections
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 10.0
FORBIDDEN = 4003
DRAINING = 4100
FULL = 4113
# Seconds, longer than what either balancer waits for an answer that says nothing.
SILENCE = 35.0
# Connections of one address to each node.
EACH = 3


def main(balancer, binary, players=40):
    with tempfile.TemporaryDirectory() as folder:
        nodes, front = [free_port(), free_port()], free_port()
        running = [start_node(binary, port, folder) for port in nodes]
        try:
            for port in nodes:
                eventually(f"node {port} to be ready", lambda: status(port, "/readyz") == 200)
            running.append(BALANCERS[balancer](folder, front, nodes))
            eventually(f"{balancer} to find a node", lambda: status(front, "/readyz") == 200)
            time.sleep(2)  # for rises: HAProxy wants to see each node well twice
            play(front, nodes, running, players)
        finally:
            for process in running:
                process.kill()
                process.wait()
    print(f"{balancer}: {players} players welcomed over 2 nodes, 4100 through the balancer, and back on the other node")


def play(front, nodes, running, players):
    expect("a page of the balancer's own address may connect", handshake(front, origin=f"http://127.0.0.1:{front}"), 101)
    foreign = Player(front, "foreign", {"Origin": "https://other.example"})
    expect("a page of another origin may not", foreign.close_frame(time.monotonic() + PATIENCE)[0], FORBIDDEN)
    expect("/metrics through the balancer", status(front, "/metrics"), 404)

    # The nodes trust 127.0.0.1, and hear from it who the others are, not what they make up.
    greedy = [Player(front, f"greedy-{n}", {"X-Forwarded-For": f"192.0.2.{n}", "Forwarded": f"for=192.0.2.{n}"}, "127.0.0.2")
              for n in range(2 * EACH + 2)]
    codes = [player.close_frame(time.monotonic() + 0.2)[0] for player in greedy]
    expect("welcome at most of one address", codes.count(FULL) >= 2 and codes.count(None) >= EACH, True)
    for player in greedy:
        player.socket.close()
    eventually("the greedy to be gone", lambda: sum(connections(port) for port in nodes) == 0)

    listener = listen(front, nodes)

    sockets = [Player(front, f"player-{number}") for number in range(players)]
    for player in sockets:
        expect("the first frame", player.frame()["type"], "welcome")
    spread = [connections(port) for port in nodes]
    expect("players on both nodes together", sum(spread), players)
    if min(spread) < players // 3:
        raise SystemExit(f"least connections: {spread} on the two nodes")

    went = time.monotonic()
    # The node of the event stream is among those that are stopped.
    stopped = nodes.index(listener.node)
    spread.insert(0, spread.pop(stopped))
    running.insert(0, running.pop(stopped))
    running[0].send_signal(signal.SIGTERM)
    closed, waits = collections.Counter(), []
    staying, until = [], time.monotonic() + 2
    for player in sockets:
        # What has come is read also after that time.
        code, reason = player.close_frame(until)
        closed[code] += 1
        if code == DRAINING:
            expect("the code in the reason", reason["code"], DRAINING)
            waits.append(reason["retry_after_ms"])
        else:
            staying.append(player)
        # A player who comes at this very moment must land on the other node.
        if code == DRAINING and len(waits) % 5 == 1:
            expect("a player who comes back", Player(front, "again").frame()["type"], "welcome")
    close = listener.event("close")
    expect("the close code of the stream", close["code"], DRAINING)
    Stream(front, {"Last-Event-ID": listener.id}).event("welcome")
    expect("closed with 4100", closed[DRAINING], spread[0])
    expect("still there", closed[None], spread[1])
    expect("the stopped node's exit code", running[0].wait(PATIENCE), 0)
    print(f"  spread {spread}, retry_after_ms {min(waits)} to {max(waits)}, the node ended after {time.monotonic() - went:.1f} s or less")
    staying[0].send({"type": "ping", "request_id": "1"})
    expect("the others play on", staying[0].frame("pong")["type"], "pong")


def listen(front, nodes):
    """An event stream through the balancer, of a player who plays over HTTP; it hears of it at once, and after a silence."""
    listener = Stream(front)
    listener.event("welcome")
    listener.node = next(port for port in nodes if gauge(port, "asset_arbiter_event_streams") == 1)
    call(listener.node, "PUT", "/v1/rooms/check/assets/bell", {"units": 1})
    listener.event("asset_changed")
    call(listener.node, "POST", "/v1/rooms/check/assets/bell/select", {"player": "listener"})
    listener.event("asset_granted")
    until = time.monotonic() + SILENCE
    while time.monotonic() < until:
        listener.comment()
    call(listener.node, "POST", "/v1/rooms/check/assets/bell/release", {"player": "listener"})
    listener.event("asset_released")
    return listener


def start_node(binary, port, folder):
    command = [binary, "--listen", f"127.0.0.1:{port}", "--store", "memory:", "--log-level", "warn",
               "--trusted-proxy", "127.0.0.1", "--connections-per-address", str(EACH)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(f"{folder}/node-{port}.log", "wb"))


def start_haproxy(folder, front, nodes):
    text = (HERE / "haproxy.cfg").read_text()
    text = replaced(text, "bind :8080", f"bind 127.0.0.1:{front}")
    text = replaced(text, "server node1 node1:8080", f"server node1 127.0.0.1:{nodes[0]}")
    text = replaced(text, "server node2 node2:8080", f"server node2 127.0.0.1:{nodes[1]}")
    text = replaced(text, "    server node3 node3:8080\n", "")
    # An ordinary user's limit of open files is below 200,000.
    text = replaced(text, "maxconn 100000", "maxconn 2000")
    path = f"{folder}/haproxy.cfg"
    pathlib.Path(path).write_text(text)
    return subprocess.Popen(["haproxy", "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_nginx(folder, front, nodes):
    text = (HERE / "nginx.conf").read_text()
    text = replaced(text, "listen 8080", f"listen 127.0.0.1:{front}")
    text = replaced(text, "127.0.0.1:8081", f"127.0.0.1:{nodes[0]}")
    text = replaced(text, "127.0.0.1:8082", f"127.0.0.1:{nodes[1]}")
    text = re.sub(r" *server 127\.0\.0\.1:8083.*\n", "", text)
    text = replaced(text, "access_log /var/log/nginx/access.log;", "access_log off;")
    temporary = "".join(f"{what}_temp_path {folder}/{what};" for what in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    text = replaced(text, "http {", "http { " + temporary)
    path = f"{folder}/nginx.conf"
    pathlib.Path(path).write_text(text)
    directives = f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;"
    # In a group of its own: its workers end with it.
    return Group(["nginx", "-e", f"{folder}/nginx.log", "-c", path, "-g", directives])


def start_caddy(folder, front, nodes):
    text = (HERE / "Caddyfile").read_text()
    text = replaced(text, "\n:8080 {", f"\nhttp://127.0.0.1:{front} {{\n\tbind 127.0.0.1")
    text = replaced(text, "127.0.0.1:8081 127.0.0.1:8082 127.0.0.1:8083", f"127.0.0.1:{nodes[0]} 127.0.0.1:{nodes[1]}")
    path = f"{folder}/Caddyfile"
    pathlib.Path(path).write_text(text)
    environment = {**os.environ, "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", path]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Group(subprocess.Popen):
    """A process whose children end with it."""

    def __init__(self, command):
        super().__init__(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def kill(self):
        os.killpg(self.pid, signal.SIGKILL)


BALANCERS = {"caddy": start_caddy, "haproxy": start_haproxy, "nginx": start_nginx}


class Player:
    """One WebSocket in the room `check`."""

    def __init__(self, port, name, headers={}, address="127.0.0.1"):
        self.socket, self.bytes, head = upgrade(port, f"/v1/rooms/check/ws?player={name}", headers, address)
        expect(f"the upgrade of {name}", status_of(head), 101)

    def frame(self, wanted=None):
        while True:
            opcode, body = self.read(PATIENCE)
            if opcode == 1 and wanted in (None, json.loads(body)["type"]):
                return json.loads(body)

    def close_frame(self, until):
        """The code and the reason; None if nothing is closed by then."""
        try:
            while True:
                opcode, body = self.read(max(0.01, until - time.monotonic()))
                if opcode == 8:
                    self.socket.close()
                    return struct.unpack(">H", body[:2])[0], json.loads(body[2:])
        except TimeoutError:
            return None, None

    def send(self, message):
        body, mask = json.dumps(message).encode(), os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
        self.socket.sendall(bytes([0x81, 0x80 | len(body)]) + mask + masked)

    def read(self, timeout):
        self.socket.settimeout(timeout)
        first, length = self.take(2)
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
        return first & 15, self.take(length)

    def take(self, count):
        while len(self.bytes) < count:
            more = self.socket.recv(65536)
            if not more:
                raise SystemExit("the connection ended without a close frame")
            self.bytes += more
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken


class Stream:
    """One event stream in the room `check`."""

    def __init__(self, port, headers={}):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.connection.request("GET", "/v1/rooms/check/events?player=listener", headers=headers)
        self.response = self.connection.getresponse()
        expect("the status of an event stream", self.response.status, 200)
        self.id = None

    def event(self, wanted):
        """The data of the next frame of a type, or of the event `close`, which comes within a second; others are dropped."""
        until, name, data = time.monotonic() + 1.0, "message", None
        while time.monotonic() < until:
            self.connection.sock.settimeout(1.0)
            field, _, value = self.line().partition(": ")
            if field == "event":
                name = value
            elif field == "id":
                self.id = value
            elif field == "data":
                data = json.loads(value)
            elif field == "" and data is not None:
                if wanted in (name, data.get("type")):
                    return data
                name, data = "message", None
        raise SystemExit(f"no {wanted} in the event stream within a second")

    def comment(self):
        self.connection.sock.settimeout(16.5)
        while not self.line().startswith(":"):
            pass

    def line(self):
        line = self.response.readline()
        if not line:
            raise SystemExit("the event stream ended without a close event")
        return line.decode().rstrip("\n")


def call(port, method, path, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"}, method=method)
    urllib.request.urlopen(request, timeout=2).close()


def upgrade(port, path, headers, address="127.0.0.1"):
    key = base64.b64encode(os.urandom(16)).decode()
    headers = {"Host": f"127.0.0.1:{port}", "Connection": "Upgrade", "Upgrade": "websocket",
               "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key, **headers}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE, (address, 0))
    connection.sendall("\r\n".join(lines).encode())
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            raise SystemExit("the connection ended within the upgrade")
        received += more
    head, rest = received.split(b"\r\n\r\n", 1)
    return connection, rest, head


def handshake(port, origin):
    connection, _, head = upgrade(port, "/v1/rooms/check/ws", {"Origin": origin})
    connection.close()
    time.sleep(0.1)  # for the node to notice
    return status_of(head)


def status_of(head):
    return int(head.split(b" ", 2)[1])


def status(port, path):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def connections(port):
    return gauge(port, "asset_arbiter_connections")


def gauge(port, name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2).read().decode()
    return int(re.search(rf"^{name} (\d+)", text, re.M).group(1))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def replaced(text, old, new):
    if old not in text:
        raise SystemExit(f"the file has no {old!r} any more: live.py must follow it")
    return text.replace(old, new)


def eventually(what, true):
    until = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > until:
            raise SystemExit(f"waited in vain for {what}")
        time.sleep(0.05)


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: {found!r}, not {wanted!r}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in BALANCERS:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
