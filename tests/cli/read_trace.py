"""read_trace.py FILE KIND CHUNKS STEP...: checks a trace by the rules of the Trace Event Format, and that
every chunk has had these steps, in this order."""
import collections
import json
import sys

file, kind, chunks, *names = sys.argv[1:]
with open(file) as opened:
    trace = json.load(opened)
assert trace["otherData"]["dropped_steps"] == 0

threads = {}
steps = collections.defaultdict(list)
bars = collections.Counter()
operations = set()
for event in trace["traceEvents"]:
    phase = event["ph"]
    if phase == "M":
        if event["name"] == "thread_name":
            threads[event["tid"]] = event["args"]["name"]
        continue
    assert event["ts"] >= 0, event
    if phase == "X":
        assert event["dur"] >= 0 and event["args"]["bytes_in"] > 0, event
        assert threads[event["tid"]] in ("adapipe-cpu", "adapipe-io"), event
        steps[event["args"]["operation"], event["args"]["chunk"]].append(event)
    elif phase in "be":
        bars[event["cat"], event["id"], event["name"]] += 1 if phase == "b" else -1
        if event["id"].startswith("operation"):
            assert event["name"].startswith(kind), event
            operations.add(event["id"])
            assert phase == "b" or event["args"]["result"] == "ok", event
    else:
        assert phase == "C" and event["args"]["chunks"] >= 0, event

assert not any(bars.values()), "a bar does not end"
assert len(steps) == int(chunks), f"{len(steps)} chunks"
assert len(operations) == len({operation for operation, _ in steps})
for number, done in steps.items():
    done.sort(key=lambda event: event["ts"])
    assert [event["name"] for event in done] == names, (number, done)
    for before, after in zip(done, done[1:]):
        assert before["ts"] + before["dur"] <= after["ts"] + 0.002, (number, before, after)
