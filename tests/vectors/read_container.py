#!/usr/bin/env python3
"""An independent reader of adapipe containers, written from FORMAT.md alone.

It shares no code with adapipe, so it finds what the document forgets or what adapipe does
otherwise. It is as plain as the document and follows its chapters; those on keys and slots are in
slots.py. It is not fast and holds the whole stream in memory. It needs Python 3.11 and three
libraries that adapipe itself needs: libcrypto, libxxhash and libzstd.

    read_container.py [--random] [KEYS] CONTAINER > plain
    read_container.py --manifest manifest.tsv

The exit status is 0, or 1 with one line on stderr: `ERROR: why`, ERROR being a name of FORMAT.md.
"""
import argparse
import hmac
import itertools
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True
from primitives import (AEAD, AES_128_GCM, Refused, aead_open, has_argon2id, hkdf, hmac_sha256,
                        need, sha256, undo_zstd, xxh3_64, zstd_bound)
from slots import (PASSPHRASES, Keys, find_file_key, parse_slot, read_passphrase, read_private_key,
                   read_shared_key)


def take(file, size, what):
    data = file.read(size)
    need(len(data) == size, f"ends inside {what}", "truncated")
    return data


# ---- Structure: preamble, header, header_sum, header_tag

MAGIC, RECORD_MAGIC, END_MAGIC = b"\x89ADP\r\n\x1a\n", b"\xefARC", b"ADPEND\r\n"
MIB, GIB, MOST_BYTES = 2**20, 2**30, 2**52
HOSTS_OWN = 32768  # from here on, ciphers are the hosts'
(CHUNK_BYTES, INTEGRITY, CIPHER, FILE_SALT, STAGE, SLOT, PLAIN_BYTES, METADATA,
 PADDING) = range(1, 10)
#            tag: (critical, how often at least, how often at most, exact length)
SECTIONS = {CHUNK_BYTES: (1, 1, 1, 4), INTEGRITY: (1, 1, 1, 2), CIPHER: (1, 0, 1, 2),
            FILE_SALT: (1, 1, 1, 32), STAGE: (1, 0, 16, None), SLOT: (1, 0, 64, None),
            PLAIN_BYTES: (0, 0, 1, 8), METADATA: (0, 0, MIB, None), PADDING: (0, 0, 1, None)}


def sections(data, known, repeat):
    """{tag: [value, ...]} of the known tags. Do tags `repeat`, where their sections may?"""
    found, at, last = {tag: [] for tag in known}, 0, 0
    while at < len(data):
        need(len(data) - at >= 8, "a section's head is cut off")
        tag, flags, length = struct.unpack_from("<HHI", data, at)
        at += 8
        need(length <= len(data) - at, f"section {tag} is longer than what holds it")
        need(tag > last or repeat and tag == last, f"section {tag} stands behind {last}")
        need(flags <= 1, f"section {tag} has unknown flags")
        need(tag in known or not flags, f"critical section {tag}", "unsupported_version")
        if tag in known:
            critical, _, most, exact = known[tag]
            need(flags == critical, f"section {tag}: wrong critical flag")
            need(exact in (None, length), f"section {tag}: wrong length")
            need(len(found[tag]) < most, f"section {tag} stands too often")
            found[tag].append(data[at:at + length])
        at, last = at + length, tag
    for tag, (_, least, _, _) in known.items():
        need(len(found[tag]) >= least, f"section {tag} is missing")
    return found


@dataclass
class Header:
    signed: bytes  # preamble || header
    tag: bytes = b""
    first_record: int = 0
    chunk_bytes: int = 0
    cipher: int | None = None  # None: integrity 1
    salt: bytes = b""
    stages: list = field(default_factory=list)
    slots: list = field(default_factory=list)
    plain_bytes: int | None = None
    record_key: bytes = b""

    @property
    def tag_bytes(self):
        return 16 if self.cipher else 8


