"""FORMAT.md's chapters on keys and slots: from the keys of the caller to file_key."""
import hashlib
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

from primitives import (AES_256_GCM, Refused, aead_open, argon2id, hkdf, hmac_sha256, need, sha256,
                        x25519)

SHARED, SCRYPT, PBKDF2, ARGON2ID, X25519_SLOT, PROVIDER = 1, 2, 3, 4, 5, 32768
PASSPHRASES = (SCRYPT, PBKDF2, ARGON2ID)
BODY = {SHARED: "<16s32s48s", SCRYPT: "<32s3B48s", PBKDF2: "<32sI48s", ARGON2ID: "<32sIIB48s",
        X25519_SLOT: "<32s48s"}


@dataclass
class Keys:
    shared: list = field(default_factory=list)
    private: list = field(default_factory=list)
    passphrases: list = field(default_factory=list)
    providers: list = field(default_factory=list)  # (name, mask)
    context: bytes = b""

    def any(self):
        return self.shared or self.private or self.passphrases or self.providers


def parse_slot(value):
    """(type, body), with the values of a known type in their ranges."""
    need(len(value) >= 2, "a slot has no type")
    type_, body = int.from_bytes(value[:2], "little"), value[2:]
    if type_ in BODY:
        need(len(body) == struct.calcsize(BODY[type_]), f"a slot of type {type_}: wrong length")
        _, *numbers, _ = struct.unpack(BODY[type_], body)
        match type_, *numbers:
            case 2, log2_n, r, p:
                need(10 <= log2_n <= 22 and r == 8 and 1 <= p <= 16, "scrypt is out of range")
            case 3, iterations:
                need(iterations >= 1, "PBKDF2 is out of range")
            case 4, memory, passes, lanes:
                need(lanes and passes and memory >= 8 * lanes, "Argon2id is out of range")
    elif type_ >= PROVIDER:
        parse_provider(body)
    return type_, body


def parse_provider(body):
    name_bytes = body[0] if body else 0
    need(name_bytes >= 1 and len(body) >= 3 + name_bytes, "a provider slot: wrong length")
    blob_bytes = int.from_bytes(body[1 + name_bytes:3 + name_bytes], "little")
    need(len(body) == 3 + name_bytes + blob_bytes, "a provider slot: wrong length")
    return body[1:1 + name_bytes], body[3 + name_bytes:]


def passphrase_secret(type_, body, passphrase):
    salt, *costs, _ = struct.unpack(BODY[type_], body)
    if type_ == SCRYPT:
        log2_n, r, p = costs
        need(p * r << log2_n <= 2**23 and 128 * r << log2_n <= 2**30, "scrypt", "limit_exceeded")
        return hashlib.scrypt(passphrase, salt=b"adapipe/1 scrypt" + salt, n=1 << log2_n, r=r, p=p,
                              maxmem=2**31 - 1, dklen=32)
    if type_ == PBKDF2:
        need(costs[0] <= 10_000_000, "PBKDF2", "limit_exceeded")
        return hashlib.pbkdf2_hmac("sha256", passphrase, b"adapipe/1 pbkdf2" + salt, costs[0], 32)
    memory, passes, _ = costs
    need(memory <= 2**20 and memory * passes <= 2**22, "Argon2id", "limit_exceeded")
    return argon2id(passphrase, b"adapipe/1 argon2id" + salt, *costs)


def slot_secrets(type_, body, keys):
    """(secret, what joins P under the hash) for each key that may fit a slot of type 1 to 5."""
    if type_ == SHARED:
        key_id, slot_salt = body[:16], body[16:48]
        for key in keys.shared:
            if hmac_sha256(key, b"adapipe/1 key id" + slot_salt)[:16] == key_id:
                yield key, b""
    elif type_ in PASSPHRASES:
        for passphrase in keys.passphrases:
            yield passphrase_secret(type_, body, passphrase), b""
    elif type_ == X25519_SLOT:
        for private in keys.private:
            yield x25519(private, body[:32])


def file_keys(type_, body, keys, salt):
    """What a slot gives for file_key, to be tried against header_tag."""
    if type_ in BODY:
        for secret, public in slot_secrets(type_, body, keys):
            info = b"adapipe/1 slot " + struct.pack("<H", type_) + sha256(body[:-48] + public)
            if secret is not None:
                wrap_key = hkdf(secret, salt, info, 32)
                yield aead_open(AES_256_GCM, wrap_key, bytes(12), b"", body[-48:])
    elif type_ >= PROVIDER:
        name, blob = parse_provider(body)
        for own_name, mask in keys.providers:  # the toy provider of the test vectors
            unmasked = bytes(byte ^ mask for byte in blob)
            if name == own_name and len(blob) == 33 and unmasked[32] == 0xF0:
                yield unmasked[:32]


def find_file_key(slots, keys, salt, fits):
    """The first file_key that a slot gives and that `fits` the header_tag."""
    first_error = None
    for type_, body in slots:
        try:
            for file_key in file_keys(type_, body, keys, salt):
                if file_key is not None and fits(file_key):
                    return file_key
        except Refused as error:
            first_error = first_error or error
    raise first_error or Refused("wrong_key", "no slot opens")


# ---- Text forms

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32_decode(text, prefix):
    """BIP 173; None unless `text` is 32 bytes under the human-readable part `prefix`."""
    hrp, _, data = text.lower().rpartition("1")
    if (text not in (text.lower(), text.upper()) or hrp != prefix.lower() or len(text) > 90
            or not set(data) <= set(BECH32)):
        return None
    groups, sum_ = [BECH32.index(c) for c in data], 1
    for value in [*(ord(c) >> 5 for c in hrp), 0, *(ord(c) & 31 for c in hrp), *groups]:
        top, sum_ = sum_ >> 25, (sum_ & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            sum_ ^= generator if top >> i & 1 else 0
    bits = "".join(f"{group:05b}" for group in groups[:-6])
    if sum_ != 1 or len(bits) != 260 or bits[256:] != "0000":
        return None
    return int(bits[:256], 2).to_bytes(32, "big")


def read_shared_key(path):
    data = Path(path).read_bytes()
    if len(data) == 32:
        return data
    if re.fullmatch(rb"[0-9A-Fa-f]{64}(\r?\n)?", data):
        return bytes.fromhex(data.decode())
    raise Refused("invalid_argument", f"{path} is not a key file")


def read_private_key(path):
    lines = [line.strip(" \t\r") for line in Path(path).read_text("ascii").split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    key = bech32_decode(lines[0], "ADP-SECRET-KEY-") if len(lines) == 1 else None
    if key is None:
        raise Refused("invalid_argument", f"{path} is not a private key file")
    return key


def read_passphrase(path):
    """The first line, as the command line's --passphrase-file has it."""
    return Path(path).read_bytes().split(b"\n")[0]
