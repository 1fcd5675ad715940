#!/usr/bin/env python3
"""Compares two HTTP servers under wrk, over 64 connections, one thread each.

  http_throughput.py PROGRAM BASELINE [PAIRS] [TURNS]    requests per second, and CPU time of a request: in pairs of
                                                         processes that serve by turns, a second each
  http_throughput.py --instructions PROGRAM...           by callgrind: instructions of a request, without the kernel's

`cmake --workflow --preset benchmarks` builds the programs in build/benchmarks/benchmarks: coheir_http, which has
contexts, coheir_http_plain_any_executor, the same in asio::awaitable, and coheir_http_plain, by the executor of
io_context, which is faster. wrk and valgrind are Debian's.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, *command):
        self.process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().split()
        if line[:2] != ["listening", "on"]:
            sys.exit(f"{command[-1]} is no such server: it does not say where it listens")
        self.url = "http://" + line[2] + "/ada"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """What it has written to its stderr."""
        if self.process.poll() is None:
            self.process.terminate()
            self.errors = self.process.communicate()[1]
        return self.errors

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def load(self, seconds):
        """How many requests there were, and how many a second."""
        out = subprocess.run(["wrk", "-t1", "-c64", f"-d{seconds}s", self.url], capture_output=True, text=True,
                             check=True).stdout
        if "Non-2xx" in out or "Socket errors" in out:
            sys.exit(f"{self.url} did not answer each request:\n{out}")
        return int(re.search(r"(\d+) requests in", out)[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])

    def run(self, seconds):
        """Requests per second, and microseconds of CPU time for each request."""
        before = self.cpu_seconds()
        requests, rate = self.load(seconds)
        return rate, (self.cpu_seconds() - before) / requests * 1e6


def instructions(program, seconds):
    """Of how many requests, and of all of them, from the start of the program to its end."""
    with tempfile.TemporaryDirectory() as directory:
        with Server("valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/counts", program) as server:
            requests, _ = server.load(seconds)
            return requests, int(re.search(r"Collected : (\d+)", server.stop())[1])


def require(programs, tool):
    for program in (*programs, tool):
        if not shutil.which(program):
            sys.exit(f"{program} is no program here")


def compare(program, baseline, pairs, turns):
    rates, costs = [], []
    for pair in range(pairs):  # in processes of their own: where memory lies makes a difference of several percent
        with Server(program) as server, Server(baseline) as base:
            runs = {server: [], base: []}
            for turn in range(turns):
                for each in (server, base) if turn % 2 else (base, server):
                    runs[each].append(each.run(1))
        # A machine that others use, too, is slow for seconds: what counts is how fast each is while it is not.
        best = [sorted(runs[each], reverse=True)[:max(1, turns // 4)] for each in (server, base)]
        (rate, cost), (base_rate, base_cost) = ([statistics.mean(x) for x in zip(*taken)] for taken in best)
        rates.append(rate / base_rate)
        costs.append(base_cost / cost)
        print(f"{rate:9.0f} / {base_rate:9.0f} requests/s: {rates[-1]:.3f};  "
              f"CPU {cost:6.2f} / {base_cost:6.2f} us a request: {costs[-1]:.3f}", flush=True)
    print(f"median of {pairs} pairs: {statistics.median(rates):.3f} of the throughput, "
          f"{statistics.median(costs):.3f} of the requests for the same CPU time")


def main(arguments):
    if arguments[:1] == ["--instructions"] and len(arguments) > 1:
        require(arguments[1:], "valgrind")
        for program in arguments[1:]:
            (few, start), (many, all_of) = instructions(program, 2), instructions(program, 10)
            print(f"{program}: {(all_of - start) / (many - few):.0f} instructions a request", flush=True)
    elif len(arguments) in (2, 3, 4) and all(n.isdecimal() and int(n) > 0 for n in arguments[2:]):
        require(arguments[:2], "wrk")
        pairs, turns = arguments[2:] + ["12", "8"][len(arguments) - 2:]
        compare(*arguments[:2], int(pairs), int(turns))
    else:
        sys.exit(__doc__.strip())


main(sys.argv[1:])
