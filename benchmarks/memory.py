"""memory.py TOOL [--quick]: see memory.sh. Peak memory is the most that was resident at once, as the
kernel counts it: of what has ended, as time(1) says; of what has stalled, VmHWM."""
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1 << 20
GIB = 1 << 30

# What the process takes beside its budget: its code and libraries, thread stacks, what the allocator
# keeps, 256 KiB of index for every operation.
BEYOND_BUDGET = 24 * MIB


def piece(size):
    """Text-like bytes that compress about as source code does."""
    words = [b"%x" % random.Random(i).getrandbits(40) for i in range(3000)]
    text = random.Random(1)
    made = bytearray()
    while len(made) < size:
        made += b" ".join(text.choices(words, k=1000)) + b"\n"
    return memoryview(made)[:size]


def write_file(path, size):
    with open(path, "wb") as file:
        for done in range(0, size, len(PIECE)):
            file.write(PIECE[: size - done])


def feed(pipe, size):
    """Runs until all is written or nobody reads any more."""
    try:
        for done in range(0, size, len(PIECE)):
            pipe.write(PIECE[: size - done])
        pipe.close()
    except BrokenPipeError:
        pass


def run(*arguments, stdin_bytes=None):
    # By way of a small program: a child's count begins with what its parent had.
    timed = ["time", "-f", "%M", "-o", "peak", TOOL, *map(str, arguments)]
    process = subprocess.Popen(timed, stdout=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL if stdin_bytes is None else subprocess.PIPE)
    if stdin_bytes is not None:
        threading.Thread(target=feed, args=(process.stdin, stdin_bytes), daemon=True).start()
    if process.wait() != 0:
        sys.exit(f"{arguments}: exit status {process.returncode}")
    with open("peak") as peak:
        return int(peak.read()) * 1024


def run_stalled(*arguments):
    """The reader of stdout takes nothing; the peak once the process has stopped to read as well."""
    process = subprocess.Popen([TOOL, *map(str, arguments)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    threading.Thread(target=feed, args=(process.stdin, 20 * GIB), daemon=True).start()
    read_bytes = -1
    while True:
        time.sleep(1)
        with open(f"/proc/{process.pid}/io") as io:
            now = int(io.readline().split()[1])
        if now == read_bytes:
            break
        read_bytes = now
    with open(f"/proc/{process.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    process.kill()
    process.wait()
    return peak * 1024


def report(what, budget, peak):
    global worst
    worst = max(worst, peak - budget)
    print(f"| {what} | {budget // MIB} | {peak / MIB:.0f} | {(peak - budget) / MIB:+.0f} |", flush=True)


TOOL = os.path.abspath(sys.argv[1])
quick = "--quick" in sys.argv
PIECE = piece(8 * MIB)
worst = -(1 << 62)
with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
    os.chdir(folder)
    subprocess.run([TOOL, "keygen", "-q", "-o", "key"], check=True)
    process = ("process", "-q", "-f", "-k", "key", "-o", "out")
    print("| what | budget MiB | peak MiB | peak - budget MiB |\n| --- | --- | --- | --- |")

    # The budget as small as 4 MiB chunks, or level 19, allow, and larger ones.
    write_file("in", GIB)
    for budget in (32 * MIB, 64 * MIB, 256 * MIB, GIB):
        peak = run(*process, "--chunk-size", "4M", "--memory", budget, "in")
        report("process 1 GiB, 4 MiB chunks", budget, peak)
        peak = run("restore", "-q", "-f", "-k", "key", "--memory", budget, "out", "-o", "back")
        report("restore it", budget, peak)
        os.remove("back")
    report("verify it", 64 * MIB, run("verify", "-q", "-k", "key", "--memory", 64 * MIB, "out"))
    report("process 1 GiB from a pipe", 64 * MIB,
           run(*process, "--memory", 64 * MIB, "-", stdin_bytes=GIB))
    os.remove("in")

    sizes = {"1 MiB": MIB, "64 MiB": 64 * MIB}
    for level in (1, 3, 6, 9, 12, 15, 19):
        for name, size in sizes.items():
            write_file("in", size)
            peak = run(*process, "-l", level, "--memory", 128 * MIB, "in")
            report(f"process {name}, level {level}", 128 * MIB, peak)

    for size, budgets in ((3 * MIB, (32 * MIB,)), (9 * MIB, (32 * MIB,)), (20 * MIB, (64 * MIB, 256 * MIB))):
        for i in range(50):
            write_file(f"in{i}", size)
        for budget in budgets:
            os.makedirs("many", exist_ok=True)
            peak = run("process", "-q", "-f", "-k", "key", "--memory", budget, "-o", "many/",
                       *(f"in{i}" for i in range(50)))
            report(f"process 50 files of {size // MIB} MiB", budget, peak)
            os.makedirs("back", exist_ok=True)
            peak = run("restore", "-q", "-f", "-k", "key", "--memory", budget, "-o", "back/",
                       *(f"many/in{i}.adapipe" for i in range(50)))
            report("restore them", budget, peak)

    for budget in (32 * MIB, 256 * MIB):
        peak = run_stalled("process", "-q", "-k", "key", "--memory", budget, "-", "-o", "-")
        report("process from a pipe, the reader stalls", budget, peak)

    if not quick:
        peak = run("process", "-q", "-k", "key", "-l", "1", "--memory", 64 * MIB, "-",
                   "-o", "-", stdin_bytes=20 * GIB)
        report("process 20 GiB from a pipe", 64 * MIB, peak)
        with open("in", "wb") as sparse:
            sparse.truncate(20 * GIB)
        report("process a file of 20 GiB of zeros", 64 * MIB,
               run(*process, "-l", "1", "--memory", 64 * MIB, "in"))
        report("verify it", 64 * MIB, run("verify", "-q", "-k", "key", "--memory", 64 * MIB, "out"))
print(f"\nThe budget was exceeded by at most {worst / MIB:.0f} MiB; {BEYOND_BUDGET // MIB} are allowed.")
sys.exit(worst > BEYOND_BUDGET)
