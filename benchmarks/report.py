#!/usr/bin/env python3
"""Runs the benchmarks and reports how coheir compares: a table of ratios, each with its target, and plots.

    benchmarks/report.py                       build and run with g++ 12 and clang 19, write docs/performance.md
    benchmarks/report.py --compiler g++-12     only with that one; the other's table is from its last run in this tree,
                                               without which --print is needed
    benchmarks/report.py --quick               fewer and shorter repetitions, and only a table printed
    benchmarks/report.py --print               print the table, and leave the documents alone
    benchmarks/report.py --json FILE           the table of what coheir_benchmarks has written before, built by the
                                               compiler that --compiler names (g++-12); with --docs
                                               DIRECTORY, that goes into its performance.md

It is a report and no test: a missed target is no failure, so it ends with 0 unless something is broken.
"""
import argparse
import json
import os
import platform
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import plots

ROOT = Path(__file__).resolve().parent.parent
COMPILERS = {"g++-12": "benchmarks", "clang++-19": "benchmarks-clang-19"}  # and their presets
FLAGS = "-std=c++20 -O2"

# ---- what is compared: (what, ours, of, limits of g++ and clang, how to read it)
# A row stands for its time an item; MORE for its throughput; "row:counter" for a counter, which is compared with
# its limit as it is: `of` is shown beside it.
# A limit is an upper one, of MORE a lower one; None is for information.
THREAD_LOCAL, MALLOC, RESUME = "floor/thread_local", "floor/malloc", "floor/resume"
LESS, MORE = "≤", "≥"
TARGETS = [
    ("Reading", [
        ("`get` by typed key, 8 keys / a thread-local", "get/typed/8/coheir", THREAD_LOCAL, 1.8, 2.2),
        ("`find` by typed key, 8 keys / a thread-local", "find/typed/8/coheir", THREAD_LOCAL, 1.8, 2.2),
        ("the same `get` in the body of a coroutine / a thread-local", "get/in_coroutine/8/coheir", THREAD_LOCAL,
         None, None),
        ("`get(key, default)` / a thread-local", "get/default/8/coheir", THREAD_LOCAL, None, None),
        *[(f"`{f}`, {n} / 8 keys", f"{f}/typed/{size}/coheir", f"{f}/typed/8/coheir", limit, limit)
          for f in ("get", "find") for n, size, limit in (("1 key", 1, 1.3), ("64", 64, 1.4), ("1,000", 1000, 2))],
        *[(f"`{f}`, {n} keys / a thread-local", f"{f}/typed/{size}/coheir", THREAD_LOCAL, None, None)
          for f in ("get", "find") for n, size in (("64", 64), ("1,000", 1000))],
        ("`get` by literal, 8 keys / unordered_map", "get/literal/8/coheir", "get/literal/8/unordered_map", .5, .5),
        ("`get` by typed key / Boost.Fiber's pointer", "get/typed/8/coheir", "get/typed/1/boost_fiber", None, None),
    ]),
    ("Writing", [
        ("`set` of an existing int, 8 keys / unordered_map", "set/typed/8/coheir", "set/typed/8/unordered_map", .6, .6),
    ]),
    ("Chained levels", [
        ("`get`, depth 64 / depth 1", "get/chain/64/coheir", "get/chain/1/coheir", 1.5, 1.5),
        ("`get`, depth 1 / a plain walk", "get/chain/1/coheir", "get/chain/1/walk", None, None),
        ("`get`, depth 64 / of one's own, 8 keys", "get/chain/64/coheir", "get/typed/8/coheir", None, None),
        ("the parent overwrites first, depth 64 / a plain walk", "get/chain_overwritten/64/coheir",
         "get/chain_overwritten/64/walk", 1, 1),
        ("the parent adds or removes a key first, depth 64 / a plain walk", "get/chain_restructured/64/coheir",
         "get/chain_restructured/64/walk", 1.2, 1.2),
        ("the same without what the change itself takes",
         ("get/chain_restructured/64/coheir", "get/chain_restructured/64/change_alone"),
         ("get/chain_restructured/64/walk", "get/chain_restructured/64/change_alone"), None, None),
    ]),
    ("Copying", [
        ("spawn, 1,000 keys / 1 key", "copying/spawn/1000/coheir", "copying/spawn/1/coheir", 1.2, 1.2),
        ("spawn, 1,000 keys / a copy of an unordered_map", "copying/spawn/1000/coheir",
         "copying/spawn/1000/unordered_map", None, None),
        *[(f"child that sets {what}, {n} keys / 8 keys", f"copying/{row}/{size}/coheir",
           f"copying/{row}/8/coheir", limit, limit)
          for row, what, limits in (("first_set", "an existing key", (2, 6)), ("new_key", "a new key", (2, 10)))
          for n, size, limit in zip(("64", "1,000"), (64, 1000), limits)],
        *[(f"the same without the spawn: {what}, {n} keys / 8 keys",
           (f"copying/{row}/{size}/coheir", f"copying/spawn/{size}/coheir"),
           (f"copying/{row}/8/coheir", "copying/spawn/8/coheir"), limit, limit)
          for row, what, limits in (("first_set", "an existing key", (2, 6)), ("new_key", "a new key", (2, 10)))
          for n, size, limit in zip(("64", "1,000"), (64, 1000), limits)],
        *[(f"child that sets a new key, {n} keys / 8 keys", f"copying/new_key/{n}/coheir", "copying/new_key/8/coheir",
           None, None) for n in (16, 24)],
    ]),
    ("Awaiting", [
        ("a child that ends at once / the least task", "await/child/coheir", "floor/await", 1.5, 1.75),
        ("a call in a tree / the least task", "await/fib/coheir", "floor/await_fib", 1.5, 1.75),
        ("a child / Boost.Asio", "await/child/coheir", "await/child/asio", None, None),
    ]),
    ("Spawning and joining", [
        ("`shared` / malloc and free", "spawn/shared/coheir", MALLOC, 2.6, 2.6),
        ("`copying`, 8 keys / malloc and free", "spawn/copying/coheir", MALLOC, 3, 3),
        ("`chained` / malloc and free", "spawn/chained/coheir", MALLOC, 3.2, 3.2),
        ("`shared` / Boost.Asio", "spawn/shared/coheir", "spawn/asio", None, None),
        ("`shared`, 50 tasks at a time / malloc and free", "spawn/shared_50/coheir", MALLOC, None, None),
    ]),
    ("Taking turns", [
        ("`yield` / resume and suspend", "yield/coheir", RESUME, 3, 3),
        ("`yield` / Boost.Asio", "yield/coheir", "yield/asio", .08, .08),
        ("`post` from 4 threads, throughput / Boost.Asio", "post/4/coheir", "post/4/asio", 2, 2, MORE),
        ("start and cancel a sleep, 100,000 pending, throughput / Boost.Asio", "timer/cancel/coheir",
         "timer/cancel/asio", 1, 1, MORE),
        ("the same / a coroutine of Boost.Asio", "timer/cancel/coheir", "timer/cancel_await/asio", None, None, MORE),
    ]),
    ("Allocations and exceptions for each item (where a peer has the row: / Boost.Asio's)", [
        ("a child that ends at once", "await/child/coheir:allocations", "await/child/asio:allocations", 0, 0),
        ("a call in a tree", "await/fib/coheir:allocations", None, 0, 0),
        ("spawn and join, `shared`", "spawn/shared/coheir:allocations", "spawn/asio:allocations", 0, 0),
        ("spawn and join, `copying`", "spawn/copying/coheir:allocations", None, 0, 0),
        ("spawn and join, `chained`", "spawn/chained/coheir:allocations", None, 0, 0),
        ("`yield`", "yield/coheir:allocations", "yield/asio:allocations", None, None),
        ("`post` from 4 threads", "post/4/coheir:allocations", "post/4/asio:allocations", None, None),
        ("start and cancel a sleep", "timer/cancel/coheir:allocations", "timer/cancel/asio:allocations", None, None),
        ("the same / a coroutine of Boost.Asio", "timer/cancel/coheir:allocations",
         "timer/cancel_await/asio:allocations", None, None),
        ("`set` of an existing int", "set/typed/8/coheir:allocations", None, None, None),
        ("a copying child that sets an existing key, 8 keys", "copying/first_set/8/coheir:allocations", None, None, None),
    ]),
    ("Memory: resident bytes of a sleeping task, beyond the frame of the least task", [
        ("`copying`, one key inherited", "memory/sleeping/copying/coheir:bytes", None, 224, 224),
        ("`chained`, with what it caches", "memory/sleeping/chained_cached/coheir:bytes", None, 400, 400),
    ]),
    ("Compiling", [
        ("`coheir/coheir.hpp` and a short task / std headers, with `-c`", "compile/-c/coheir", "compile/-c/std",
         1.6, 1.6),
        ("the same with `-fsyntax-only`", "compile/-fsyntax-only/coheir", "compile/-fsyntax-only/std", None, None),
        ("the same with `-O2 -c`", "compile/-O2 -c/coheir", "compile/-O2 -c/std", None, None),
        ("the std headers that `coheir.hpp` needs / std headers, with `-c`", "compile/-c/std_of_coheir",
         "compile/-c/std", None, None),
        ("`coheir/context.hpp` / std headers, with `-c`", "compile/-c/context", "compile/-c/std", .8, .8),
        ("the std headers that `context.hpp` needs / std headers, with `-c`", "compile/-c/std_of_context",
         "compile/-c/std", None, None),
    ]),
]

