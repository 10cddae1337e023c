"""kill.py ADAPIPE [--thorough]

Kills process, restore and rekey at random moments while they replace a file: what is there is the old
file or the new one, whole, and the command can be run again. 60 kills; --thorough: 300. The seed is
printed.
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import trial

PLAIN_BYTES = 20 << 20
COMMANDS = {
    "process": "process -q -f -k k --threads 2 data -o target",
    "restore": "restore -q -f -k k --threads 2 c -o target",
    "rekey": "rekey -q -k k --add-key-file k2 --remove 1 target",
}
OLD = {"process": "c", "restore": "old", "rekey": "c"}


class Killing:
    def __init__(self, template):
        self.template = template
        self.folder = template.folder
        self.target = self.folder / "target"
        self.old = {verb: (self.folder / name).read_bytes() for verb, name in OLD.items()}
        self.outcomes = {verb: {"old": 0, "new": 0} for verb in COMMANDS}
        self.partials = 0

    def run(self, verb, kill_after=None):
        """Seconds that it took; killed after `kill_after` seconds, if that is not None."""
        begin = time.monotonic()
        child = subprocess.Popen([self.template.adapipe, *COMMANDS[verb].split()], cwd=self.folder)
        try:
            code = child.wait(trial.TIMEOUT_SECONDS if kill_after is None else kill_after)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        if code not in (trial.OK, -9) or (kill_after is None and code != trial.OK):
            raise RuntimeError(f"{verb}: exit status {code}")
        return time.monotonic() - begin

    def state(self, verb):
        """Which file is there."""
        content = self.target.read_bytes()
        if content == self.old[verb]:
            return "old"
        if verb == "restore":
            return "new" if content == self.template.plain else "broken"
        key = {"process": "k", "rekey": "k2"}[verb]
        plain = self.template.restored(content, key)
        return "new" if plain == self.template.plain else "broken"

    def reset(self, verb):
        self.target.write_bytes(self.old[verb])

    def kill_once(self, verb, seconds):
        self.reset(verb)
        self.run(verb, random.uniform(0, 1.1 * seconds))
        state = self.state(verb)
        if state == "broken":
            raise RuntimeError(f"{verb}, killed, left a target that is neither the old file nor the new one")
        self.outcomes[verb][state] += 1

    def finish(self, verb):
        """What killed runs left behind hinders none."""
        self.reset(verb)
        self.run(verb)
        if self.state(verb) != "new":
            raise RuntimeError(f"{verb} does not work beside what killed ones left")
        for partial in self.folder.glob(".target.*.partial"):
            self.partials += 1
            partial.unlink()


def main():
    adapipe = sys.argv[1]
    kills = 300 if "--thorough" in sys.argv[2:] else 60
    seed = random.randrange(1 << 32)
    random.seed(seed)
    print(f"seed {seed}")
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=in_memory) as scratch:
        killing = Killing(trial.Template(adapipe, pathlib.Path(scratch), PLAIN_BYTES))
        for verb in COMMANDS:
            killing.reset(verb)
            seconds = killing.run(verb)
            for number in range(1, kills // len(COMMANDS) + 1):
                killing.kill_once(verb, seconds)
                if number % 10 == 0:
                    killing.finish(verb)
            killing.finish(verb)
    for verb, outcome in killing.outcomes.items():
        print(f"{verb}: {sum(outcome.values())} kills: the old file {outcome['old']} times, the new one "
              f"{outcome['new']} times")
    print(f"{killing.partials} temporary files were left, and hindered nothing")


main()
