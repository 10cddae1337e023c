"""peers.py: see ../peers.sh. Every command is what a user would type, run by sh in a folder of its
own; its outputs are removed before each run. By turns: a round runs every command once."""
import argparse
import csv
import datetime
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from chart import bar_chart

sys.path.append(os.path.join(os.path.dirname(__file__), ".."))
from kept_memory import keep_memory

CHUNK_BYTES = 4 << 20
SMALL_BYTES = 4096
RANGES = 5


class Command:
    """`makes`: the file or folder that it writes; `check`: succeeds if that is right."""

    def __init__(self, name, line, makes, check):
        self.name, self.line, self.makes, self.check = name, line, makes, check
        self.wall, self.cpu = [], []
        self.peak_kib = 0
        self.made_bytes = None


class Row:
    """adapipe's command comes first."""

    def __init__(self, name, plain_bytes, *commands):
        self.name, self.plain_bytes, self.commands = name, plain_bytes, commands


def rows(n, size, small_files):
    chunk = CHUNK_BYTES
    age = "age -r $(age-keygen -y age.key)"
    adapipe = f"adapipe process -q -T {n} --chunk-size {chunk} -k key"
    restored = "cmp - in"

    def limit(level):
        return Command("kernel limit", f"kernel_limit seal in l {n} {level} {chunk}", "l",
                       f"kernel_limit open l l.back {n} && cmp l.back in; s=$?; rm l.back; exit $s")

    def sealing(name, level):
        return Row(
            name, size,
            Command("adapipe", f"{adapipe} -l {level} in -o a", "a",
                    f"adapipe restore -q -k key a -o - | {restored}"),
            Command("zstd | age", f"zstd -{level} -T{n} -q -c in | {age} > b", "b",
                    f"age -d -i age.key b | zstd -dc | {restored}"),
            limit(level))

    yield from (sealing(f"process, level {level}", level) for level in (1, 3, 6, 9))
    yield Row(
        "compress only, level 3", size,
        Command("adapipe", f"adapipe process -q -T {n} --chunk-size {chunk} --container zstd in -o a",
                "a", f"adapipe restore -q a -o - | {restored}"),
        Command("zstd", f"zstd -3 -T{n} -q -c in > b", "b", f"zstd -dc b | {restored}"),
        Command("pzstd", f"pzstd -3 -p {n} -q -c in > c", "c", f"zstd -dc c | {restored}"),
        Command("pigz", f"pigz -p {n} -c in > d", "d", f"pigz -dc d | {restored}"),
        Command("lz4", "lz4 -q -c in > e", "e", f"lz4 -dc e | {restored}"))
    zeros = "0" * 64
    openssl = f"openssl enc -aes-256-ctr -K {zeros} -iv {zeros[:32]}"
    yield Row(
        "encrypt only", size,
        Command("adapipe", f"{adapipe} --codec none in -o a", "a",
                f"adapipe restore -q -k key a -o - | {restored}"),
        Command("age", f"{age} in > b", "b", f"age -d -i age.key b | {restored}"),
        Command("openssl enc", f"{openssl} -in in -out c", "c", f"{openssl} -d -in c | {restored}"),
        limit(level=0))
    yield Row(
        "restore", size,
        Command("adapipe", f"adapipe restore -q -T {n} -k key sealed.a -o a", "a", "cmp a in"),
        Command("age | zstd", "age -d -i age.key sealed.b | zstd -dc > b", "b", "cmp b in"),
        Command("kernel limit", f"kernel_limit open sealed.l l {n}", "l", "cmp l in"))
    yield Row(
        "verify", size,
        Command("adapipe", f"adapipe verify -q -T {n} -k key sealed.a", None, None),
        Command("age | zstd -t", "age -d -i age.key sealed.b | zstd -t -q", None, None))
    yield Row(
        "stdin to stdout", size,
        Command("adapipe", f"cat in | {adapipe} - -o - > a", "a",
                f"adapipe restore -q -k key a -o - | {restored}"),
        Command("zstd | age", f"cat in | zstd -3 -T{n} -q -c | {age} > b", "b",
                f"age -d -i age.key b | zstd -dc | {restored}"))
    yield Row(
        "restore, stdin to stdout", size,
        Command("adapipe", f"cat sealed.a | adapipe restore -q -T {n} -k key - -o - > a", "a", "cmp a in"),
        Command("age | zstd", "cat sealed.b | age -d -i age.key | zstd -dc > b", "b", "cmp b in"))
    for name, length in (("4 KiB", 4096), ("1 MiB", 1 << 20)):
        length = min(length, size)
        places = random.Random(1)
        offsets = " ".join(str(places.randrange(size - length + 1)) for _ in range(RANGES))
        loop = f"for o in {offsets}; do %s; done"
        right = f"{loop % f'tail -c +$((o + 1)) in | head -c {length}'} | cmp - %s"
        yield Row(
            f"{RANGES} ranges of {name}", RANGES * length,
            Command("adapipe",
                    loop % f"adapipe cat -k key sealed.a --offset $o --length {length}" + " > a",
                    "a", right % "a"),
            Command("age | zstd | tail", loop % (f"(age -d -i age.key sealed.b | zstd -dc) 2> /dev/null | "
                                                 f"tail -c +$((o + 1)) | head -c {length}") + " > b",
                    "b", right % "b"))
    yield Row(
        f"{small_files:,} files of 4 KiB", small_files * SMALL_BYTES,
        Command("adapipe", f"mkdir a && find small -type f | xargs -n {small_files} "
                f"adapipe process -q -T {n} -k key -o a/", "a",
                f"mkdir back && find a -type f | xargs -n {small_files} adapipe restore -q -k key -o back/ && "
                "diff -r small back; s=$?; rm -r back; exit $s"),
        Command("zstd | age, a loop",
                f"mkdir b && k=$(age-keygen -y age.key) && for f in small/*; do "
                "zstd -3 -q -c $f | age -r $k > b/${f#small/}; done", "b",
                "mkdir back && for f in small/*; do age -d -i age.key b/${f#small/} | "
                "zstd -dc > back/${f#small/}; done && diff -r small back; s=$?; rm -r back; exit $s"))


