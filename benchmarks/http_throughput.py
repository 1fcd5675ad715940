#!/usr/bin/env python3
"""Compares two HTTP servers in pairs of runs of wrk: requests per second, and the CPU time of each request.

  http_throughput.py PROGRAM BASELINE [PAIRS] [SECONDS]
"""
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, program):
        self.process = subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, text=True)
        self.url = "http://" + self.process.stdout.readline().split()[-1] + "/ada"

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def run(self, seconds):
        """Requests per second, and microseconds of CPU time for each request."""
        before = self.cpu_seconds()
        out = subprocess.run(["wrk", "-t1", "-c64", f"-d{seconds}s", self.url], capture_output=True, text=True,
                             check=True).stdout
        requests = int(re.search(r"(\d+) requests in", out)[1])
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
        return rate, (self.cpu_seconds() - before) / requests * 1e6


pairs, seconds = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((3, 10), (4, 3)))
rates, costs = [], []
for pair in range(pairs):  # in processes of their own: where memory lies makes a difference of several percent
    servers = [Server(path) for path in sys.argv[1:3]]
    for server in servers:
        server.run(1)
    measured = {server: server.run(seconds) for server in (servers if pair % 2 else reversed(servers))}
    (rate, cost), (base_rate, base_cost) = (measured[server] for server in servers)
    rates.append(rate / base_rate)
    costs.append(base_cost / cost)
    print(f"{rate:9.0f} / {base_rate:9.0f} requests/s: {rates[-1]:.3f};  "
          f"CPU {cost:6.2f} / {base_cost:6.2f} us a request: {costs[-1]:.3f}", flush=True)
    for server in servers:
        server.process.terminate()
        server.process.wait()
print(f"median of {pairs} pairs: {statistics.median(rates):.3f} of the throughput, "
      f"{statistics.median(costs):.3f} of the requests for the same CPU time")
