"""syscalls.py ADAPIPE [--thorough] [--sanitized] [--only WORD]

Makes each system call of each command fail, the first time, the second time, ... until the command
does not make it that often, once for every error that it may fail with, and checks what the command
owes (trial.py). Needs strace, which numbers the calls of each thread for itself: the n-th call fails
in every thread that comes so far.

A command waits for its key before it does anything else; strace is attached there, so that what the
dynamic loader does is over. Commands without a key are started by strace, and the calls before main()
skipped. By default the calls that libraries make as well fail for the command's own files only, with
--thorough all of them. --only: the commands whose names have WORD in them.
--sanitized: without a lack of memory, which a sanitizer does not survive.
"""
import collections
import concurrent.futures
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import trial

SKIPPED = 4
WORKERS = 2
PLAIN_BYTES = 300_000  # five chunks

FAULTS = {
    "openat": "EIO ENOMEM EMFILE ENOSPC EACCES EINTR",
    "newfstatat": "EIO ENOMEM",
    "fstatfs": "EIO EINTR",
    "fcntl": "EINVAL",
    "fadvise64": "EINVAL",
    "lseek": "EIO",
    "read": "EIO EINTR EAGAIN",
    "pread64": "EIO ENOMEM EINTR",
    "preadv2": "EIO EAGAIN EOPNOTSUPP EINTR",
    "write": "EIO ENOSPC EDQUOT EPIPE EAGAIN EINTR",
    "pwrite64": "EIO ENOSPC EDQUOT EINTR",
    "fallocate": "EIO ENOSPC EDQUOT EOPNOTSUPP EINTR",
    "ftruncate": "EIO",
    "fchmod": "EPERM",
    "fsync": "EIO ENOSPC EDQUOT EINVAL EINTR",
    "fdatasync": "EIO EINTR",
    "close": "EIO ENOSPC EDQUOT EINTR",
    "renameat": "EIO ENOSPC EDQUOT",
    "renameat2": "EIO EDQUOT EEXIST EINVAL",
    "unlink": "EIO",
    "unlinkat": "EIO",
    "mmap": "ENOMEM",
    "mprotect": "ENOMEM",
    "madvise": "EINVAL",
    "clone3": "EAGAIN",
    "getrandom": "EINTR ENOSYS",
    "eventfd2": "EMFILE ENOMEM",
    "poll": "ENOMEM EAGAIN EINTR",
}
# Made by the C library, OpenSSL or TBB as well.
OF_MEMORY = ("mmap", "mprotect", "madvise")
OF_LIBRARIES_TOO = ("openat", "newfstatat", "read", "write", "fcntl")
PATHS = ("data", "c", "old", "new", "k", "k2", "gate", ".", "/proc/self/fd/0", "/proc/self/fd/1")


def must_succeed(call, error):
    """Errors after which the command goes on, as if nothing had happened."""
    never_matters = call in ("preadv2", "fadvise64", "madvise", "fstatfs")
    return never_matters or error in ("EINTR", "EOPNOTSUPP") or (error == "EAGAIN" and call != "clone3")


def may_not_be_ready(command, call):
    """What is read and written says EAGAIN only if it is a pipe."""
    return {"read": command.piped_in, "write": command.out == "pipe"}.get(call, True)


