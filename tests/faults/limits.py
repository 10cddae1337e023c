"""limits.py ADAPIPE [--sanitized]

Runs the commands where something is used up, closed, or taken away: descriptors, address space, file
size, the disk, folders, the other end of a pipe. Each run ends as trial.py says. --sanitized: without a
lack of memory, which a sanitizer does not survive.
"""
import functools
import itertools
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import trial

PLAIN_BYTES = 3_000_000
COMMANDS = {command.name: command for command in trial.COMMANDS}
WRITERS = ("process", "restore", "rekey in place", "rekey elsewhere", "keygen")
MIB = 1 << 20


class Checks:
    def __init__(self, template, scratch):
        self.template = template
        self.scratch = scratch
        self.numbers = itertools.count()
        self.runs = 0
        self.failures = 0

    def trial(self, name, scratch=None):
        folder = pathlib.Path(scratch or self.scratch) / str(next(self.numbers))
        return trial.Trial(self.template, COMMANDS[name], folder)

    def check(self, what, one, codes, **options):
        """Runs the trial's command to its end, unless it runs; its status must be one of `codes`."""
        try:
            if one.child is None:
                one.start(**options)
                one.pass_key(one.open_gate())
            result = one.finish()
            if "while loading shared libraries" in result.err:  # it never came to main()
                return
            self.runs += 1
            problems = list(one.problems(result))
            if result.code not in codes:
                problems.append(f"exit status {result.code} instead of {codes}")
        except TimeoutError as hang:
            result, problems = None, [str(hang)]
        if problems:
            self.failures += 1
            print(f"FAILED: {what}: {one.command.line}: {'; '.join(problems)}: {result}"[:2000], flush=True)
        shutil.rmtree(one.folder, ignore_errors=True)


def limited(kind, value):
    return {"preexec_fn": lambda: resource.setrlimit(kind, (value, value))}


def file_size(checks):
    """SIGXFSZ, which would kill, is only an error of the write."""
    for name in WRITERS:
        for most in (0, 10, 1000, 100_000):
            small = name == "keygen" and most >= 1000
            checks.check(f"files of {most} bytes", checks.trial(name), [trial.OK if small else trial.IO],
                         **limited(resource.RLIMIT_FSIZE, most))


def descriptors(checks):
    for name in COMMANDS:
        for most in range(3, 12):
            checks.check(f"{most} descriptors", checks.trial(name), [trial.OK, trial.RESOURCES],
                         **limited(resource.RLIMIT_NOFILE, most))


def memory(checks):
    """Whatever memory there is beyond what the program itself takes; the engine's own finely."""
    for name, step in (("process", 0.4), ("restore", 0.4), ("rekey in place", 4), ("cat", 4), ("info", 4),
                       ("keygen", 4)):
        fine = [24 + i * step for i in range(int(48 / step))]
        for most in (*fine, *range(72, 512, 40)):
            checks.check(f"{most:.1f} MiB of address space", checks.trial(name),
                         [trial.OK, trial.RESOURCES, trial.IO],
                         **limited(resource.RLIMIT_AS, int(most * MIB)))


def memory_on_one_cpu(checks):
    """oneTBB starts a thread there that it needs nowhere else."""
    one_cpu = {min(os.sched_getaffinity(0))}

    def limit(most):
        os.sched_setaffinity(0, one_cpu)
        resource.setrlimit(resource.RLIMIT_AS, (most * MIB, most * MIB))
    for name in ("process", "restore", "cat"):
        for most in range(24, 80):
            checks.check(f"{most} MiB of address space on one CPU", checks.trial(name),
                         [trial.OK, trial.RESOURCES, trial.IO], preexec_fn=functools.partial(limit, most))


def full_device(checks):
    for name in ("process from a pipe to a pipe", "restore from a pipe to a pipe", "cat", "info"):
        with open("/dev/full", "wb") as full:
            checks.check("stdout is a full device", checks.trial(name), [trial.IO], stdout=full)


