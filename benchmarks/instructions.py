#!/usr/bin/env python3
"""Counts the instructions that one item of a benchmark takes, by function, with callgrind.

  instructions.py PROGRAM ROW

PROGRAM is coheir_benchmarks, built where valgrind is installed; ROW is the name of one of its benchmarks. Only what
the row measures is counted, not what sets it up.
"""
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

program, row = sys.argv[1:]
with tempfile.TemporaryDirectory() as temporary:
    counts = Path(temporary) / "counts"
    ran = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={counts}",
                          program, f"--benchmark_filter=^{re.escape(row)}(/real_time)?$", "--benchmark_min_time=0.001"],
                         check=True, capture_output=True, text=True)
    listed = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", counts], check=True, capture_output=True,
                            text=True).stdout
items = sum(map(int, re.findall(r"(\d+) items$", ran.stderr, re.MULTILINE)))
if not items:
    sys.exit(f"{row} is no row of {program} that is counted (floors are not), or it was built without valgrind's headers")
functions = Counter()
for instructions, name in re.findall(r"^ *([\d,]+) \([ \d.]+%\)  [^:\n]*:(.*)$", listed, re.MULTILINE):
    functions[re.sub(r" \[[^\]]*\]$|'2|\(anonymous namespace\)::", "", name)] += int(instructions.replace(",", ""))
print(f"{row}: {sum(functions.values()) / items:.1f} instructions an item")
for name, instructions in functions.most_common():
    if instructions / items >= 0.5:
        print(f"{instructions / items:8.1f}  {name}")
