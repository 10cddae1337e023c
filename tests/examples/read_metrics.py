"""read_metrics.py INPUT_BYTES: checks what examples/metrics prints with the reader of Prometheus's own
client library, which knows nothing of adapipe."""
import sys

from prometheus_client.parser import text_string_to_metric_families

text = sys.stdin.read()
input_bytes = int(sys.argv[1])
families = {family.name: family for family in text_string_to_metric_families(text)}


def value(name, **labels):
    """The sample of that name with exactly these labels."""
    for family in families.values():
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    sys.exit(f"there is no {name} with {labels}")


def expect(found, expected):
    if found != expected:
        sys.exit(f"{found} in place of {expected}")


for family in families.values():
    assert family.name.startswith("adapipe_") and family.documentation and family.samples, family
    assert family.type in ("counter", "gauge", "histogram"), family
    seen = [(s.name, tuple(sorted(s.labels.items()))) for s in family.samples]
    assert len(seen) == len(set(seen)), f"twice in {family.name}"
    if family.type != "histogram":
        continue
    below = {}
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
            assert sample.value >= below.get(labels, 0), f"{family.name} is not cumulative"
            below[labels] = sample.value
        elif sample.name.endswith("_count"):
            assert below[tuple(sorted(sample.labels.items()))] == sample.value

expect(value("adapipe_operations_started_total", kind="process"), 1)
expect(value("adapipe_operations_succeeded_total", kind="verify"), 1)
expect(value("adapipe_operations_failed_total", kind="verify", error="wrong_key"), 1)
expect(value("adapipe_operations_running", kind="process"), 0)
stage = {"step": "stage", "stage": "adapipe.zstd"}
expect(value("adapipe_step_bytes_in_total", direction="forward", **stage), input_bytes)
expect(value("adapipe_step_bytes_out_total", direction="backward", **stage), input_bytes)
chunks = value("adapipe_step_duration_seconds_count", direction="forward", **stage)
assert chunks >= 1
expect(value("adapipe_chunk_duration_seconds_count"), 2 * chunks)
expect(value("adapipe_chunks_in_flight"), 0)
expect(value("adapipe_memory_in_use_bytes"), 0)
assert value("adapipe_worker_cpu_seconds_total") > 0
