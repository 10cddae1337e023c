"""read_seekable.py FILE OFFSET LENGTH

Writes a range of what a seekable zstd file holds, by its seek table alone: only the frames that hold
the range are read, and each is given to `zstd -dc` by itself. Written from the specification in zstd's
sources, contrib/seekable_format/zstd_seekable_compression_format.md, without adapipe's code.
"""
import os
import struct
import subprocess
import sys

FOOTER = struct.Struct("<IBI")  # frames, descriptor, magic number
HEAD = struct.Struct("<II")  # magic number, bytes that follow


def read_table(file):
    """The (compressed, decompressed) sizes of all frames."""
    end = file.seek(0, os.SEEK_END)
    file.seek(end - FOOTER.size)
    frames, descriptor, magic = FOOTER.unpack(file.read(FOOTER.size))
    assert magic == 0x8F92EAB1, "no seek table"
    assert descriptor & 0x7C == 0, "reserved bits are set"
    entry = struct.Struct("<III" if descriptor & 0x80 else "<II")
    file.seek(end - FOOTER.size - frames * entry.size - HEAD.size)
    magic, content = HEAD.unpack(file.read(HEAD.size))
    assert magic == 0x184D2A5E and content == frames * entry.size + FOOTER.size, "no skippable frame"
    sizes = [entry.unpack(file.read(entry.size))[:2] for _ in range(frames)]
    assert sum(stored for stored, _ in sizes) == end - HEAD.size - content, "not all is frames"
    return sizes


def read_range(file, offset, length):
    stored_at = plain_at = 0
    for stored, plain in read_table(file):
        if plain_at < offset + length and plain_at + plain > offset:
            file.seek(stored_at)
            done = subprocess.run(["zstd", "-dcq"], input=file.read(stored), stdout=subprocess.PIPE,
                                  check=True)
            assert len(done.stdout) == plain, "a frame is not of the size that the table says"
            yield done.stdout[max(offset - plain_at, 0):offset + length - plain_at]
        stored_at += stored
        plain_at += plain


with open(sys.argv[1], "rb") as seekable:
    for part in read_range(seekable, int(sys.argv[2]), int(sys.argv[3])):
        sys.stdout.buffer.write(part)
