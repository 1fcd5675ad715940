#!/usr/bin/env python3
"""Counts the instructions that one item of a benchmark takes, by function, with valgrind's callgrind.

  instructions.py PROGRAM ROW          for example build/benchmarks/benchmarks/coheir_benchmarks spawn/shared/coheir

PROGRAM is built by `cmake --workflow --preset benchmarks`, where valgrind was installed by then; ROW is the name of one
of its benchmarks. Only what the row measures is counted, not what sets it up; of several threads, the row's own.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
    sys.exit(__doc__.strip())
program, row = sys.argv[1:]
for tool in (program, "valgrind"):
    if not shutil.which(tool):
        sys.exit(f"{tool} is no program here")
with tempfile.TemporaryDirectory() as temporary:
    counts = Path(temporary) / "counts"
    ran = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={counts}",
                          program, f"--benchmark_filter=^{re.escape(row)}(/real_time)?$", "--benchmark_min_time=0.001"],
                         check=True, capture_output=True, text=True, env={**os.environ, "LD_BIND_NOW": "1"})
    listed = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", counts], check=True, capture_output=True,
                            text=True).stdout
items = sum(map(int, re.findall(r"(\d+) items$", ran.stderr, re.MULTILINE)))
if not items:
    sys.exit(f"{row} is no row of {program} that is counted (floors are not), or it was built without valgrind's headers: "
             "then delete its build directory, and build it again")
if items < 100:
    sys.exit(f"{row} was run for {items} items only: what surrounds them would be counted as theirs")
functions = Counter()
for instructions, name in re.findall(r"^ *([\d,]+) \([ \d.]+%\)  [^:\n]*:(.*)$", listed, re.MULTILINE):
    functions[re.sub(r" \[[^\]]*\]$|'2|\(anonymous namespace\)::", "", name)] += int(instructions.replace(",", ""))
print(f"{row}: {sum(functions.values()) / items:.1f} instructions an item")
for name, instructions in functions.most_common():
    if instructions / items >= 0.5:
        print(f"{instructions / items:8.1f}  {name}")
