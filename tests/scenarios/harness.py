"""Start a real server under the library, talk to it, stop it, and read back what was recorded.

A scenario is a function marked @scenario("what it is about"); it gets a Checker, starts a Server,
and says what must hold, one check a fact. Nothing here knows a format: what was recorded is what
`forktrace export --format json` says.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("B", HERE.parent.parent / "build")).resolve()
PYTHON = "/usr/bin/python3"  # the Python that Debian's uWSGI plugin, flask and gunicorn belong to

SCENARIOS = []


def scenario(name):
    def add(function):
        SCENARIOS.append((name, function))
        return function

    return add


class Skip(Exception):
    """This scenario cannot be run here; says why."""


class Checker:
    """Collects the checks of one scenario and prints a line for each."""

    def __init__(self, name, ebpf=False):
        self.name, self.passed, self.failed, self.servers, self.ebpf = name, 0, 0, [], ebpf

    def true(self, what, condition, detail=""):
        if condition:
            self.passed += 1
            print(f"ok      {self.name}: {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {self.name}: {what}{': ' if detail else ''}{detail}", flush=True)

    def equal(self, what, got, expected):
        self.true(what, got == expected, f"expected {expected!r}, got {got!r}")

    def between(self, what, low, got, high):
        self.true(what, low <= got <= high, f"expected {low} to {high}, got {got}")

    def server(self, *command, ebpf=None, **options):
        server = Server(*command, ebpf=self.ebpf if ebpf is None else ebpf, **options)
        self.servers.append(server)
        return server

    def finish(self):
        """End what still runs; keep the evidence of a failure."""
        for server in self.servers:
            server.kill()
            if not self.failed:
                shutil.rmtree(server.directory)
        if self.failed and self.servers:
            print(f"        evidence: {self.servers[-1].directory}; the output there ends:")
            for line in self.servers[-1].output().splitlines()[-12:]:
                print("        |", line)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, condition, seconds=15, pause=0.02):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(pause)
    return result


class Server:
    """COMMAND under the library, in a process group and a directory of its own. "PORT" in COMMAND and
    in the values of `env` becomes self.port. SIGINT is pinned ("default" or "ignore"): it decides how
    many handlers CPython and uWSGI install. `shell`: run before COMMAND, in the same process. `ebpf`: with the
    kernel as a second witness. `record`: options, perhaps none, of `forktrace record`, which then runs COMMAND."""

    def __init__(self, *command, env=None, sigint="default", shell=":", ebpf=False, record=None):
        record = ["--ebpf", *(record or ())] if ebpf else record
        self.directory = Path(tempfile.mkdtemp(prefix="forktrace-scenario-"))
        self.directory.chmod(0o755)  # for servers that change their user
        shutil.copytree(HERE / "apps", self.directory, dirs_exist_ok=True)
        programs = ["libforktrace.so"] + (["forktrace"] if record is not None else []) + (["forktrace-ebpf"] if ebpf else [])
        programs += ["forktrace-watch"] if env and "FORKTRACE_WATCH" in env else []
        for program in programs:
            shutil.copy(BUILD / program, self.directory)
        self.port, self.trace_path = free_port(), self.directory / "run.ftrace"
        environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                       "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", **(env or {})}
        # env(1) pins SIGINT and adds the library only for COMMAND itself: it becomes the trace's root.
        pin = ["env", f"--{sigint}-signal=INT"]
        pin += [f"{self.directory}/forktrace", "record", *record, "-o", f"{self.trace_path}", "--"] \
            if record is not None else [f"LD_PRELOAD={self.directory}/libforktrace.so",
                                        f"FORKTRACE_OUT={self.trace_path}"]
        fill = lambda text: text.replace("PORT", str(self.port))
        self.log = open(self.directory / "output", "wb")
        self.process = subprocess.Popen(
            ["sh", "-c", shell + '; exec "$@"', "sh", *pin, *map(fill, command)], cwd=self.directory,
            env={name: fill(value) for name, value in environment.items()}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        self.ebpf, self.pid = ebpf, self.process.pid
        if record is not None:
            self.pid = wait_until("the command runs", self.command)

    def command(self):
        """The command is forktrace's child then, perhaps beside forktrace-ebpf."""
        pid, ours = self.process.pid, f"{self.directory}/forktrace"
        if self.process.poll() is not None:
            return pid  # it is over already, or became a daemon
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if os.readlink(f"/proc/{pid}/exe") != ours:
                return None
            return next((int(c) for c in children if not os.readlink(f"/proc/{c}/exe").startswith(ours)), None)
        except OSError:  # gone meanwhile
            return None

    def output(self):
        return (self.directory / "output").read_text(errors="replace")

    def get(self, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode().strip()
        finally:
            connection.close()

    def answers(self):
        try:
            return self.get() or True
        except (OSError, http.client.HTTPException):
            return False

    def ready(self, workers=1):
        """Wait until it answers, and all of uWSGI's workers have; returns self. (One that gets a signal
        while it still starts may swallow it as a KeyboardInterrupt.)"""
        def answered():
            if self.process.poll() is not None:
                raise ChildProcessError(f"the server ended with {self.process.returncode}")
            return self.answers() and (workers == 1 or len(self.workers()) >= workers)

        wait_until("the first answers", answered, pause=0.005)
        return self

    def workers(self):
        """Pids of the uWSGI workers that have answered a request, from its log."""
        return set(re.findall(r"^\[pid: (\d+)\|", self.output(), re.MULTILINE))

    def says(self, text, times=1):
        wait_until(f"{text!r} in its output", lambda: self.output().count(text) >= times)

    def signal(self, number):
        """To its first process, when all of it is idle: a uWSGI worker in the middle of a request ends in
        another way (without Python's finalisation; after a reload with another status)."""
        time.sleep(0.2)
        os.kill(self.pid, number)

    def wait(self, seconds=15):
        """Its exit status, negative for a signal."""
        status = self.process.wait(seconds)
        return 128 - status if self.ebpf and status > 128 else status

    def stop(self, number):
        self.signal(number)
        return self.wait()

    def processes(self):
        """The pids of its tree, without zombies and forktrace: whoever works in its directory, daemons too."""
        pids = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(self.directory)) \
                        and not os.readlink(entry / "exe").startswith(f"{self.directory}/forktrace"):
                    pids.append(int(entry.name))
            except OSError:  # gone, a zombie or somebody else's
                pass
        return pids

    def kill(self):
        """SIGKILL to the whole tree at once, until nothing of it is left."""
        while pids := self.processes():
            for send, target in [(os.killpg, self.process.pid)] + [(os.kill, pid) for pid in pids]:
                try:
                    send(target, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)
        self.process.wait()

    def trace(self):
        return Trace(self.trace_path)