def full_disk(checks):
    """A file system of its own, if one may be mounted, with room for the inputs and less for the output."""
    disk = pathlib.Path(checks.scratch) / "disk"
    disk.mkdir()
    taken = sum(path.stat().st_size + 4096 for path in checks.template.folder.iterdir())
    for percent in (0, 20, 80):
        kib = (taken + len(checks.template.container) * percent // 100) // 1024
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", str(disk)]
        if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode:
            print("not run: a full disk (nothing may be mounted)")
            return
        try:
            for name in ("restore", "rekey elsewhere"):
                checks.check(f"{percent}% of the room that it takes", checks.trial(name, disk), [trial.IO])
        finally:
            subprocess.run(["umount", str(disk)], check=True)


def standard_streams(checks):
    """Closed ones are refused where they are needed, and never become a file that is opened."""
    def closing(fd):
        return {"preexec_fn": lambda: os.close(fd)}
    for name in ("process", "restore", "verify", "rekey in place", "keygen"):
        for fd in (0, 1):
            checks.check(f"descriptor {fd} is closed", checks.trial(name), [trial.OK], **closing(fd))
    for name in ("cat", "info", "restore from a pipe to a pipe"):
        checks.check("stdout is closed", checks.trial(name), [trial.IO], **closing(1))
    for name in ("process from a pipe to a pipe", "verify from a pipe"):
        checks.check("stdin is closed", checks.trial(name), [trial.IO, trial.NO_INPUT], stdin=subprocess.DEVNULL,
                     **closing(0))


def pipes(checks):
    """The other end of a pipe goes away early."""
    for name in ("process from a pipe to a pipe", "restore from a pipe to a pipe", "cat"):
        one = checks.trial(name)
        reader, writer = os.pipe()
        os.close(reader)
        checks.check("nobody reads stdout", one, [-13], stdout=writer)
        os.close(writer)
    for name in ("restore from a pipe to a pipe", "verify from a pipe"):
        for kept in (0, 10, 100, 10_000):
            one = checks.trial(name)
            one.input = one.input[:kept]
            checks.check(f"stdin ends after {kept} bytes", one, [65])


def folders(checks):
    """The folder of the target is gone, or may not be written, when the command begins to work."""
    for name, target in (("process", "new"), ("restore", "old"), ("rekey elsewhere", "new")):
        command = COMMANDS[name]
        moved = command._replace(line=command.line.replace(f"-o {target}", f"-o inner/{target}"), target=None)
        one = trial.Trial(checks.template, moved, pathlib.Path(checks.scratch) / str(next(checks.numbers)))
        (one.folder / "inner").mkdir()
        one.start()
        gate = one.open_gate()
        (one.folder / "inner").rmdir()
        one.pass_key(gate)
        checks.check("the folder of the target is removed", one, [trial.CANNOT_CREATE, trial.IO])
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        return
    prefix = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for name in ("process", "rekey elsewhere", "keygen"):
        one = checks.trial(name)
        os.chmod(one.folder.parent, 0o755)
        os.chmod(one.folder, 0o555)
        for path in one.folder.iterdir():
            os.chmod(path, 0o666)
        one.start(prefix)
        one.pass_key(one.open_gate())
        checks.check("the folder is read-only", one, [trial.CANNOT_CREATE])


def is_open(path, child):
    """Whether the process has the file open."""
    try:
        return any(link.samefile(path) for link in pathlib.Path(f"/proc/{child.pid}/fd").iterdir())
    except OSError:  # it has closed one, or ended
        return False


def cut_when_open(one, delay_ms):
    """Cuts the input short some time after the command has opened it. "process" makes its target when it
    knows the size of the input: before, what is left would be the whole of it."""
    path = one.folder / one.command.input
    awaited = ".new.*.partial" if one.command.name == "process" else path.name
    while one.child.poll() is None and not (is_open(path, one.child) and any(one.folder.glob(awaited))):
        pass
    time.sleep(delay_ms / 1000)
    os.truncate(path, 1000)


def shrinking_input(checks):
    """The input is cut while it is read: an error, unless all of it had been read."""
    for name in ("process", "restore", "verify", "rekey elsewhere"):
        for delay_ms in (0, 0, 1, 2, 4, 8):
            one = checks.trial(name)
            one.before[one.command.input] = one.input[:1000]
            one.start()
            gate = one.open_gate()
            cut = threading.Thread(target=cut_when_open, args=(one, delay_ms))
            cut.start()
            one.pass_key(gate)
            one.child.wait(trial.TIMEOUT_SECONDS)
            cut.join()
            checks.check(f"the input is cut after {delay_ms} ms", one, [trial.OK, 65, trial.IO])


def main():
    adapipe, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        os.mkdir(os.path.join(scratch, "template"))
        template = trial.Template(adapipe, os.path.join(scratch, "template"), PLAIN_BYTES)
        checks = Checks(template, scratch)
        topics = [file_size, descriptors, full_device, full_disk, standard_streams, pipes, folders,
                  shrinking_input]
        if "--sanitized" not in options:
            topics += [memory, memory_on_one_cpu]
        for topic in topics:
            before = checks.runs
            topic(checks)
            print(f"{topic.__name__.replace('_', ' ')}: {checks.runs - before} runs", flush=True)
    print(f"{checks.runs} runs, {checks.failures} failures")
    sys.exit(bool(checks.failures))


main()
