#!/usr/bin/env python3
"""Checks examples/existing_asio_server: how much the server with contexts differs from the one without, that the docs show
that difference, and that its log has the right id in every line while many requests are answered at once.

check.py diff SOURCE_DIR          check.py serve PROGRAM          check.py serve PROGRAM --plain
"""
import difflib
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ADDED, REMOVED = 9, 3  # lines; the first of either is the comment that says what the program is


def fail(message):
    sys.exit(f"FAILED: {message}")


def difference(source):
    here = source / "examples" / "existing_asio_server"
    old, new = ((here / name).read_text().splitlines() for name in ("server.cpp", "server_with_contexts.cpp"))
    return [line for line in difflib.unified_diff(old, new, n=0, lineterm="") if not line.startswith(("---", "+++", "@@"))]


def check_diff(source):
    lines = difference(source)
    counts = Counter(line[0] for line in lines)
    if (counts["+"], counts["-"]) != (ADDED, REMOVED):
        fail(f"{counts['+']} lines added and {counts['-']} removed, not {ADDED} and {REMOVED}:\n" + "\n".join(lines))
    shown = re.findall(r"^```diff\n(.*?)^```$", (source / "docs" / "existing-asio-code.md").read_text(), re.M | re.S)
    if shown != ["\n".join(lines) + "\n"]:
        fail("docs/existing-asio-code.md must show:\n" + "\n".join(lines))


def curl(port, client, requests):
    """Several requests of one client on one connection, each with its own id; what it got, in order."""
    command = ["curl", "--silent", "--show-error", "--max-time", "20"]
    for number in range(requests):
        command += ["--next", "--silent", "-H", f"X-Request-ID: c{client}.{number}",
                    f"http://127.0.0.1:{port}/c{client}.{number}"] if number else [
            "-H", f"X-Request-ID: c{client}.{number}", f"http://127.0.0.1:{port}/c{client}.{number}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_serve(program, plain):
    clients, requests = 16, 25
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            port = int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", server.stdout.readline())[1])
            with ThreadPoolExecutor(clients) as pool:
                answers = list(pool.map(lambda client: curl(port, client, requests), range(clients)))
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait(timeout=20)
        log.seek(0)
        lines = log.read().splitlines()
    if status != 0:
        fail(f"the server ended with status {status}")
    for client, got in enumerate(answers):
        if got != "".join(f"Hello, c{client}.{number}.\n" for number in range(requests)):
            fail(f"client {client} got {got!r}")
    ids = [f"c{client}.{number}" for client in range(clients) for number in range(requests)]
    prefix = "" if plain else "{id} | "
    expected = Counter()
    for id in ids:
        for text in ("received request {id}", "looked up {id}", "answered"):
            expected[(prefix + text).format(id=id)] += 1
    wrong = (Counter(lines) - expected) + (expected - Counter(lines))
    if wrong:
        fail(f"{sum(wrong.values())} log lines are wrong or missing, such as {list(wrong)[:5]}")
    print(f"{len(ids)} requests, {len(lines)} log lines")


if sys.argv[1] == "diff":
    check_diff(Path(sys.argv[2]))
else:
    check_serve(sys.argv[2], "--plain" in sys.argv)
