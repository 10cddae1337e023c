#!/usr/bin/env bash
# concurrency.sh TOOL EXAMPLE: each program says what its part of the model does. EXAMPLE is one of
# them; the others lie beside it.
. "$(dirname "$0")/support.sh"
seq 1 400000 >in
seq 5 90000 >other
programs=${example%_threads}

says() { # LINE: what the program has said, as a pattern
  grep -qx -- "$1" said || {
    printf 'not said: %s\nsaid:\n' "$1"
    cat said
    exit 1
  }
}

"${programs}_threads" in >said
says "workers, one for each CPU: $(nproc)"
says 'read on: mine-io'
says 'stages on: mine-cpu'
says "serial on: $(basename "$example" | cut -c1-15)"
says "three at once: $((3 * $(stat -c %s in))) bytes"
says 'squares: 1 4 9 16 25'
says 'executed on: mine-cpu'
says 'thrown there, caught here: no luck'

"${programs}_flow" in container >said
says '42 chunks, [2-4] at once'
"$tool" restore -q container -o - | cmp - in
says 'two stages with room for one chunk each: 2 chunks at once'
says 'at most 3 chunks in flight: memory flat'
says 'a full channel refused some blocks: yes'

"${programs}_limits" in other >said
says 'threads for CPU-bound, mixed, I/O-bound work: [0-9]*, [0-9]*, [0-9]*'
says 'a chunk of 256 KiB costs [0-9]* KiB; 64 MiB hold [0-9]* of them'
says 'in: 11 chunks, [0-9]* in flight, [0-9]* KiB held'
says 'other: 3 chunks, [0-9]* in flight, [0-9]* KiB held'
says '20 operations on 2 workers, within the budget'
says 'at 20 MB/s, faster than that: no'
says 'tasks: 3 taken, 2 refused; in the end 0, at most 3'
says 'four threads read all of it from one Reader'

"${programs}_trouble" in >said
says 'failed: .*no luck, chunk 3.*'
says 'memory held: 0, output: none'
says '300 operations, 1000 tasks: all done, no threads more than the Runtime may have'
says 'a worker that waits for itself: done'
says 'of 6 GB, while nothing was consumed, less than five chunks were taken'
