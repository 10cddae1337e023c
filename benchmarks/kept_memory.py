"""kept_memory.py MIB COMMAND...: runs COMMAND with so much free memory that the machine really has.

The host of a virtual machine takes back what lies free in it. To get that again costs several times
what a first touch of memory otherwise does, which is more than much of what is measured here, and
befalls whoever happens to be running."""
import contextlib
import mmap
import subprocess
import sys


def keep_memory(size):
    """Sees to `size` bytes of such memory as long as the result lives. Hosts are told of large free blocks,
    so every block keeps a page."""
    page, block = mmap.PAGESIZE, 64 * mmap.PAGESIZE
    kept = mmap.mmap(-1, size // block * block, flags=mmap.MAP_PRIVATE)
    with contextlib.suppress(OSError):  # a kernel without huge pages
        kept.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, len(kept), page):
        kept[at] = 1
    for at in range(0, len(kept), block):
        kept.madvise(mmap.MADV_DONTNEED, at + page, block - page)
    return kept


if __name__ == "__main__":
    with keep_memory(int(sys.argv[1]) << 20):
        sys.exit(subprocess.run(sys.argv[2:]).returncode)
