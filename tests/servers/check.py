#!/usr/bin/env python3
"""Starts a server, talks to it over loopback, and stops it; fails with a sentence.

  check.py CHECK PROGRAM [--threads N] [--requests N] [--sanitized]

CHECK is one of the functions below that are marked as checks.
"""
import argparse
import re
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CHECKS = {}


def check(function):
    CHECKS[function.__name__] = function
    return function


def must(condition, sentence):
    if not condition:
        raise SystemExit(f"FAILED: {sentence}")


class Server:
    """The program as a process of its own, on a free port."""

    def __init__(self, options, *arguments):
        self.log = tempfile.TemporaryFile("w+")
        command = [options.program, "--port", "0", *arguments]
        if options.threads > 1:
            command += ["--threads", str(options.threads)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline() if ready else ""
        match = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        if not match:
            self.process.kill()
        must(match, f"the first line on stdout is {line!r}")
        self.port = int(match[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
            self.process.wait()
            self.log.seek(0)
            sys.stderr.write(self.log.read()[-5000:])
            return
        self.stop(signal.SIGTERM)

    def stop(self, how):
        if self.process.returncode is not None:
            return
        must(self.process.poll() is None, f"the server has ended by itself, with {self.process.returncode}")
        self.process.send_signal(how)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            must(False, "the server does not stop")
        if status != 0:
            self.log.seek(0)
            sys.stderr.write(self.log.read()[-5000:])
        must(status == 0, f"the server ends with status {status} on {how.name}")

    def lines(self):
        self.log.seek(0)
        return self.log.read().splitlines()

    def resident_kib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    def connect(self, receive_buffer=None):
        s = socket.socket()
        if receive_buffer:  # before connecting: it bounds the window that the server sees
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(30)
        s.connect(("127.0.0.1", self.port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s


class Response:
    def __init__(self, stream):
        line = stream.readline()
        must(line, "the connection was closed instead of a response")
        self.status = int(line.split()[1])
        self.headers = {}
        while (line := stream.readline().strip()):
            name, _, value = line.partition(b":")
            self.headers[name.decode().lower()] = value.strip().decode()
        self.body = stream.read(int(self.headers.get("content-length", "0"))).decode()


def greeting(name, request_id):
    return f"Hello, {name}. Your request id is {request_id}.\n"


def curl(*arguments):
    """Status, headers and body of the last response."""
    done = subprocess.run(["curl", "--silent", "--include", "--max-time", "30", *arguments],
                          capture_output=True, check=True)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}, body.decode()


def still_serves(server, what):
    """After something unfriendly: a request gets its answer, with its id."""
    status, headers, body = curl("-H", "X-Request-ID: still-here", server.url + "/ada")
    must(status == 200 and headers["x-request-id"] == "still-here" and body == greeting("ada", "still-here"),
         f"after {what}: {status} {headers} {body!r}")


def get(name, *lines):
    return "".join(f"{line}\r\n" for line in (f"GET /{name} HTTP/1.1", "Host: x", *lines, "")).encode()


# ---- a client that nobody here wrote

@check
def greets(options):
    with Server(options) as server:
        status, headers, body = curl(server.url + "/ada")
        must(status == 200, f"status {status}")
        must(UUID.fullmatch(headers["x-request-id"]), f"no fresh id: {headers}")
        must(body == greeting("ada", headers["x-request-id"]), f"body {body!r} for {headers}")
        other = curl(server.url + "/ada")[1]["x-request-id"]
        must(other != headers["x-request-id"], "the same fresh id twice")
        _, headers, body = curl(server.url + "/")
        must(body == greeting("Anonymous", headers["x-request-id"]), f"body {body!r}")
        # One connection, several requests.
        verbose = subprocess.run(["curl", "-sv", server.url + "/a", server.url + "/b"], capture_output=True,
                                 text=True, check=True)
        must("Re-using existing connection" in verbose.stderr, "the connection is not kept alive")
        ids = UUID.findall(verbose.stdout)
        must(len(set(ids)) == 2, f"ids on one connection: {ids}")
        must(curl("-H", "Connection: close", server.url + "/a")[0] == 200, "Connection: close")
        must(curl("--http1.0", server.url + "/a")[0] == 200, "HTTP/1.0")


@check
def does_what_the_readme_shows(options):
    """The calls of curl in it, and what they print: but for the fresh id."""
    readme = (HERE.parent.parent / "README.md").read_text()
    block = re.search(r"## In a real server\n.*?```text\n(.*?)```", readme, re.S)[1]
    calls = re.findall(r"^\$ (curl .*)\n((?:[^$].*\n)+)", block, re.M)
    must(len(calls) == 2, f"README.md shows {len(calls)} calls of curl")
    with Server(options) as server:
        for command, shown in calls:
            must("localhost:8080" in command, command)
            done = subprocess.run(command.replace("localhost:8080", f"127.0.0.1:{server.port}"), shell=True,
                                  capture_output=True, text=True, check=True)
            must(UUID.sub("ID", done.stdout) == UUID.sub("ID", shown), f"{command} prints {done.stdout!r}, not {shown!r}")
    must(UUID.search(block), "README.md shows no fresh id")


@check
def validates_ids(options):
    with Server(options) as server:
        for good in ("a", "A-Z.a_z-09", "x" * 128, "-", "..."):
            _, headers, body = curl("-H", f"X-Request-ID: {good}", server.url + "/ada")
            must(headers["x-request-id"] == good, f"{good!r} gives {headers}")
            must(body == greeting("ada", good), f"{good!r} gives {body!r}")
        for bad in ("x" * 129, "a b", "a,b", "<script>", "a\tb", "ä", "a/b", "a;b", "%41", "\"a\"", "a\x01b"):
            with server.connect() as s:
                s.sendall(get("ada", f"X-Request-ID: {bad}"))
                response = Response(s.makefile("rb"))
            if response.status == 400 and "\x01" in bad:
                continue  # not a header at all
            must(response.status == 200, f"{bad!r} gives {response.status}")
            given = response.headers["x-request-id"]
            must(UUID.fullmatch(given), f"{bad!r} gives the id {given!r}")
            must(response.body == greeting("ada", given), f"{bad!r} gives {response.body!r}")
        _, headers, _ = curl("-H", "X-Request-ID;", server.url + "/ada")  # empty
        must(UUID.fullmatch(headers["x-request-id"]), f"an empty id gives {headers}")


@check
def refuses(options):
    with Server(options) as server:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"):
            status, headers, _ = curl("-X", method, "-d", "x=1", server.url + "/ada")
            must(status == 405, f"{method} gives {status}")
            must(headers["allow"] == "GET", f"{method}: {headers}")
        must(curl("--head", server.url + "/ada")[0] == 405, "HEAD")
        malformed = {b"GARBAGE\r\n\r\n": 400, b"GET /a HTTP/9.9\r\n\r\n": 400, b"\x00\x01\x02\r\n\r\n": 400,
                     b"GET /a HTTP/1.1\r\nno colon\r\n\r\n": 400,
                     b"GET /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n": 400,
                     b"GET /a HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n": 413,
                     b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": 400,
                     b"POST /a HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000: 413,
                     b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n": 431}
        for sent, expected in malformed.items():
            with server.connect() as s:
                s.sendall(sent)
                stream = s.makefile("rb")
                got = Response(stream).status
                must(got == expected, f"{sent[:60]!r} gives {got}, not {expected}")
                must(stream.read() == b"", f"the connection stays open after {sent[:60]!r}")
        still_serves(server, "malformed requests")
        with server.connect() as s:  # after a 405 the connection goes on
            s.sendall(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + get("b", "X-Request-ID: b"))
            stream = s.makefile("rb")
            must(Response(stream).status == 405, "POST")
            must(Response(stream).body == greeting("b", "b"), "GET after POST")


# ---- clients that behave badly

def closed_within(seconds, send, who):
    """Sends on and on, until the server has closed the connection."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        try:
            send()
        except (ConnectionResetError, BrokenPipeError):
            return
        except socket.timeout:
            break
    must(False, f"{who} is not closed in time")


@check
def survives(options):
    with Server(options, "--timeout", "2") as server:
        for cut in range(1, len(get("ada", "X-Request-ID: cut")), 3):  # disconnect in the middle
            with server.connect() as s:
                s.sendall(get("ada", "X-Request-ID: cut")[:cut])
        with server.connect() as s:  # reset before the answer is read
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            s.sendall(get("ada") * 50)
        still_serves(server, "disconnects")

        with server.connect() as s:  # byte by byte
            for byte in get("slow", "X-Request-ID: slow-1"):
                s.sendall(bytes([byte]))
            must(Response(s.makefile("rb")).body == greeting("slow", "slow-1"), "byte by byte")

        with server.connect() as s:  # a header of 1 MiB
            s.sendall(b"GET /a HTTP/1.1\r\nX-Large: " + b"x" * (1 << 20) + b"\r\n\r\n")
            must(Response(s.makefile("rb")).status == 431, "a header of 1 MiB")
        still_serves(server, "a header of 1 MiB")

        half_open, begun = server.connect(), server.connect()
        begun.sendall(b"GET /a HT")
        start = time.monotonic()
        for s in (half_open, begun):
            s.settimeout(20)
            must(s.recv(100) == b"", "a silent client gets an answer")
        must(time.monotonic() - start < 15, "silent clients are not closed in time")
        still_serves(server, "silent clients")

        with server.connect() as s:  # never silent for long, and never done
            closed_within(15, lambda: (s.sendall(b"X"), time.sleep(0.2)), "a client that never ends its request")
        still_serves(server, "a client that never ends its request")
        with server.connect(receive_buffer=4096) as s:  # never reads: large answers soon fill the buffers
            s.settimeout(20)
            closed_within(20, lambda: s.sendall(get("a" * 7000) * 100), "a client that never reads")
        still_serves(server, "a client that never reads")


@check
def keeps_many_idle(options):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    must(limit == resource.RLIM_INFINITY or limit >= 1100, f"only {limit} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1100 if limit == resource.RLIM_INFINITY else limit, limit))
    with Server(options) as server:
        idle = [server.connect() for _ in range(1000)]
        for i, s in enumerate(idle[:100]):
            s.sendall(get(f"n{i}", f"X-Request-ID: id{i}"))
        for i, s in enumerate(idle[:100]):
            body = Response(s.makefile("rb")).body
            must(body == greeting(f"n{i}", f"id{i}"), f"among 1,000 idle connections: {body!r}")
        still_serves(server, "1,000 idle connections")
        # It stops with all of them open.


@check
def pipelines(options):
    """Many requests at a time on one connection."""
    serve_on_one_connection(options, options.requests or (10_000 if options.sanitized else 100_000), 100)


@check
def keeps_alive(options):
    """Many requests on one connection, each when the one before it is answered."""
    serve_on_one_connection(options, options.requests or (1_000 if options.sanitized else 20_000), 1)


def serve_on_one_connection(options, total, batch):
    """They are answered in order, each with its own context, and none of these stays."""
    with Server(options) as server, server.connect() as s:
        stream = s.makefile("rb")
        resident = 0
        for first in range(0, total, batch):
            s.sendall(b"".join(get(f"n{i}", *([f"X-Request-ID: id{i}"] if i % 2 else []))
                               for i in range(first, first + batch)))
            for i in range(first, first + batch):
                response = Response(stream)
                given = response.headers["x-request-id"]
                must(given == f"id{i}" if i % 2 else UUID.fullmatch(given), f"request {i} has the id {given}")
                must(response.body == greeting(f"n{i}", given), f"request {i}: {response.body!r}")
            if first < total // 10:
                resident = server.resident_kib()
        grown = server.resident_kib() - resident
        print(f"{total} requests on one connection: resident memory has grown by {grown} KiB")
        must(options.sanitized or grown <= 1024, f"resident memory has grown by {grown} KiB")

        taken = []
        for _ in range(50):
            begun = time.monotonic()
            s.sendall(get("a") * 2)
            Response(stream), Response(stream)
            taken.append(time.monotonic() - begun)
        # An answer that waits for the client to confirm the one before takes 40 ms.
        must(statistics.median(taken) < 0.035, f"two answers take {statistics.median(taken)} s")


@check
def stops(options):
    for how in (signal.SIGINT, signal.SIGTERM):
        with Server(options) as server:
            still_serves(server, "the start")
            begun = server.connect()
            begun.sendall(b"GET /a HT")
            with server.connect() as s:
                s.sendall(get("a") * 100)
                Response(s.makefile("rb"))
                server.stop(how)
    for arguments in (["--port", "x"], ["--port", "65536"], ["--port"], ["--threads", "0"], ["--port=8080"], ["--help"]):
        wrong = subprocess.run([options.program, *arguments], capture_output=True, text=True, timeout=30)
        must(wrong.returncode == 1 and arguments[0] in wrong.stderr, f"{arguments} gives {wrong}")


# ---- under load

def run_wrk(server, requests):
    """Sends so many requests over 64 connections, and returns what the script found."""
    threads = 2
    wrk = subprocess.Popen(["wrk", f"-t{threads}", "-c64", "-d300s", "--timeout", "20s", "-s",
                            HERE / "check_ids.lua", server.url, "--", str(requests // threads)],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch = threading.Timer(280, wrk.kill)
    watch.start()
    for _ in range(threads):
        wrk.stderr.readline()
    wrk.send_signal(signal.SIGINT)
    out, err = wrk.communicate()
    watch.cancel()
    found = re.search(r"answered=(\d+) fresh=(\d+) wrong=(\d+) errors=(\d+)", out)
    must(found, f"wrk says {out} {err}")
    answered, fresh, wrong, errors = map(int, found.groups())
    must(answered >= requests, f"{answered} of {requests} requests were answered")
    must(wrong == 0, f"{wrong} of {answered} answers are wrong: {out}")
    must(errors == 0, f"{errors} errors: {out}")
    must(abs(2 * fresh - answered) <= 200, f"{fresh} of {answered} ids were fresh")
    return answered


@check
def keeps_ids_apart(options):
    requests = options.requests or (4_000 if options.sanitized else 20_000)
    with Server(options) as server:
        run_wrk(server, min(10_000, requests))
        resident = server.resident_kib()
        answered = run_wrk(server, requests)
        grown = server.resident_kib() - resident
        print(f"{answered} requests, none wrong; resident memory has grown by {grown} KiB to "
              f"{server.resident_kib()} KiB")
        must(options.sanitized or grown <= 1024, f"resident memory has grown by {grown} KiB")


LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) server:\d+ (\S+) \| (.*)")


def check_log(lines):
    """Every request has its four lines, in order, each with its id and no other's. Returns how many."""
    requests = {}
    for line in lines:
        match = LINE.fullmatch(line)
        must(match, f"the log has a line {line!r}")
        level, request_id, message = match.groups()
        requests.setdefault(request_id, []).append(f"{level} {message}")
    for request_id, messages in requests.items():
        name = re.fullmatch(r"INFO Received new GET /(\S+) call", messages[0])
        must(name, f"the first line of {request_id} is {messages[0]!r}")
        if name[1].startswith("own-"):
            must(name[1] == request_id, f"{request_id} is in the log of {name[1]}")
        size = len(greeting(name[1], request_id))
        expected = [messages[0], "WARNING First_call called", "ERROR Second_call called",
                    f"INFO GET /{name[1]} 200 {size}"]
        must(messages == expected, f"the log of {request_id} is {messages}")
    return len(requests)


@check
def logs_ids(options):
    requests = options.requests or (4_000 if options.sanitized else 20_000)
    with Server(options) as server:
        answered = run_wrk(server, requests)
        time.sleep(0.2)  # for the last answers, which wrk does not wait for
        server.stop(signal.SIGTERM)
        logged = check_log(server.lines())
        must(logged >= answered, f"{answered} requests, but {logged} in the log")
        print(f"the log lines of {logged} requests carry their ids")
    with Server(options) as server:
        curl("-H", "X-Request-ID: 357ab21e", server.url + "/ada")
        curl("-X", "DELETE", "-H", "X-Request-ID: x", server.url + "/%0d%0ainjected?a=b")
        with server.connect() as s:
            s.sendall(b"GET /\xc2\x9bm HTTP/1.1\r\nHost: a\r\nX-Request-ID: y\r\n\r\n")
            Response(s.makefile("rb"))
        server.stop(signal.SIGTERM)
        lines = server.lines()
        check_log(lines[:4])
        must(LINE.fullmatch(lines[4]) and lines[4].endswith("x | DELETE /%0d%0ainjected?a=b 405 0"), lines[4])
        must(lines[-1].endswith("/%C2%9Bm 200 " + lines[-1].rpartition(" ")[2]), lines[-1])
        must(all(line.isascii() for line in lines), "bytes that are not ASCII are in the log")


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("check", choices=CHECKS)
parser.add_argument("program")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--requests", type=int, default=0)
parser.add_argument("--sanitized", action="store_true")
options = parser.parse_args()
CHECKS[options.check](options)
print("ok")
