#!/usr/bin/env python3
"""A whole node in plain Python: a relay and a temperature sensor. PROTOCOL.md explains every byte."""
import argparse, math, random, select, socket, struct, time

HELLO, WELCOME, PING, PONG, ERROR, CLOSE, ACKNOWLEDGED = 1, 2, 3, 4, 5, 6, 13
REGISTER, REGISTERED, ADMISSION, REPORT, REPORT_ACK, SET, OUTCOME = *range(0x101, 0x106), 0x201, 0x204
UNSUPPORTED_MESSAGE, PENDING_APPROVAL, UNKNOWN_CHANNEL = 1, 20, 50
RELAY, TEMPERATURE, CHANNEL = 0, 1, 1  # the indexes of our modules; the property of each is channel 1
KEEPALIVE = 20  # seconds; what we wish is what the hub agrees to, if it is reasonable

def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
def text(s):
    return varint(len(s.encode())) + s.encode()
def value(v):  # arm 0 is a bool, arm 2 a float
    return bytes([0, v]) if isinstance(v, bool) else b"\2" + struct.pack("<d", v)

def hello(name, boot, board, firmware, version):  # versions 1 to 1, known by name, keeps its session
    limits = varint(1024) + b"\1" + b"\1" + varint(KEEPALIVE)  # frames of up to 1024 bytes, 1 at a time
    return b"\1\1\1" + text(name) + varint(boot) + limits + text(board) + text(firmware) + text(version)

def register(modules):  # for each: index, kind, version of the kind, title
    each = (bytes([i]) + text(kind) + varint(v) + text(title) for i, (kind, v, title) in enumerate(modules))
    return bytes([len(modules), len(modules)]) + b"".join(each)

def report(boot, sequence, readings):  # for each: module, channel, age in milliseconds (arm 0), value
    each = (bytes([m, channel, 0]) + varint(age) + value(v) for m, channel, age, v in readings)
    return varint(boot) + varint(sequence) + varint(len(readings)) + b"".join(each)

def outcome(command, status, code, v, why):  # status 1 is done, 2 failed; v is the value as it is now
    return command + bytes([status]) + varint(code) + (b"\0" if v is None else b"\1" + value(v)) + text(why)

def frame(kind, body=b"", request=0, response=0):
    return struct.pack("<BBHHHI", 0xC1, 1, bool(response), kind, len(body), request or response) + body

class Node:
    def __init__(self, hub):
        self.hub, self.boot, self.requests, self.sequence = hub, random.getrandbits(32), 0, 0
        self.on, self.outcomes, self.report_at, self.ping_at = False, {}, math.inf, math.inf

    def send(self, kind, body=b"", response=0):
        self.requests += not response
        self.hub.sendall(frame(kind, body, 0 if response else self.requests, response))
        self.ping_at = time.monotonic() + KEEPALIVE

    def report(self, next_in):
        self.sequence, self.report_at = self.sequence + 1, time.monotonic() + next_in
        readings = (RELAY, CHANNEL, 0, self.on), (TEMPERATURE, CHANNEL, 0, 20 + math.sin(time.time() / 60))
        self.send(REPORT, report(self.boot, self.sequence, readings))

    def set(self, command, module, channel, arm, wish):
        if command not in self.outcomes:  # one that comes again is not run again
            if (module, channel, arm) == (RELAY, CHANNEL, 0):
                self.on, self.outcomes[command] = bool(wish), outcome(command, 1, 0, bool(wish), "")
            else:
                self.outcomes[command] = outcome(command, 2, UNKNOWN_CHANNEL, None, "only the relay is set")
            self.outcomes = dict(list(self.outcomes.items())[-16:])
        return self.outcomes[command]

    def serve(self, kind, request, body):  # request is 0 if no answer is wanted
        print(f"from the hub: {kind:#06x} {body.hex(' ')}", flush=True)
        if request:
            answers = {PING: (PONG, b"\0"), ADMISSION: (ACKNOWLEDGED, b"")}
            unknown = ERROR, varint(UNSUPPORTED_MESSAGE) + varint(kind) + text("not known here")
            done = (OUTCOME, self.set(body[:16], *body[16:20])) if kind == SET else None
            self.send(*(done or answers.get(kind, unknown)), response=request)
        if kind == WELCOME or (kind == ADMISSION and body == b"\1"):  # greeted; or a person let us in
            self.send(REGISTER, register([("relay", 1, "Relay"), ("temperature", 1, "Outside")]))
        if kind == REGISTERED and PENDING_APPROVAL not in body[2::2]:  # index and code of each module
            self.report_at = 0

    def run(self, name, interval, once):
        self.send(HELLO, hello(name, self.boot, "PC", "node.py", "1.0.0"))
        kind = HELLO
        while kind != CLOSE and not (once and kind == SET):
            due = min(self.report_at, self.ping_at)
            if select.select([self.hub], [], [], max(due - time.monotonic(), 0))[0]:
                header = self.hub.recv(12, socket.MSG_WAITALL)
                if len(header) < 12:
                    raise SystemExit("the hub has gone")
                flags, kind, length, number = struct.unpack("<2xHHHI", header)
                body = self.hub.recv(length, socket.MSG_WAITALL) if length else b""
                self.serve(kind, 0 if flags else number, body)
            elif due == self.report_at:
                self.report(math.inf if once else interval)
            else:
                self.send(PING)
        if kind != CLOSE:
            self.hub.sendall(frame(CLOSE, b"\0\0\0"))  # one-way, all is well

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host", nargs="?", default="127.0.0.1")
    parser.add_argument("port", nargs="?", type=int, default=5070)
    parser.add_argument("--name", default="python-1", help="1 to 32 of a-z 0-9 - _ .")
    parser.add_argument("--interval", type=float, default=1, help="seconds between reports")
    parser.add_argument("--once", action="store_true", help="report once, do one command, leave")
    args = parser.parse_args()
    Node(socket.create_connection((args.host, args.port))).run(args.name, args.interval, args.once)