def parse_header(header, data):
    found = sections(data, SECTIONS, repeat=True)
    header.chunk_bytes = int.from_bytes(found[CHUNK_BYTES][0], "little")
    need(4096 <= header.chunk_bytes <= 2**28, "chunk_bytes is out of its range")
    integrity = int.from_bytes(found[INTEGRITY][0], "little")
    need(integrity in (1, 2), f"integrity {integrity}", "unsupported_version")
    need(len(found[CIPHER]) == integrity - 1, "integrity 2, and nothing else, has a cipher")
    need((integrity == 2) == bool(found[SLOT]), "integrity 2, and nothing else, has slots")
    if found[CIPHER]:
        header.cipher = int.from_bytes(found[CIPHER][0], "little")
        need(header.cipher in AEAD or header.cipher >= HOSTS_OWN, f"cipher {header.cipher}",
             "unsupported_version")
    header.salt = found[FILE_SALT][0]
    for value in found[STAGE]:
        need(value and 1 <= value[0] <= len(value) - 1, "a stage's id does not fit")
        header.stages.append((value[1:1 + value[0]], value[1 + value[0]:]))
    if found[PLAIN_BYTES]:
        header.plain_bytes = int.from_bytes(found[PLAIN_BYTES][0], "little")
        need(header.plain_bytes <= MOST_BYTES, "plain_bytes is out of its range")
    check_metadata(found[METADATA])
    need(not any(map(any, found[PADDING])), "the padding is not zeros")
    header.slots = [parse_slot(value) for value in found[SLOT]]
    need(sum(type_ in PASSPHRASES for type_, _ in header.slots) <= 1, "two passphrase slots")


def check_metadata(values):
    keys = []
    for value in values:
        need(len(value) >= 2, "a metadata section has no key")
        key_bytes = int.from_bytes(value[:2], "little")
        need(key_bytes <= len(value) - 2, "a metadata key does not fit")
        keys.append(value[2:2 + key_bytes])
        try:
            keys[-1].decode("utf-8"), value[2 + key_bytes:].decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("corrupt", "metadata is not UTF-8") from None
    need(len(set(keys)) == len(keys), "a metadata key stands twice")
    need(sum(map(len, values)) - 2 * len(values) <= 65536, "too much metadata")


# ---- Records

def parse_record_header(raw, header, sequence=None):
    """(type, skipped, plain_bytes, stored_bytes, sequence), each within its limits."""
    magic, type_, flags, skipped, plain, stored, number = struct.unpack("<4sBBHIIQ", raw)
    need(magic == RECORD_MAGIC, "no record where one should be")
    need(type_ in (0, 1), f"record type {type_}", "unsupported_version")
    need(flags == 0, "unknown record flags")
    need(sequence in (None, number), f"record {number} where {sequence} should be")
    if type_ == 0:
        need(skipped >> len(header.stages) == 0, "skips a stage that does not exist")
        check_chunk_sizes(stored, plain, header)
        need(stored - header.tag_bytes <= stages_of(header, skipped, plain)[1][-1],
             f"chunk {number} has more than its stages can have made")
    else:
        need(skipped == 0 and stored == plain + header.tag_bytes, "the index's header is wrong")
        need(0 <= plain - 16 - 8 * number <= MIB, "the index's size does not fit its chunks")
        need(24 + stored <= GIB and number <= 134_217_721, "the index is too large")
    return type_, skipped, plain, stored, number


def check_chunk_sizes(stored, plain, header):
    need(1 <= plain <= header.chunk_bytes, "a chunk's plain_bytes is out of its range")
    need(header.tag_bytes < stored <= 2 * header.chunk_bytes + 65536,
         "a chunk's stored_bytes is out of its range")


def open_payload(raw, payload, header):
    type_, sequence = raw[4], int.from_bytes(raw[16:24], "little")
    if header.cipher:
        nonce = struct.pack(">B3xQ", type_, sequence)
        data = aead_open(header.cipher, header.record_key, nonce, raw, payload)
    else:
        data = payload[:-8]
        seed = int.from_bytes(header.tag[:8], "little")
        data = data if xxh3_64(raw + data, seed) == payload[-8:] else None
    need(data is not None, f"record {sequence} of type {type_} was changed")
    return data


def stages_of(header, skipped, plain):
    """Those that a chunk went through, and the most bytes it has before the first and behind each."""
    used = [stage for i, stage in enumerate(header.stages) if not skipped >> i & 1]
    most = [plain]
    for id_, _ in used:
        most.append(STAGES[id_][2](most[-1]))
    return used, most


def restore_chunk(raw, payload, header):
    _, skipped, plain, _, sequence = parse_record_header(raw, header)
    data = open_payload(raw, payload, header)
    used, most = stages_of(header, skipped, plain)
    for (id_, parameters), before in reversed(list(zip(used, most))):
        data = STAGES[id_][1](data, parameters, before)
    need(len(data) == plain, f"chunk {sequence} does not have its length")
    return data


# ---- Index record and trailer

DIGEST, PRIVATE_METADATA = 1, 2
INDEX_SECTIONS = {DIGEST: (0, 0, 1, None), PRIVATE_METADATA: (0, 0, 1, None)}


