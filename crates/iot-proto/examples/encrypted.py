#!/usr/bin/env python3
"""The encrypted session of PROTOCOL.md, section 14, in Python: pip install noiseprotocol."""
import argparse, hashlib, os, socket, struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from noise.connection import Keypair, NoiseConnection

from node import PING, PONG, WELCOME, HELLO, frame, text, varint

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SESSION, REPLY, DATA = 1, 4, 5
REKEY_EVERY = 65_536

def node_id(public):
    number = int.from_bytes(hashlib.sha256(b"iot1/node-id\0" + public).digest()[:15], "big")
    digits = "".join(DIGITS[number >> shift & 31] for shift in range(115, -1, -5))
    return "-".join(digits[at:at + 4] for at in range(0, 24, 4))

class Session:
    def __init__(self, stream, secret, hub_key):
        self.stream, self.sealed, self.opened = stream, 0, 0
        self.noise = NoiseConnection.from_name(b"Noise_IK_25519_ChaChaPoly_SHA256")
        self.noise.set_as_initiator()
        self.noise.set_keypair_from_private_bytes(Keypair.STATIC, secret)
        self.noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, hub_key)
        clear = struct.pack("<BBH", 0xE5, SESSION, 112) + b"\1\1\1\0"  # versions 1 to 1, key 1 of the hub
        self.noise.set_prologue(b"iot1/session\0" + clear)
        self.noise.start_handshake()
        offer = struct.pack("<H", 16_384) + bytes(10)
        stream.sendall(clear + self.noise.write_message(offer))
        kind, reply = self.record()
        assert kind == REPLY, f"refused: {reply.hex()}"
        acceptance = self.noise.read_message(reply)
        assert self.noise.handshake_finished and acceptance[0] == 1, acceptance.hex()

    def record(self):
        marker, kind, length = struct.unpack("<BBH", self.stream.recv(4, socket.MSG_WAITALL))
        assert marker == 0xE5
        return kind, self.stream.recv(length, socket.MSG_WAITALL)

    def send(self, frames):
        sealed = self.noise.encrypt(frames)
        self.sealed += 1
        if self.sealed % REKEY_EVERY == 0:
            self.noise.rekey_outbound_cipher()
        self.stream.sendall(struct.pack("<BBH", 0xE5, DATA, len(sealed)) + sealed)

    def frames(self):
        """The frames of the next record: kind and body of each."""
        kind, body = self.record()
        assert kind == DATA, f"record of type {kind}"
        opened = self.noise.decrypt(body)
        self.opened += 1
        if self.opened % REKEY_EVERY == 0:
            self.noise.rekey_inbound_cipher()
        while opened:
            kind, length = struct.unpack("<4xHH4x", opened[:12])
            yield kind, opened[12:12 + length]
            opened = opened[12 + length:]

def hello(public, boot):  # identity: arm 0, a key
    return b"\1\1\0" + public + varint(boot) + varint(1024) + b"\1\1" + varint(20) + text("PC") + text("py") + text("1")

def main(args):
    secret = os.urandom(32)
    public = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    session = Session(socket.create_connection((args.host, args.port)), secret, bytes.fromhex(args.hub_key))
    session.send(frame(HELLO, hello(public, int.from_bytes(os.urandom(4), "big")), request=1))
    (kind, _), = session.frames()
    assert kind == WELCOME, f"{kind:#06x}"
    for request in range(2, args.pings + 2):
        session.send(frame(PING, request=request))
        (kind, _), = session.frames()
        assert kind == PONG, f"{kind:#06x}"
    print(f"{node_id(public)} is welcome; {session.sealed} records sealed, {session.opened} opened")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("hub_key", help="64 hexadecimal digits, as the hub's log shows it")
    parser.add_argument("--pings", type=int, default=1, help="how many pings to send")
    main(parser.parse_args())
