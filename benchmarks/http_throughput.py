#!/usr/bin/env python3
"""Compares two HTTP servers under wrk, over 64 connections, one thread each.

  http_throughput.py PROGRAM BASELINE [PAIRS] [TURNS]    requests per second, and CPU time of a request: in pairs of
                                                         processes that serve by turns, a second each
  http_throughput.py --instructions PROGRAM...           by callgrind: instructions of a request, the kernel's apart

The programs are coheir_http, coheir_http_plain and coheir_http_plain_any_executor, which the benchmarks' preset builds;
wrk and valgrind are Debian's.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, *command):
        self.process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = "http://" + self.process.stdout.readline().split()[-1] + "/ada"

    def stop(self):
        self.process.terminate()
        return self.process.communicate()[1]

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
        server = Server("valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/counts", program)
        requests, _ = server.load(seconds)
        return requests, int(re.search(r"Collected : (\d+)", server.stop())[1])


if sys.argv[1] == "--instructions":
    for program in sys.argv[2:]:
        (few, start), (many, all_of) = instructions(program, 2), instructions(program, 10)
        print(f"{program}: {(all_of - start) / (many - few):.0f} instructions a request", flush=True)
    sys.exit()

pairs, turns = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((3, 10), (4, 8)))
rates, costs = [], []
for pair in range(pairs):  # in processes of their own: where memory lies makes a difference of several percent
    servers = [Server(path) for path in sys.argv[1:3]]
    runs = {server: [] for server in servers}
    for turn in range(turns):
        for server in servers if turn % 2 else reversed(servers):
            runs[server].append(server.run(1))
    # A machine that others use, too, is slow for seconds: what counts is how fast each is while it is not.
    best = {server: sorted(taken, reverse=True)[:max(1, turns // 4)] for server, taken in runs.items()}
    (rate, cost), (base_rate, base_cost) = ([statistics.mean(x) for x in zip(*best[server])] for server in servers)
    rates.append(rate / base_rate)
    costs.append(base_cost / cost)
    print(f"{rate:9.0f} / {base_rate:9.0f} requests/s: {rates[-1]:.3f};  "
          f"CPU {cost:6.2f} / {base_cost:6.2f} us a request: {costs[-1]:.3f}", flush=True)
    for server in servers:
        server.stop()
print(f"median of {pairs} pairs: {statistics.median(rates):.3f} of the throughput, "
      f"{statistics.median(costs):.3f} of the requests for the same CPU time")