def parse_index(raw, payload, header):
    """The (stored_bytes, plain_bytes) of each chunk, and the content digest."""
    content = open_payload(raw, payload, header)
    sequence = parse_record_header(raw, header)[4]
    chunk_count, plain_total = struct.unpack_from("<QQ", content)
    need(chunk_count == sequence, "the index's count is not its sequence")
    end = 16 + 8 * chunk_count
    entries = list(struct.iter_unpack("<II", content[16:end]))
    for stored, plain in entries:
        check_chunk_sizes(stored, plain, header)
    need(plain_total == sum(plain for _, plain in entries), "the index's total is wrong")
    need(header.plain_bytes in (None, plain_total), "the header promises another length")
    need(plain_total <= MOST_BYTES and sum(stored for stored, _ in entries) <= MOST_BYTES,
         "the index's sums are out of their range")
    digest = sections(content[end:], INDEX_SECTIONS, repeat=False)[DIGEST]
    return entries, digest[0] if digest else b""


def check_digest(digest, chunks):
    """A reader may skip this; unknown algorithms are."""
    if digest[:1] == b"\x01":
        need(digest[1:] == sha256(b"".join(map(sha256, chunks))), "the content digest differs")
    elif digest[:1] == b"\x02":
        need(digest[1:] == sha256(b"".join(chunks)), "the content digest differs")


def parse_trailer(raw, at, index_record_bytes=None):
    """The index_offset; `at` is where the trailer starts. Who has read the index, and knows its size,
    has all of the container."""
    index_offset, size, end_magic = struct.unpack("<QQ8s", raw)
    need(end_magic == END_MAGIC, "no end magic", "corrupt" if index_record_bytes else "truncated")
    need(size <= GIB and index_offset + size == at and index_record_bytes in (None, size),
         "the trailer says the index is elsewhere")
    return index_offset


# ---- Keys


def find_record_key(header, keys):
    salt = sha256(header.salt + keys.context)

    def fits(file_key):
        header_key = hkdf(file_key, salt, b"adapipe/1 header", 32)
        return hmac.compare_digest(hmac_sha256(header_key, header.signed), header.tag)

    file_key = find_file_key(header.slots, keys, header.salt, fits)
    info = b"adapipe/1 record " + struct.pack("<H", header.cipher)
    return hkdf(file_key, salt, info, 16 if header.cipher == AES_128_GCM else 32)


# ---- Reading defensively

def read_header(file, keys):
    preamble = file.read(16)  # 1
    if len(preamble) < 16:
        need(preamble and preamble[:8] == MAGIC[:len(preamble)], "no magic", "not_a_container")
        raise Refused("truncated", "ends inside the preamble")
    need(preamble[:8] == MAGIC, "no magic", "not_a_container")
    major, _, header_bytes = struct.unpack("<HHI", preamble[8:])  # 2
    need(major == 1, f"major version {major}", "unsupported_version")
    need(header_bytes <= MIB, "the header is too long")
    rest = take(file, header_bytes + 8 + 32, "the header")
    header = Header(preamble + rest[:header_bytes], rest[-32:], 16 + len(rest))
    need(xxh3_64(header.signed) == rest[-40:-32], "the header was changed")  # 3
    parse_header(header, rest[:header_bytes])  # 4
    if header.cipher:  # 5
        header.record_key = find_record_key(header, keys)
    else:
        need(sha256(header.signed) == header.tag, "the header's tag is wrong")
        need(not keys.any() and not keys.context, "has no keys", "wrong_key")
    need(not header.cipher or header.cipher in AEAD, f"cipher {header.cipher}",  # 6
         "unsupported_version")
    for id_, parameters in header.stages:
        need(id_ in STAGES, f"stage {id_.decode('utf-8', 'replace')}", "unknown_stage")
        need(len(parameters) == STAGES[id_][0], "a stage's parameters are wrong")
    return header


def read_front_to_back(file, keys):
    header = read_header(file, keys)
    chunks, seen, at = [], [], header.first_record
    for sequence in itertools.count():
        raw = take(file, 24, "a record header")
        type_, _, plain, stored, _ = parse_record_header(raw, header, sequence)
        payload = take(file, stored, "a payload")
        if type_ == 1:
            break
        chunks.append(restore_chunk(raw, payload, header))
        seen.append((stored, plain))
        at += 24 + stored
    entries, digest = parse_index(raw, payload, header)
    need(entries == seen, "the index lists other chunks")
    parse_trailer(take(file, 24, "the trailer"), at + 24 + stored, 24 + stored)
    need(not file.read(1), "bytes follow the trailer")
    check_digest(digest, chunks)
    return b"".join(chunks)


