#!/usr/bin/env python3
"""Checks examples/existing_asio_server: how much the server with contexts differs from the one without, that the docs show
that difference, and that its log has the right id in every line while many requests are answered at once. In tests/ there is
one more, on a pool of threads: that differs little from the one with contexts.

check.py diff SOURCE_DIR          check.py serve PROGRAM [--plain]          check.py load PROGRAM [--sanitized]
"""
import asyncio
import difflib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Lines that differ; one of either is the comment that says what the program is.
ADDED, REMOVED = 9, 3
ADDED_FOR_A_POOL, REMOVED_FOR_A_POOL = 8, 7


def fail(message):
    sys.exit(f"FAILED: {message}")


def difference(old, new, added, removed):
    diff = difflib.unified_diff(old.read_text().splitlines(), new.read_text().splitlines(), n=0, lineterm="")
    lines = [line for line in diff if not line.startswith(("---", "+++", "@@"))]
    counts = Counter(line[0] for line in lines)
    if (counts["+"], counts["-"]) != (added, removed):
        fail(f"{counts['+']} lines added and {counts['-']} removed, not {added} and {removed}:\n" + "\n".join(lines))
    return lines


def check_diff(source):
    here = source / "examples" / "existing_asio_server"
    with_contexts = here / "server_with_contexts.cpp"
    lines = difference(here / "server.cpp", with_contexts, ADDED, REMOVED)
    on_a_pool = source / "tests" / "existing_asio_server" / "server_on_a_pool.cpp"
    difference(with_contexts, on_a_pool, ADDED_FOR_A_POOL, REMOVED_FOR_A_POOL)
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


def run_server(program, talk):
    """Starts it, calls talk(port, server), stops it; what talk has returned, and the lines of the log."""
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            port = int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", server.stdout.readline())[1])
            result = talk(port, server)
            time.sleep(0.5)  # the last answers are logged after they are sent
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait(timeout=20)
        log.seek(0)
        lines = log.read().splitlines()
    if status != 0:
        fail(f"the server ended with status {status}")
    return result, lines


def check_log(lines, ids, prefix):
    expected = Counter()
    for id in ids:
        for text in ("received request {id}", "looked up {id}", "answered"):
            expected[(prefix + text).format(id=id)] += 1
    wrong = (Counter(lines) - expected) + (expected - Counter(lines))
    if wrong:
        fail(f"{sum(wrong.values())} log lines are wrong or missing, such as {list(wrong)[:5]}")
    print(f"{len(ids)} requests, {len(lines)} log lines")


def check_serve(program, plain):
    clients, requests = 16, 25

    def talk(port, _):
        with ThreadPoolExecutor(clients) as pool:
            return list(pool.map(lambda client: curl(port, client, requests), range(clients)))

    answers, lines = run_server(program, talk)
    for client, got in enumerate(answers):
        if got != "".join(f"Hello, c{client}.{number}.\n" for number in range(requests)):
            fail(f"client {client} got {got!r}")
    ids = [f"c{client}.{number}" for client in range(clients) for number in range(requests)]
    check_log(lines, ids, "" if plain else "{id} | ")


async def send(port, ids):
    """One connection, one request after the other, every other one with a line break that would forge a line of the log, and
    the header's name in small letters; closed in the middle of one more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number, id in enumerate(ids):
        forged, name = ("\nforged | line", "x-request-id:") if number % 2 else ("", "X-Request-ID: ")
        writer.write(f"GET /{id}{forged} HTTP/1.1\r\n{name}{id}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
        if body.decode() != f"Hello, {id}.\n":
            fail(f"{id} got {body!r}")
    writer.write(b"GET /unfinished HTTP")
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def check_load(program, sanitized):
    """In parts, of which each brings as many new connections: what they have needed is free again."""
    connections, requests, parts = 64, 15 if sanitized else 80, 4
    ids = [[[f"p{part}.c{client}.{number}" for number in range(requests)] for client in range(connections)]
           for part in range(parts)]

    async def one_part(port, part):
        await asyncio.gather(*(send(port, of_client) for of_client in ids[part]))

    def resident_kib(server):
        return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())[1])

    def talk(port, server):
        asyncio.run(one_part(port, 0))
        resident = resident_kib(server)
        for part in range(1, parts):
            asyncio.run(one_part(port, part))
        return resident_kib(server) - resident

    grown, lines = run_server(program, talk)
    check_log(lines, [id for part in ids for of_client in part for id in of_client], "{id} | ")
    print(f"resident memory has grown by {grown} KiB since the first part")
    if grown > 1024 and not sanitized:
        fail(f"resident memory has grown by {grown} KiB")


if sys.argv[1] == "diff":
    check_diff(Path(sys.argv[2]))
elif sys.argv[1] == "load":
    check_load(sys.argv[2], "--sanitized" in sys.argv)
else:
    check_serve(sys.argv[2], "--plain" in sys.argv)
