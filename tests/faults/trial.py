"""What the tests in this folder share: the tool's commands, a folder for each trial of one, and what
the command owes there, whatever happens to it."""
import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess

TIMEOUT_SECONDS = 30  # a hang becomes a failure

OK, USAGE, NO_INPUT, RESOURCES, CANNOT_CREATE, IO = 0, 64, 66, 71, 73, 74
DOCUMENTED = (OK, USAGE, 65, NO_INPUT, 69, RESOURCES, CANNOT_CREATE, IO, 77)  # 70 is "a bug"

# The one failure that leaves a new file: what could not be synced is the folder.
COMPLETE = "complete, but its folder cannot be written to the disk"
# Failures that are of no file.
NAMELESS = "out of memory|thread|random bytes"

Command = collections.namedtuple("Command", "name line input target piped_in out", defaults=[False, None])
Result = collections.namedtuple("Result", "code out err")

# Targets that exist before are called "old". The key comes through "gate", a FIFO with the bytes of "k".
COMMANDS = [
    Command("process", "process -q -k gate --threads 2 --chunk-size 64KiB data -o new", "data", "new"),
    Command("process from a pipe to a pipe", "process -q -k gate --threads 2 --chunk-size 64KiB - -o -",
            "data", None, True, "pipe"),
    Command("restore", "restore -q -f -k gate --threads 2 c -o old", "c", "old"),
    Command("restore from a pipe to a pipe", "restore -q -k gate --threads 2 - -o -", "c", None, True,
            "pipe"),
    Command("verify", "verify -q -k gate --threads 2 c", "c", None),
    Command("verify from a pipe", "verify -q -k gate - --threads 2", "c", None, True),
    Command("cat", "cat -k gate c --offset 1000", "c", None, False, "pipe"),
    Command("info", "info -k gate c", "c", None, False, "file"),
    Command("rekey in place", "rekey -q -k gate --add-key-file k2 --remove 1 c", "c", "c"),
    Command("rekey elsewhere", "rekey -q -k gate --add-key-file k2 c -o new", "c", "new"),
    Command("info without a key", "info c", "c", None, False, "file"),
    Command("keygen", "keygen -q -o new", "new", "new"),
    Command("keygen --x25519", "keygen -q --x25519 -o new", "new", "new"),
]