def read_random(file, keys):
    header = read_header(file, keys)
    trailer_at = file.seek(0, 2) - 24  # 7
    need(trailer_at >= header.first_record, "no trailer", "truncated")
    file.seek(trailer_at)
    index_offset = parse_trailer(take(file, 24, "the trailer"), trailer_at)  # 8
    need(index_offset >= header.first_record and trailer_at - index_offset >= 24,
         "the trailer is wrong")
    file.seek(index_offset)  # 9
    raw = take(file, 24, "the index")
    type_, _, _, stored, _ = parse_record_header(raw, header)
    need(type_ == 1 and index_offset + 24 + stored == trailer_at, "the index does not fit")
    entries, digest = parse_index(raw, take(file, stored, "the index"), header)
    need(sum(24 + stored for stored, _ in entries) == index_offset - header.first_record,
         "the chunks do not fill the space before the index")
    chunks = []
    file.seek(header.first_record)
    for sequence, (stored, plain) in enumerate(entries):  # 10
        raw = take(file, 24, "a record header")
        type_, _, *sizes, _ = parse_record_header(raw, header, sequence)
        need(type_ == 0 and sizes == [plain, stored], f"chunk {sequence} is not as in the index")
        chunks.append(restore_chunk(raw, take(file, stored, "a payload"), header))
    check_digest(digest, chunks)
    return b"".join(chunks)


# ---- Stages: the bytes of parameters, how to undo (data, parameters, the most bytes to give), and
# the most bytes that the stage can make


def undo_xor(data, parameters, _):
    """The stages of one's own in the test vectors."""
    return data.translate(bytes(byte ^ parameters[0] for byte in range(256)))


STAGES = {b"adapipe.zstd": (0, lambda data, _, most: undo_zstd(data, most), zstd_bound),
          b"org.example.xor": (1, undo_xor, int), b"org.test.xor": (1, undo_xor, int)}


# ---- Command line

OPTIONS = {"key": "--key", "identity": "--identity", "passphrase": "--passphrase-file",
           "mask": "--mask-provider"}


def make_keys(items, context, folder):
    """`items` are (kind, value) as in the manifest, `context` is in hex."""
    keys = Keys(context=bytes.fromhex(context))
    for kind, value in items:
        match kind:
            case "key":
                keys.shared.append(read_shared_key(folder / value))
            case "identity":
                keys.private.append(read_private_key(folder / value))
            case "passphrase":
                keys.passphrases.append(read_passphrase(folder / value))
            case "mask":
                name, _, mask = value.rpartition(":")
                keys.providers.append((name.encode(), int(mask)))
            case _:
                raise ValueError(f"unknown kind of key: {kind}")
    return keys


def read(path, keys, order):
    """("ok", the plain bytes), or (the name of the error, "ERROR: why")."""
    try:
        with open(path, "rb") as file:
            return "ok", order(file, keys)
    except Refused as error:
        return error.error, str(error)


def check_manifest(path):
    """Reads every test vector in both orders; 0 if all is as the manifest says, else 1."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    differing = 0 if lines else 1
    for line in lines:
        name, items, context, expected, expected_random, plain_sha256, note = line.split("\t")
        items = [item.split(":", 1) for item in items.split() if item != "-"]
        keys = make_keys(items, context.replace("-", ""), path.parent)
        if note == "needs argon2id" and not has_argon2id():
            expected = expected_random = "unsupported_version"
        for order, wanted in (read_front_to_back, expected), (read_random, expected_random):
            got, result = read(path.parent / name, keys, order)
            same = got == wanted and (got != "ok" or sha256(result).hex() == plain_sha256)
            differing += not same
            said = f"ok, {len(result)} bytes" if got == "ok" else result
            verdict = "same" if same else f"DIFFERS from {wanted}"
            print(verdict, name, order.__name__, said, sep="\t")
    return 1 if differing else 0


def main():
    parser = argparse.ArgumentParser(description="Reads an adapipe container.")
    for kind, option in OPTIONS.items():
        parser.add_argument(option, dest=kind, action="append", default=[],
                            metavar="NAME:MASK" if kind == "mask" else "FILE")
    parser.add_argument("--context", default="", metavar="HEX")
    parser.add_argument("--random", action="store_true", help="go by trailer and index")
    parser.add_argument("--manifest", type=Path, help="check all test vectors instead")
    parser.add_argument("container", nargs="?")
    given = parser.parse_args()
    if given.manifest:
        return check_manifest(given.manifest)
    if not given.container:
        parser.error("no container given")
    try:
        items = [(kind, value) for kind in OPTIONS for value in getattr(given, kind)]
        keys = make_keys(items, given.context, Path())
    except Refused as error:
        sys.exit(str(error))
    got, result = read(given.container, keys, read_random if given.random else read_front_to_back)
    if got != "ok":
        sys.exit(result)
    sys.stdout.buffer.write(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