def prepare(arguments):
    """Inputs that rows share. What is random is so by a seed: every run has the same."""
    os.symlink(os.path.abspath(arguments.tool), "bin/adapipe")
    os.symlink(os.path.abspath(arguments.limit), "bin/kernel_limit")
    os.environ["PATH"] = os.path.abspath("bin") + ":" + os.environ["PATH"]
    shutil.copyfile(arguments.file, "in")
    n = arguments.threads
    for line in ("adapipe keygen -q -o key", "age-keygen -o age.key 2> /dev/null",
                 f"adapipe process -q -k key --chunk-size {CHUNK_BYTES} in -o sealed.a",
                 f"zstd -3 -T{n} -q -c in | age -r $(age-keygen -y age.key) > sealed.b",
                 f"kernel_limit seal in sealed.l {n} 3 {CHUNK_BYTES}"):
        subprocess.run(line, shell=True, check=True)
    os.mkdir("small")
    words = [b"%x" % random.Random(i).getrandbits(40) for i in range(3000)]
    text = random.Random(1)
    for i in range(arguments.small_files):
        with open(f"small/{i:05}", "wb") as small:
            small.write(b" ".join(text.choices(words, k=500))[:SMALL_BYTES])


def remove(path):
    if path and os.path.isdir(path):
        shutil.rmtree(path)
    elif path and os.path.exists(path):
        os.remove(path)


def size_of(path):
    if os.path.isdir(path):
        return sum(entry.stat().st_size for entry in os.scandir(path))
    return os.stat(path).st_blocks * 512 if path == "l" else os.path.getsize(path)