class Tracer:
    """strace with options, attached to a process or with a program to start."""

    def __init__(self, options, folder):
        self.log = folder.with_suffix(".trace")
        self.line = ["strace", "-f", "-qqq", "-o", str(self.log), *options]
        self.folder = folder
        self.process = None

    def attach(self, pid):
        self.process = subprocess.Popen([*self.line, "-p", str(pid)], cwd=self.folder,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while self.process.poll() is None and not all_threads_traced(pid):
            time.sleep(0.001)

    def end(self):
        if self.process:
            self.process.kill()
            self.process.communicate()

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def all_threads_traced(pid):
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
                if re.search(r"^TracerPid:\s+0$", status.read(), re.MULTILINE):
                    return False
    except FileNotFoundError:  # a thread has ended
        return False
    return True


def own_paths(one, error):
    """Limits a trace to the files of the trial and the pipes that it was given."""
    paths = [*PATHS, str(one.folder), *(str(one.folder / path) for path in PATHS[:7])]
    if error == "EAGAIN":  # which files never say
        paths = []
    for pipe in (one.child.stdin, one.child.stdout):
        if pipe:
            paths.append(f"pipe:[{os.fstat(pipe.fileno()).st_ino}]")
    return [word for path in paths for word in ("-P", path)]


def run_traced(one, options, paths_for=None):
    """Runs the trial's command under strace; gives its result and the trace."""
    tracer = Tracer(options, one.folder)
    try:
        if "gate" not in one.command.line:
            one.start([*tracer.line, "--seccomp-bpf"])
            return one.finish(), tracer.text()
        one.start()
        gate = one.open_gate()
        if paths_for:
            tracer.line += own_paths(one, paths_for)
        tracer.attach(one.child.pid)
        one.pass_key(gate)
        result = one.finish(tracer.end)
        tracer.process.wait()
        return result, tracer.text()
    finally:
        tracer.end()


class Harness:
    def __init__(self, template, scratch, thorough):
        self.template = template
        self.scratch = scratch
        self.thorough = thorough
        self.numbers = itertools.count()
        self.injected = collections.Counter()
        self.failures = []

    def trial(self, command):
        return trial.Trial(self.template, command, os.path.join(self.scratch, str(next(self.numbers))))

    def measure(self, command):
        """How often the command makes each call in any thread, and how often before main()."""
        one = self.trial(command)
        result, trace = run_traced(one, ["-e", "trace=" + ",".join(FAULTS)])
        for problem in one.problems(result):
            raise RuntimeError(f"{command.name} without a fault: {problem}: {result.err}")
        before_main = collections.Counter()
        threads = collections.defaultdict(collections.Counter)
        started = "gate" in command.line
        for pid, call, arguments in re.findall(r"^(\d+) +(\w+)\((.*)", trace, re.MULTILINE):
            started = started or (call == "fcntl" and arguments.startswith("0, F_GETFD"))
            (threads[pid] if started else before_main)[call] += 1
        most = {call: max(thread[call] for thread in threads.values()) for call in FAULTS}
        shutil.rmtree(one.folder)
        return {call: (before_main[call], count) for call, count in most.items() if count}

    def plan(self, command):
        """Every series of faults for the command, as (call, error, first, last)."""
        for call, (before, count) in self.measure(command).items():
            for error in FAULTS[call].split():
                if error != "EAGAIN" or may_not_be_ready(command, call):
                    yield command, call, error, before + 1, before + count

    def is_for_own_files(self, call, error):
        """Never the write of the message, and what only a pipe says only for pipes."""
        if call == "write" or (call, error) == ("read", "EAGAIN"):
            return True
        return call in OF_LIBRARIES_TOO and not self.thorough

    def inject(self, command, call, error, first, last):
        """One series: the call fails at its first, second, ... use until it is not made that often."""
        own_files_only = self.is_for_own_files(call, error)
        for n in itertools.count(first):
            one = self.trial(command)
            options = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={n}"]
            try:
                result, trace = run_traced(one, options, error if own_files_only else None)
                hit = "(INJECTED)" in trace
                problems = list(one.problems(result, call in ("unlink", "unlinkat")))
                if result.code != trial.OK and (not hit or must_succeed(call, error)):
                    problems.append(f"exit status {result.code}, though it should go on")
                problems = problems and [*problems, repr(result.err)]
            except TimeoutError as hang:
                hit, problems = True, [str(hang)]
            if problems:
                self.failures.append(f"{command.line}: {call} {error} at {n}: " + "; ".join(problems))
                print("FAILED:", self.failures[-1], flush=True)
            shutil.rmtree(one.folder)
            self.injected[command.name, call] += hit
            if not hit and (n >= last or own_files_only):
                return


def report(injected):
    calls = [call for call in FAULTS if any(injected[key] for key in injected if key[1] == call)]
    for command in trial.COMMANDS:
        counts = [(call, injected[command.name, call]) for call in calls]
        if any(count for _, count in counts):
            print(f"{command.name}: {sum(count for _, count in counts)}:",
                  ", ".join(f"{call} {count}" for call, count in counts if count))
    for call in calls:
        print(f"{call}: {sum(count for key, count in injected.items() if key[1] == call)}")


def may_attach(folder):
    """Some systems let a process be traced by its parent only, some by nobody."""
    sleeper = subprocess.Popen(["sleep", "60"])
    tracer = Tracer(["-e", "inject=fsync:error=EIO"], folder)
    try:
        tracer.attach(sleeper.pid)
        return tracer.process.poll() is None
    finally:
        tracer.end()
        sleeper.kill()
        sleeper.wait()


def main():
    adapipe, *options = sys.argv[1:]
    only = options[options.index("--only") + 1] if "--only" in options else ""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "template"
        folder.mkdir()
        if not shutil.which("strace") or not may_attach(folder):
            print("skipped: there is no strace, or it may not attach")
            sys.exit(SKIPPED)
        template = trial.Template(adapipe, folder, PLAIN_BYTES)
        if "--sanitized" in options:
            for call in OF_MEMORY:
                del FAULTS[call]
        harness = Harness(template, scratch, "--thorough" in options)
        commands = [command for command in trial.COMMANDS if only in command.name]
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            series = [one for plan in pool.map(lambda c: list(harness.plan(c)), commands) for one in plan]
            for _ in pool.map(lambda one: harness.inject(*one), series):
                pass
    report(harness.injected)
    print(f"{sum(harness.injected.values())} faults, {len(harness.failures)} failures")
    sys.exit(bool(harness.failures))


main()