# ---- what is compiled

def includes(headers):
    return "".join(f"#include <{h}>\n" for h in headers)


def std_headers(header):
    """The standard headers that one of ours includes, itself or by others of ours."""
    ours, theirs = [ROOT / "include" / header], set()
    for path in ours:
        text = path.read_text()
        theirs |= set(re.findall(r"^#include <(\w+)>", text, re.M))
        ours += [p for name in re.findall(r'^#include "(.*)"', text, re.M) if (p := (path.parent / name).resolve()) not in ours]
    return sorted(theirs)


SOURCES = {
    "std": includes(("memory", "any", "string", "unordered_map", "functional")),
    "std_of_context": includes(std_headers("coheir/context.hpp")),
    "std_of_coheir": includes(std_headers("coheir/coheir.hpp")),
    "context": "#include <coheir/context.hpp>\n",
    "coheir": """#include <coheir/coheir.hpp>
coheir::task<int> add(int a, int b) {
    coheir::context::set("sum", a + b);
    co_await coheir::yield();
    co_return coheir::context::get<int>("sum").value();
}
""",
}


def run(*command, **more):
    print("$", *command, file=sys.stderr)
    return subprocess.run([str(c) for c in command], check=True, **more)


def output_of(*command):
    """Its output, or "unknown" where it fails or is not here."""
    try:
        return subprocess.run(command, cwd=ROOT, check=True, text=True, capture_output=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def typical(samples):
    """The lower quartile. Machines that others use, too, run slower for seconds, often for half of the time: this is
    what something takes while they do not, and less often off than a median."""
    return sorted(samples)[(len(samples) - 1) // 4]


def commit():
    """The commit that is measured; marked where what is measured differs from it."""
    changed = output_of("git", "status", "--porcelain", "--", "include", "benchmarks")
    return output_of("git", "rev-parse", "--short", "HEAD") + ("-dirty" if changed not in ("", "unknown") else "")


def compile_times(compiler, times):
    """Processor seconds; each turn compiles all in another order."""
    seconds = {}
    all_runs = [(flags, name) for flags in ("-fsyntax-only", "-c", "-O2 -c") for name in SOURCES]
    order = random.Random(1)
    with tempfile.TemporaryDirectory() as directory:
        for name, text in SOURCES.items():
            Path(directory, name + ".cpp").write_text(text)
        for turn in range(times + 1):  # the first warms the disk's cache
            for flags, name in order.sample(all_runs, len(all_runs)):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run([compiler, "-std=c++20", *flags.split(), "-o", os.devnull, "-I", ROOT / "include",
                                name + ".cpp"], check=True, cwd=directory, stderr=subprocess.DEVNULL)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                if turn > 0:
                    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                    seconds.setdefault(f"compile/{flags}/{name}", []).append(taken)
    return {row: {"ns": typical(all_of) * 1e9} for row, all_of in seconds.items()}


def rows_of(written):
    """The rows of Google Benchmark's JSON: the time of one item, and the counters."""
    samples = {}
    for b in written["benchmarks"]:
        if b.get("run_type") == "aggregate":
            continue
        if b.get("error_occurred"):
            raise SystemExit(f"{b['name']}: {b.get('error_message')}")
        name = re.sub(r"/(real_time|manual_time|(iterations|repeats):\d+)(?=/|$)", "", b["run_name"])
        counters = samples.setdefault(name, {})
        if "items_per_second" in b:
            counters.setdefault("ns", []).append(1e9 / b["items_per_second"])
        for counter in ("allocations", "resident", "bytes", "heap"):
            if counter in b:
                counters.setdefault(counter, []).append(b[counter])
    return {name: {c: typical(v) for c, v in counters.items()} for name, counters in samples.items()}


def run_rows(binary, repetitions, min_time, filter, pin):
    """Repetitions of all rows are mixed, so that what slows the machine down for a while hits all alike."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        run(*(["taskset", "--cpu-list", pin] if pin is not None and shutil.which("taskset") else []), binary,
            f"--benchmark_repetitions={repetitions}", f"--benchmark_min_time={min_time}",
            "--benchmark_enable_random_interleaving=true", f"--benchmark_filter={filter}",
            f"--benchmark_out={file.name}", "--benchmark_out_format=json", stdout=subprocess.DEVNULL)
        return rows_of(json.load(file))


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, {system[1] if system else 'Linux'}"


def rows_with_targets():
    """The names of the rows of the table that run on one core."""
    of = [row for _, targets in TARGETS for target in targets for row in target[1:3] if row]
    names = {name.partition(":")[0] for row in of for name in (row if isinstance(row, tuple) else (row,))}
    return {name for name in names if not name.startswith(("post/", "compile/"))}


def only(rows):
    """A filter for just these."""
    return f"^({'|'.join(sorted(rows))})(/iterations:1)?$"


def rows_of_program(binary):
    listed = run(binary, "--benchmark_list_tests", text=True, stdout=subprocess.PIPE).stdout
    return {re.sub(r"/iterations:\d+$", "", name) for name in listed.split()}


def measure(compiler, args):
    preset = COMPILERS[compiler]
    about = {"machine": machine(), "compiler": output_of(compiler, "--version").splitlines()[0], "flags": FLAGS,
             "commit": commit(),
             "date": output_of("date", "--utc", "+%Y-%m-%d"), "load": f"{os.getloadavg()[2]:.1f}"}
    run("cmake", "--preset", preset, cwd=ROOT, stdout=sys.stderr)
    run("cmake", "--build", "--preset", preset, cwd=ROOT, stdout=sys.stderr)
    binary = ROOT / "build" / preset / "benchmarks" / "coheir_benchmarks"
    # What has a target is measured thoroughly; of the curves, the shape counts.
    repetitions, min_time, compilations = (3, .03, 3) if args.quick else (args.repetitions, .06, 9)
    judged_rows = rows_with_targets()
    memory_rows = {row for row in rows_of_program(binary) if row.startswith("memory/")}
    rows = run_rows(binary, 4, min_time / 2, f"-{only(judged_rows)}|^(post|memory)/", args.core)
    rows |= run_rows(binary, repetitions, min_time, only(judged_rows - memory_rows), args.core)
    for row in sorted(memory_rows):  # what others leave unused in pages that they share would be counted, too
        rows |= run_rows(binary, 1, min_time, only({row}), args.core)
    rows |= run_rows(binary, repetitions, min_time, "^post/", None)  # on all cores
    rows |= compile_times(compiler, compilations)
    return {**about, "repetitions": repetitions, "rows": rows}


# ---- the table

def value(rows, of):
    """The time of a row or the difference of two, or a counter; None where it was not measured."""
    if isinstance(of, tuple):
        a, b = (value(rows, row) for row in of)
        return a - b if a is not None and b is not None else None
    row, _, counter = of.partition(":")
    return rows.get(row, {}).get(counter or "ns")


def judged(rows, which, what, ours, of, *limits_and_kind):
    """One line of the table: what, the measured values, the ratio, the target, whether it holds."""
    kind = limits_and_kind[2] if len(limits_and_kind) > 2 else LESS
    limit = limits_and_kind[which]
    target = "" if limit is None else f"{kind} {limit:g}"
    a, b = value(rows, ours), of and value(rows, of)
    counts = ":" in ours
    if a is None or of and b is None and not counts or not counts and min(a, b) <= 0:
        return what, "", "not measured", target, "" if limit is None else "not measured"
    if isinstance(ours, str) and ours.endswith((":bytes", ":heap")):
        a = round(a)  # what is there once is a fraction of a byte for each
    if counts:
        # What grows once, such as a vector, is next to nothing for each item.
        ratio, shown = a, "0" if a < 1e-6 else f"{a:.3g}"
        values = "" if b is None else f"{shown} / {'0' if b < 1e-6 else f'{b:.3g}'}"
    else:
        ratio = b / a if kind == MORE else a / b
        values, shown = " / ".join(plots.quantity(x, "ns") for x in (a, b)), f"{ratio:.3g}"
    if limit is None:
        return what, values, shown, target, ""
    holds = ratio >= limit if kind == MORE else ratio <= limit + counts * 1e-6
    return what, values, shown, target, "holds" if holds else "**missed**"


def table(result, compiler):
    which = list(COMPILERS).index(compiler)
    lines, verdicts = [], []
    for group, targets in TARGETS:
        lines += [f"| **{group}** | | | | |"]
        for target in targets:
            line = judged(result["rows"], which, *target)
            verdicts.append(line[-1].strip("*"))
            lines.append("| " + " | ".join(line) + " |")
    head = ["| what | measured | ratio or count | target | |", "| --- | --- | --- | --- | --- |"]
    counts = {v: verdicts.count(v) for v in ("holds", "missed", "not measured")}
    summary = f"{counts['holds']} targets hold, {counts['missed']} are missed"
    if counts["not measured"]:
        summary += f", {counts['not measured']} were not measured"
    return head + lines, summary


# ---- the plots

def curve(rows, topic, who="coheir", counter="ns"):
    points = {}
    for name, counters in rows.items():
        if (m := re.fullmatch(rf"{re.escape(topic)}/(\d+)/{re.escape(who)}", name)) and counter in counters:
            points[int(m[1])] = counters[counter]
    return {x: y for x, y in points.items() if y > 0}


def make_plots(result):
    rows = result["rows"]
    note = f"{result['machine']}; {result['compiler'].split(' (')[0]} {result['flags']}; {result['commit']}"

    def time(row):
        return value(rows, row)

    return {
        "peers": plots.dots("What an operation takes, in nanoseconds", "ns", [
            (label, [("coheir", time(f"{row}/coheir" if ours is None else ours)), ("Boost.Asio", time(row + "/asio")),
                     ("Asio", time(row + "/asio_standalone")), ("the machine's floor", floor and time(floor))])
            for label, row, ours, floor in (
                ("await a child", "await/child", None, "floor/await"),
                ("spawn a task and join it", "spawn", "spawn/copying/coheir", MALLOC),
                ("yield", "yield", None, RESUME),
                ("post, from four threads", "post/4", None, None),
                ("start and cancel a sleep", "timer/cancel", None, None))],
            note),
        "keys": plots.curves("What a look-up or a change takes, against the number of keys", "keys in the context",
                             "ns", [
            ("get", curve(rows, "get/typed"), False),
            ("find, typed keys in turn", curve(rows, "find/spread"), False),
            ("set", curve(rows, "set/typed"), False),
            ("unordered_map: find, strings in turn", curve(rows, "find/spread", "unordered_map"), True)], note),
        "copying": plots.curves("What a copying child takes, against the number of keys", "keys in the context", "ns", [
            ("spawn", curve(rows, "copying/spawn"), False),
            ("spawn + set in the child", curve(rows, "copying/first_set"), False),
            ("spawn + new key in the child", curve(rows, "copying/new_key"), False),
            ("a copy of an unordered_map", curve(rows, "copying/spawn", "unordered_map"), True)], note),
        "chain": plots.curves("What a look-up of an inherited key takes, against the depth of the chain",
                              "levels between the task and the key", "ns", [
            ("get", curve(rows, "get/chain"), False),
            ("a plain walk", curve(rows, "get/chain", "walk"), True)], note),
        "tasks": plots.curves("What an operation takes, against the number of live tasks", "live tasks", "ns", [
            ("yield", curve(rows, "live/yield"), False),
            ("spawn and join one", curve(rows, "live/spawn"), False),
            ("sleep once, the clock moved by hand", curve(rows, "live/sleep"), False),
            ("start and cancel a sleep", curve(rows, "live/cancel"), False),
            ("Boost.Asio: post to oneself", curve(rows, "live/yield", "asio"), True),
            ("Boost.Asio: start and cancel", curve(rows, "live/cancel", "asio"), True)], note),
        "memory": plots.dots("What a sleeping task takes, in resident bytes, its frame included", "B", [
            (label, [("coheir", value(rows, f"memory/sleeping/{row}/coheir:resident")),
                     ("Boost.Asio", value(rows, f"memory/sleeping/{row}:resident"))])
            for label, row in (("shared", "shared"), ("copying", "copying"), ("isolated", "isolated"),
                               ("chained", "chained"), ("chained, with what it caches", "chained_cached"),
                               ("a coroutine and its timer", "asio"))], note),
        "memory_live": plots.curves("What a sleeping task takes, against the number of live tasks", "live tasks", "B", [
            ("copying, one key inherited", curve(rows, "memory/live", counter="resident"), False)], note),
        "memory_keys": plots.curves("What contexts take in memory, against the number of keys",
                                    "keys in the context", "B", [
            ("a sleeping task and its context", curve(rows, "memory/context", counter="heap"), False),
            ("a copying child that set one key, and sleeps", curve(rows, "memory/changed_child", counter="heap"), False),
            ("a copy of an unordered_map", curve(rows, "memory/copy", "unordered_map", "heap"), True)], note),
    }


# ---- the documents

BEGIN, END = "<!-- written by benchmarks/report.py -->\n", "<!-- end -->\n"
TITLES = {
    "peers": "coheir and its peers", "keys": "Keys", "copying": "Copying", "chain": "Chains", "tasks": "Live tasks",
    "memory": "Memory of a task", "memory_live": "Memory against live tasks", "memory_keys": "Memory of keys",
}


def check_document(directory, compilers):
    """Ends the program where a table would be lost."""
    document = directory / "performance.md"
    old = document.read_text() if document.exists() else "# Performance\n" + BEGIN + END
    if BEGIN not in old or END not in old:
        raise SystemExit(f"{document} has no lines {BEGIN.strip()} and {END.strip()}")
    for lost in set(re.findall("^## With (.*)$", old, re.M)) - set(compilers):
        raise SystemExit(f"{document} has a table of {lost}, of which there is no run in this tree: measure that, too, or "
                         "say --print")
    return old


def write_documents(results, directory):
    directory.mkdir(parents=True, exist_ok=True)
    document = directory / "performance.md"
    old = check_document(directory, results)
    pictures = directory / "performance"
    pictures.mkdir(exist_ok=True)
    lines = []
    first = next(iter(results.values()))
    for name, svg in make_plots(first).items():
        if svg:
            (pictures / f"{name}.svg").write_text(svg)
            lines += [f"### {TITLES[name]}", f"![{TITLES[name]}](performance/{name}.svg)", ""]
    for compiler, result in results.items():
        text, summary = table(result, compiler)
        lines += [f"## With {compiler}",
                  f"{result['machine']}. {result['compiler']}, `{result['flags']}`. Commit {result['commit']}, "
                  f"{result['date']}. Lower quartiles of {result['repetitions']} repetitions (of memory, one); load of the machine "
                  f"before it {result['load']}. {summary}.", "", *text, ""]
    written = BEGIN + "\n".join(lines) + END
    document.write_text(old[:old.index(BEGIN)] + written + old[old.index(END) + len(END):])
    print(f"wrote {document} and {pictures}", file=sys.stderr)


def print_table(result, compiler):
    print(f"{compiler}: {result['machine']}; {result['compiler']}; {result['commit']}")
    text, summary = table(result, compiler)
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in text if "---" not in line]
    widths = [max(len(line[i]) for line in cells) for i in range(5)]
    for line in cells:
        print("  ".join(c.ljust(w) for c, w in zip(line, widths)).replace("*", "").rstrip())
    print(summary + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", choices=[*COMPILERS, "both"], default="both")
    parser.add_argument("--quick", action="store_true", help="3 short repetitions, which are printed and forgotten")
    parser.add_argument("--repetitions", type=int, default=15, help="unless --quick")
    parser.add_argument("--core", default=str((os.cpu_count() or 1) - 1), help="where all but post runs")
    parser.add_argument("--print", action="store_true", help="print only")
    parser.add_argument("--again", action="store_true", help="measure nothing, take what was measured last")
    parser.add_argument("--json", type=Path, help="output of coheir_benchmarks to take instead of running it")
    parser.add_argument("--docs", type=Path, help="where performance.md is")
    args = parser.parse_args()
    chosen = list(COMPILERS) if args.compiler == "both" else [args.compiler]
    docs = None if args.print or args.quick else args.docs or (None if args.json else ROOT / "docs")
    if docs and not args.json:
        there = {c for c, preset in COMPILERS.items() if (ROOT / "build" / preset / "report.json").exists()}
        check_document(docs, there if args.again else there | set(chosen))

    results = {}
    for compiler, preset in COMPILERS.items():
        kept = ROOT / "build" / preset / "report.json"
        if args.json:
            if compiler == chosen[0]:
                written = json.loads(args.json.read_text())
                results[compiler] = {"machine": machine(), "compiler": compiler, "flags": FLAGS, "commit": "unknown",
                                     "date": written["context"]["date"][:10], "load": "unknown",
                                     "repetitions": "unknown", "rows": rows_of(written)}
        elif compiler in chosen and not args.again:
            results[compiler] = measure(compiler, args)
            if not args.quick:
                kept.write_text(json.dumps(results[compiler], indent=1))
        elif kept.exists():
            results[compiler] = json.loads(kept.read_text())
    if not results:
        raise SystemExit("nothing was measured before")
    for compiler, result in results.items():
        print_table(result, compiler)
    if docs:
        write_documents(results, docs)
    else:
        print("the documents are left alone", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(f"report.py: this failed: {' '.join(map(str, failed.cmd))[:200]}")
    except BrokenPipeError:
        sys.exit(1)
    except OSError as missing:
        sys.exit(f"report.py: {missing}: docs/performance.md says what is to be installed")
    except (json.JSONDecodeError, KeyError) as wrong:
        sys.exit(f"report.py: that file is no output of coheir_benchmarks: {wrong}")