def forktrace(*arguments):
    return subprocess.run([BUILD / "forktrace", *arguments], capture_output=True, text=True, timeout=120)


class Trace:
    """The JSON timeline of a trace, with the questions scenarios ask."""

    def __init__(self, path):
        done = forktrace("export", path, "--format", "json")
        if done.returncode != 0:
            raise ChildProcessError(f"forktrace export: exit {done.returncode}: {done.stderr.strip()}")
        self.json = json.loads(done.stdout)
        self.processes, self.threads = self.json["processes"], self.json["threads"]
        self.root = self.processes[0]

    def children(self, process):
        return [p for p in self.processes if p["parent"] == process["id"]]

    def process(self, id_or_pid):
        return next((p for p in self.processes if id_or_pid in (p["id"], p["pid"])), None)

    def thread(self, id_):
        return next((t for t in self.threads if t["id"] == id_), None)

    def main_thread(self, process):
        return next(t for t in self.threads if t["process"] == process["id"] and not t["start_routine"])

    def events(self, type_, process=None, **fields):
        """Events of a type, of one process, with these values in their fields."""
        return [e for e in self.json["events"] if e["type"] == type_
                and (process is None or e["process"] == process["id"])
                and all(e[name] == value for name, value in fields.items())]

    def end(self, process):
        """How a process ended: ("exit", 0), ("signal", "SIGKILL"), ..."""
        end = process["end"]
        return end["how"], end["status"] if end["how"] == "exit" else end["signal"]

    def ghosts(self, process):
        return [g["thread"] for g in process["ghosts"]]

    def lost(self):
        return self.json["lost"]["records"]


def need_ebpf():
    """Skipped, with forktrace-ebpf's own words, where it cannot work."""
    program = BUILD / "forktrace-ebpf"
    if not program.exists():
        raise Skip("forktrace-ebpf is not built: tests/deps.sh installs what it needs")
    said = subprocess.run([program, "--check"], capture_output=True, text=True, timeout=60, check=False)
    if said.returncode:
        raise Skip(said.stderr.strip())


# jemalloc asks libc itself for pthread_create: the library finds its threads, the kernel alone sees them made.
MADE_UNSEEN = ("jemalloc_bg_thd",)


def one_event_two_witnesses(check, trace):
    """Where the library is in a process, the kernel has nothing to tell of it that it did not tell itself: but
    signals, and an end that no code of the process saw."""
    covered = {p["id"] for p in trace.processes if p["coverage"] == "full"}
    twice = [e for e in trace.json["events"] if e["seen_by"] == "ebpf" and e["process"] in covered
             and e["type"] not in ("signal", "thread-end", "kill", "exit")
             and not (e["type"] == "thread-create" and trace.thread(e["child"])["name"] in MADE_UNSEEN)]
    check.equal("told by the kernel alone, of processes the library is in", twice, [])
    for what, lanes in (("processes", [(p["pid"], p["start_ns"], p["end_ns"]) for p in trace.processes]),
                        ("threads", [(t["tid"], t["start_ns"], t["end_ns"]) for t in trace.threads if t["kind"] == "thread"])):
        lanes.sort()
        check.equal(f"{what} told twice: one number, two lanes at one time",
                    [(a, b) for a, b in zip(lanes, lanes[1:]) if a[0] == b[0] and (a[2] is None or b[1] < a[2])], [])
        check.equal(f"{what} without a number", [lane for lane in lanes if not lane[0]], [])
    check.equal("ends nobody saw", [p["id"] for p in trace.processes if p["end"]["how"] == "vanished"], [])
