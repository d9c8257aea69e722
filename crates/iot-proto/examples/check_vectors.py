#!/usr/bin/env python3
"""Holds the encoder of node.py to the frozen vectors: python3 check_vectors.py [../tests/wire/v1.txt]"""
import pathlib, sys

import node

COMMAND = bytes.fromhex("0190b2f4c0de7abc8def001122334455")
HERE = pathlib.Path(__file__).parent

def expected():
    return {
        "hello-name": node.frame(node.HELLO, node.hello("kitchen-1", 7, "ESP32-C6", "kitchen", "1.0.0"), request=1),
        "ping": node.frame(node.PING, request=7),
        "ping-one-way": node.frame(node.PING),
        "pong-without-clock": node.frame(node.PONG, b"\0", response=0x01020304),
        "acknowledged": node.frame(node.ACKNOWLEDGED, response=3),
        "close": node.frame(node.CLOSE, b"\0\0\0"),
        "error": node.frame(node.ERROR, b"\1" + node.varint(0x0203) + node.text("no actions here"), response=5),
        "register": node.frame(
            node.REGISTER, node.register([("relay", 1, "Pump"), ("temperature", 300, "")]), request=2),
        "report": node.frame(
            node.REPORT, node.report(7, 1, [(0, 1, 0, True), (1, 1, 250, 21.5)]), request=3),
        "outcome-done": node.frame(node.OUTCOME, node.outcome(COMMAND, 1, 0, True, ""), response=20),
        "outcome-later": node.frame(
            node.OUTCOME, node.outcome(COMMAND, 2, 41, 0.5, "a hand is in the door"), request=8),
    }

def frozen(path):
    lines = (line.split() for line in path.read_text().splitlines() if not line.startswith("#"))
    return {name: bytes.fromhex(frame) for sender, name, frame in lines if sender == "node"}

if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "../tests/wire/v1.txt"
    vectors, ours = frozen(path), expected()
    wrong = [name for name, frame in ours.items() if vectors.get(name) != frame]
    for name in wrong:
        print(f"{name}: {ours[name].hex()} is not {vectors.get(name, b'').hex()}", file=sys.stderr)
    print(f"{len(ours) - len(wrong)} of {len(ours)} frames are as the vectors say")
    sys.exit(1 if wrong else 0)