def run(command, check):
    remove(command.makes)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    # By way of time(1): a child's peak begins with what its parent had, and that is small.
    subprocess.run(["time", "-o", "peak", "-f", "%M", "sh", "-c", command.line], check=True)
    command.wall.append(time.perf_counter() - began)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    command.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    with open("peak") as peak:
        command.peak_kib = max(command.peak_kib, int(peak.read()))
    if command.makes:
        command.made_bytes = size_of(command.makes)
    if check and command.check and subprocess.run(command.check, shell=True).returncode != 0:
        sys.exit(f"not what it was made of: {command.line}")
    remove(command.makes)


def measure(row, repeat):
    for turn in range(repeat):
        first = turn % len(row.commands)
        for command in row.commands[first:] + row.commands[:first]:
            run(command, check=turn == 0)
        print(f"{row.name}: round {turn + 1} of {repeat}", file=sys.stderr)


def figures(row):
    """A dictionary for each command of the row."""
    ours = row.commands[0]
    for command in row.commands:
        ratios = [theirs / our for theirs, our in zip(command.wall, ours.wall)]
        wall = statistics.median(command.wall)
        yield {
            "row": row.name,
            "command": command.name,
            "wall s": f"{wall:.3f}",
            "CPU s": f"{statistics.median(command.cpu):.2f}",
            "MB/s": f"{row.plain_bytes / wall / 1e6:.{0 if row.plain_bytes / wall > 1e7 else 2}f}",
            "size": f"{command.made_bytes / row.plain_bytes:.4f}"
                    if command.makes and "ranges" not in row.name else "",
            "peak MiB": f"{command.peak_kib / 1024:.0f}",
            "time / adapipe's": f"{statistics.median(ratios):.2f}",
            "min": f"{min(ratios):.2f}",
            "max": f"{max(ratios):.2f}",
        }


def first_line(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.partition("\n")[0].strip()


def setting(arguments):
    """What was measured where, in two lines."""
    with open("/proc/cpuinfo") as info:
        model = next((line.partition(": ")[2].strip() for line in info if line.startswith("model name")),
                     platform.machine())
    versions = ", ".join((first_line("adapipe", "--version"), "zstd " + first_line("zstd", "-qV"),
                          "age " + first_line("age", "--version"), first_line("openssl", "version")))
    return (f"{os.path.basename(arguments.file)}, {os.path.getsize(arguments.file) / 1e6:,.0f} MB, "
            f"{arguments.threads} threads on {len(os.sched_getaffinity(0))} CPUs ({model}), "
            f"{datetime.date.today():%-d %B %Y}, medians of {arguments.repeat} rounds",
            versions)


def print_table(table):
    print("| " + " | ".join(table[0]) + " |")
    print("|" + " --- |" * len(table[0]))
    for line in table:
        print("| " + " | ".join(value.replace("|", "\\|") for value in line.values()) + " |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--tool", required=True)
    parser.add_argument("--limit", required=True)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--rows", default="")
    parser.add_argument("--small-files", type=int, default=10_000)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    for name in ("tool", "limit", "file", "out"):
        setattr(arguments, name, os.path.abspath(getattr(arguments, name)))
    size = os.path.getsize(arguments.file)
    chosen = [row for row in rows(arguments.threads, size, arguments.small_files)
              if arguments.rows in row.name]
    if not chosen:
        sys.exit(f"no row's name contains {arguments.rows}")

    storage = os.environ.get("TMPDIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else None)
    with tempfile.TemporaryDirectory(dir=storage) as folder:
        os.chdir(folder)
        os.mkdir("bin")
        prepare(arguments)
        with keep_memory(size + (512 << 20)):  # what a command writes, and what it needs itself
            for row in chosen:
                measure(row, arguments.repeat)
        title, versions = setting(arguments)
    table = [line for row in chosen for line in figures(row)]
    os.makedirs(arguments.out, exist_ok=True)
    with open(os.path.join(arguments.out, "peers.csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys())
        writer.writeheader()
        writer.writerows(table)
    with open(os.path.join(arguments.out, "peers.svg"), "w") as file:
        file.write(bar_chart(title, table))
    print(f"{title}; {versions}\n")
    print_table(table)


main()
