"""measure.py WORST_CONTAINERS ADAPIPE [--exit-codes-only]

Lets ADAPIPE read the worst container of every kind, from a file and from a pipe, and prints what
each took. Fails if one is not refused, or accepted, as it should be, or takes more memory than
FORMAT.md says ("What opening can cost"). Times are for people to read: a machine may be slow.
--exit-codes-only: the memory is a sanitizer's, not the program's.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import namedtuple

TIMEOUT_SECONDS = 240  # a hang becomes a failure

# Bounds in MiB, beyond what the same command takes for an empty container.
HEADER = 16
SCRYPT = 1024 + HEADER
CHUNK = 2 * 256 + HEADER  # of the largest size
GIB = ("--memory", "1G")  # on a small machine the default is less, and refuses more

OK, BAD, UNAVAILABLE, RESOURCES, WRONG_KEY = 0, 65, 69, 71, 77

# What is expected: exit status and what the one line on stderr says. None: the way is not tried.
Kind = namedtuple("Kind", "name file pipe info bound_mib options", defaults=[HEADER, ()])


def header(name, code, says="", info=OK, bound_mib=HEADER):
    """A header alone: the same from a file and from a pipe."""
    info_says = says if info != OK else ""
    return [Kind(name + ".sealed", (code, says), (code, says), (info, info_says), bound_mib)]


def records(name, file, pipe, bound_mib=HEADER, options=(), info=None):
    return [Kind(f"{name}.{kind}", file, pipe, info if kind == "plain" else None, bound_mib, options)
            for kind in ("plain", "sealed")]


NO_KEY = "no given key opens"
MORE_WORK = "more work than readers accept"
NO_BUDGET = "whole memory budget"
DAMAGED = "a record was changed"
FEWER = "fewer entries than it says"
MANY = "not of the size that its chunks need"

KINDS = [
    *header("header-padding", OK),
    *header("header-metadata", OK),
    *header("header-unknown", OK),
    *records("header-allocations", (OK, ""), (OK, ""), info=(OK, "")),
    *header("header-stages", BAD, "adapipe.zstd takes no parameters"),
    *header("header-1-too-long", BAD, "claims more than 1 MiB", info=BAD),
    *header("header-4g", BAD, "claims more than 1 MiB", info=BAD),
    *header("header-cut", BAD, "ends within its header", info=BAD),
    *header("slots-provider", WRONG_KEY, NO_KEY),
    *header("slots-x25519-shut", WRONG_KEY, NO_KEY),
    *header("slots-x25519-open", WRONG_KEY, NO_KEY),
    *header("slots-shared-shut", WRONG_KEY, NO_KEY),
    *header("slots-shared-open", WRONG_KEY, NO_KEY),
    *header("scrypt-limit", WRONG_KEY, NO_KEY, bound_mib=SCRYPT),
    *header("scrypt-most-rounds", WRONG_KEY, NO_KEY, bound_mib=64 + HEADER),
    *header("scrypt-beyond", BAD, MORE_WORK),
    *header("scrypt-far-beyond", BAD, MORE_WORK),
    *header("pbkdf2-limit", WRONG_KEY, NO_KEY),
    *header("pbkdf2-beyond", BAD, MORE_WORK),
    *header("argon2id-limit", (UNAVAILABLE, WRONG_KEY), f"OpenSSL lacks|{NO_KEY}", bound_mib=SCRYPT),
    *header("argon2id-beyond", BAD, MORE_WORK),
    *records("record-512m", (BAD, "larger than its stages"), (BAD, "larger than its stages"),
             HEADER, GIB),
    *records("record-256m", (BAD, DAMAGED), (BAD, DAMAGED), CHUNK, GIB),
    *records("record-256m-cut", (BAD, "end is missing"), (BAD, "ends within a record"), HEADER,
             GIB),
    *records("index-1g-no-chunks", (BAD, MANY), (BAD, "where 0 was due"), info=(BAD, MANY)),
    *records("index-1g-of-0", (BAD, MANY), (BAD, MANY), info=(BAD, MANY)),
    *records("index-1g", (RESOURCES, "index does not fit"), (BAD, "no record"), HEADER, GIB,
             info=(RESOURCES, "index would take")),
    *records("index-1g", (BAD, DAMAGED), None, 4096 + HEADER, ("--memory", "8G")),
    *records("index-64m", (BAD, "no record"), (BAD, "no record"), 4 * 64 + HEADER, GIB,
             info=(OK, "")),
    *records("index-64m", (RESOURCES, "index does not fit"), None, HEADER, ("--memory", "128M")),
    *records("index-too-many", (BAD, FEWER), (BAD, FEWER), info=(BAD, FEWER)),
    *records("zstd-liar", (BAD, "zstd"), (BAD, "zstd"), HEADER, GIB),
    *records("zstd-bomb", (OK, ""), (OK, ""), CHUNK, GIB),
    *records("zstd-bomb", (BAD, "more than the allowed"), (BAD, "more than the allowed"), HEADER,
             (*GIB, "--max-size", "255M")),
    *records("zstd-window", (OK, ""), (OK, "")),
    *records("zstd-16-deep", (OK, ""), (OK, ""), CHUNK, GIB),
    *records("zstd-1000-bombs", (RESOURCES, NO_BUDGET), (RESOURCES, NO_BUDGET), HEADER,
             ("--memory", "64M")),
    *records("zstd-1000-bombs", (BAD, "more than the allowed"), (BAD, "more than the allowed"),
             CHUNK, (*GIB, "--max-size", "1G")),
    *records("zstd-1000-bombs-4m", (OK, ""), (OK, ""), 64 + HEADER, ("--memory", "64M")),
]

# peak_mib is never less than what this interpreter has, which Linux counts in up to exec().
Run = namedtuple("Run", "code seconds cpu_seconds peak_mib message")


def run(command, input_file=None):
    """Runs it, with the file through a pipe if there is one."""
    feeder = None
    if input_file:
        feeder = subprocess.Popen(["cat", input_file], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
    with tempfile.TemporaryFile() as errors:
        begin = time.monotonic()
        child = subprocess.Popen(command, stdin=feeder.stdout if feeder else subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=errors)
        if feeder:
            feeder.stdout.close()
        alarm = threading.Timer(TIMEOUT_SECONDS, os.kill, (child.pid, signal.SIGKILL))
        alarm.start()
        _, status, usage = os.wait4(child.pid, 0)
        alarm.cancel()
        seconds = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        message = errors.read().decode().strip()
    if feeder:
        feeder.wait()
    return Run(child.returncode, seconds, usage.ru_utime + usage.ru_stime,
               usage.ru_maxrss / 1024, message)


def commands(adapipe, folder, kind):
    """The ways to read a container, each with what is expected of it."""
    path = os.path.join(folder, kind.name)
    keys = []
    if kind.name.endswith(".sealed"):
        keys = ["-k", os.path.join(folder, "key"), "-i", os.path.join(folder, "identity"),
                "--passphrase-file", os.path.join(folder, "passphrase")]
    verify = [adapipe, "verify", "-q", *keys, *kind.options]
    if kind.file:
        yield "file", [*verify, path], None, kind.file
    if kind.pipe:
        yield "pipe", verify, path, kind.pipe
    if kind.info:
        yield "info", [adapipe, "info", path], None, kind.info
    if keys and kind.file == (OK, "") and not kind.options:
        yield "rekey", [adapipe, "rekey", "-q", *keys, "--remove-all", "--add-key-file",
                        keys[1], path, "-o", path + ".rekeyed"], None, kind.file


def problems(result, expected, most_mib):
    codes, says = expected
    if result.code not in (codes if isinstance(codes, tuple) else (codes,)):
        yield f"exit status {result.code} instead of {codes}"
    if len(result.message.splitlines()) > 1 or not re.search(says, result.message):
        yield f"does not say in one line '{says}'"
    if result.peak_mib > most_mib:
        yield f"{result.peak_mib:.0f} MiB where {most_mib:.0f} are allowed"


def main():
    maker, adapipe = sys.argv[1:3]
    bounded = "--exit-codes-only" not in sys.argv[3:]
    failures = 0
    with tempfile.TemporaryDirectory(dir=".") as folder:
        subprocess.run([maker, folder], check=True)
        base_mib = {}
        for name in ("good.plain", "good.sealed"):
            for way, command, piped, _ in commands(adapipe, folder,
                                                   Kind(name, (OK, ""), (OK, ""), (OK, ""))):
                result = run(command, piped)
                assert result.code == OK, result
                base_mib[way, name.rpartition(".")[2]] = result.peak_mib
        print("base, MiB:", {" ".join(k): round(v, 1) for k, v in base_mib.items()})
        print(f"{'kind':50} {'way':5} {'bytes':>10} {'exit':>4} {'wall s':>6} {'CPU s':>6} "
              f"{'peak':>6} {'bound':>6}  message")
        for kind in KINDS:
            for way, command, piped, expected in commands(adapipe, folder, kind):
                result = run(command, piped)
                most_mib = base_mib[way, kind.name.rpartition(".")[2]] + kind.bound_mib
                label = " ".join([kind.name, *kind.options])
                message = result.message.replace(folder + "/", "").removeprefix("adapipe: ")
                print(f"{label:50} {way:5} {os.path.getsize(os.path.join(folder, kind.name)):10} "
                      f"{result.code:4} {result.seconds:6.2f} {result.cpu_seconds:6.2f} "
                      f"{result.peak_mib:6.0f} {most_mib:6.0f}  {message[:80]}", flush=True)
                for problem in problems(result, expected, most_mib if bounded else float("inf")):
                    failures += 1
                    print(f"  FAILED: {problem}: {result.message}")
    sys.exit(f"{failures} failures" if failures else 0)


main()