class Template:
    """Files to work on, made once."""

    def __init__(self, adapipe, folder, plain_bytes):
        self.adapipe = os.path.realpath(adapipe)
        self.folder = pathlib.Path(folder)
        self.plain = b"".join(b"%d\n" % i for i in range(plain_bytes // 5))[:plain_bytes]
        (self.folder / "data").write_bytes(self.plain)
        (self.folder / "old").write_bytes(b"what was there before\n")
        for name in ("k", "k2"):
            self.run("keygen", "-q", "-o", name)
        self.run("process", "-q", "-k", "k", "--chunk-size", "64KiB", "data", "-o", "c")
        self.container = (self.folder / "c").read_bytes()
        self.key = (self.folder / "k").read_bytes()
        self.info = {keys: self.run("info", *keys, "c") for keys in ((), ("-k", "k"))}

    def run(self, *arguments, given=b""):
        return subprocess.run([self.adapipe, *arguments], cwd=self.folder, check=True, input=given,
                              stdout=subprocess.PIPE, timeout=TIMEOUT_SECONDS).stdout

    def restored(self, container, key):
        """The plain bytes of a container; None if it is not good."""
        try:
            return self.run("restore", "-q", "-k", key, "-", "-o", "-", given=container)
        except subprocess.CalledProcessError:
            return None

    def copy(self, folder):
        shutil.copytree(self.folder, folder)
        os.mkfifo(folder / "gate")
        return folder


class Trial:
    """One run of a command in a folder of its own."""

    def __init__(self, template, command, folder):
        self.template = template
        self.command = command
        self.folder = template.copy(pathlib.Path(folder))
        self.input = template.plain if command.input == "data" else template.container
        self.before = self.files()
        self.child = None

    def files(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}

    def start(self, prefix=(), **options):
        """Starts the command; `prefix` is a program that runs it."""
        out = {None: subprocess.DEVNULL, "pipe": subprocess.PIPE, "file": subprocess.PIPE}
        if self.command.out == "file":
            out["file"] = open(self.folder / "stdout", "wb")
        streams = {"stdin": subprocess.PIPE if self.command.piped_in else subprocess.DEVNULL,
                   "stdout": out[self.command.out], "stderr": subprocess.PIPE, **options}
        line = [*prefix, self.template.adapipe, *self.command.line.split()]
        self.child = subprocess.Popen(line, cwd=self.folder, **streams)
        if self.command.out == "file":
            out["file"].close()

    def open_gate(self):
        """Waits until the command waits for its key. Gives what takes the key; None if it needs none or
        has ended."""
        while "gate" in self.command.line and self.child.poll() is None:
            try:
                return os.open(self.folder / "gate", os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads yet
                os.sched_yield()
        return None

    def pass_key(self, gate):
        if gate is None:
            return
        try:
            os.write(gate, self.template.key)
        except BrokenPipeError:
            pass
        os.close(gate)

    def finish(self, let_go=lambda: None):
        """What the command did; raises TimeoutError, with the stacks of its threads, if it hangs. A
        debugger can have it after `let_go`."""
        piped = self.input if self.command.piped_in and self.child.stdin else None
        try:
            out, err = self.child.communicate(piped, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            let_go()
            raise TimeoutError(f"hangs\n{stacks(self.child.pid)}") from None
        finally:
            self.child.kill()
            self.child.wait()
        if self.command.out == "file" and (self.folder / "stdout").exists():
            out = (self.folder / "stdout").read_bytes()
            (self.folder / "stdout").unlink()
        return Result(self.child.returncode, out or b"", err.decode())

    def problems(self, result, may_leave_partial=False):
        """What is wrong with the outcome."""
        after = self.files()
        if result.code == OK:
            yield from self.success_problems(result, after)
        else:
            yield from failure_message_problems(result, self.command)
            if COMPLETE in result.err:
                yield from self.success_problems(result._replace(err=""), after)
            elif after.get(self.command.target) != self.before.get(self.command.target):
                yield "the target was changed"
            yield from self.passed_on_problems(result)
        if after.keys() - self.before.keys() - {self.command.target} and not may_leave_partial:
            yield f"left behind: {sorted(after.keys() - self.before.keys())}"
        for name in self.before.keys() - {self.command.target}:
            if after.get(name) != self.before[name]:
                yield f"changed {name}"

    def passed_on_problems(self, result):
        """What a pipe was given before the failure is right as far as it goes."""
        verb, *_ = self.command.line.split()
        whole = {"restore": self.template.plain, "cat": self.template.plain[1000:]}.get(verb)
        if whole is not None and not whole.startswith(result.out):
            yield "passed wrong bytes on"

    def success_problems(self, result, after):
        if result.err:
            yield f"succeeds, and says {result.err!r}"
        verb, *arguments = self.command.line.split()
        made = after.get(self.command.target) if self.command.target else result.out
        if made is None:
            yield "succeeds without a target"
        elif verb == "process" and self.template.restored(made, "k") != self.template.plain:
            yield "succeeds with a container that does not give the bytes back"
        elif verb == "rekey" and self.template.restored(made, "k2") != self.template.plain:
            yield "succeeds with a container that does not open"
        elif verb == "restore" and made != self.template.plain:
            yield "succeeds with wrong bytes"
        elif verb == "cat" and made != self.template.plain[1000:]:
            yield "succeeds with wrong bytes"
        elif verb == "info" and made != self.template.info[("-k", "k") if "-k" in arguments else ()]:
            yield "succeeds with another text"
        elif verb == "keygen" and not self.is_key(made):
            yield "succeeds with what is no key"

    def is_key(self, content):
        mode = (self.folder / self.command.target).stat().st_mode & 0o777
        return mode == 0o600 and re.search(rb"^([0-9a-f]{64}|ADP-SECRET-KEY-\S+)\n\Z", content, re.MULTILINE)


def failure_message_problems(result, command):
    if result.code == -signal.SIGPIPE:
        if result.err:
            yield f"dies of SIGPIPE, and says {result.err!r}"
        return
    if result.code not in DOCUMENTED:
        yield f"exit status {result.code}"
    names = [word for word in command.line.split() if not word.startswith("-")] + ["stdin", "stdout"]
    if not re.fullmatch(r"adapipe: .*\n", result.err):
        yield "does not say what failed in one line"
    elif not any(f"{name}: " in result.err for name in names) and not re.search(NAMELESS, result.err):
        yield "names no file"


def stacks(pid):
    """Where every thread of a process, and of its children, is."""
    pids = [pid]
    text = ""
    for one in pids:
        for task in sorted(pathlib.Path(f"/proc/{one}/task").glob("*")):
            pids += [int(child) for child in (task / "children").read_text().split()]
            facts = [(task / name).read_text().strip() for name in ("comm", "wchan", "syscall")]
            text += f"{one} {task.name} {' '.join(facts)}\n"
    if shutil.which("gdb"):
        gdb = ["gdb", "-p", str(pids[-1]), "-batch", "-ex", "thread apply all backtrace"]
        text += subprocess.run(gdb, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                               timeout=TIMEOUT_SECONDS).stdout.decode(errors="replace")
    return text
