"""C++: names, lines and globals as a person writes them, past the own library of the language."""
import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

from harness import Skip, forktrace, scenario

SOURCE = Path(__file__).with_name("cxx_server.cc")
RUN, WATCH = "std::thread of app::Server::start", "std::thread of app::Server::watch"


def line(text):
    return next(i for i, words in enumerate(SOURCE.read_text(encoding="ascii").splitlines(), 1) if text in words)


@contextlib.contextmanager
def built(flag):
    """The server, made with g++, for as long as it is asked for names; -O0 calls what is inlined otherwise."""
    with tempfile.TemporaryDirectory() as place:
        program = os.path.join(place, "cxx_server")
        try:
            subprocess.run(["g++", "-g", "-pthread", flag, "-o", program, str(SOURCE)], check=True)
        except FileNotFoundError as reason:
            raise Skip("g++ is not installed: tests/deps.sh installs it") from reason
        yield program


def found(trace, rule):
    return [x for x in trace.json["findings"] if x["rule"] == rule]


WATCHES = ["app::Server::hits", "app::Server::hits+0/8", "app::(anonymous namespace)::seen", "app::Pool<long>::size"]


def tells(check, flag, run):
    trace = run.trace()
    (dead,), lost = found(trace, "child-deadlock"), found(trace, "thread-lost-at-fork")
    check.true(f"{flag}: who waits for what, and whose it is",
               "app::Server::lock" in dead["title"] and f"`{RUN}`" in dead["title"], dead)
    check.true(f"{flag}: lines of the program, not of <thread> and <mutex>",
               f"cxx_server.cc:{line('the line of a start')}" in dead["explanation"]
               and f"cxx_server.cc:{line('the line of the wait')}" in dead["explanation"], dead["explanation"])
    check.equal(f"{flag}: threads are told apart, though libstdc++ starts them alike",
                [RUN in x["title"] for x in lost], [True])
    check.equal(f"{flag}: a handler", [e["new"]["handler"] for e in trace.events("sigaction") if e["signal"] == "SIGTERM"],
                ["app::Server::stop"])
    report = forktrace("report", run.trace_path).stdout
    check.true(f"{flag}: nothing is mangled", "_ZN" not in report, report)
    return trace


@scenario("c++: a thread, a lock and globals of a server that forks")
def server(check):
    for flag in ("-O0", "-O2"):
        with built(flag) as program:
            run = check.server(program, "waits", env={"FORKTRACE_WATCH": ";".join(WATCHES)})
            check.equal(f"{flag}: it ends", run.wait(60), 0)
            trace = tells(check, flag, run)
            copies = {g["name"]: sorted((c["last_value"], c["value_at_birth"]) for c in g["copies"])
                      for g in trace.json["globals"] if g["name"] in WATCHES}
            check.equal(f"{flag}: globals, watched by their names", sorted(copies), sorted(WATCHES))
            check.equal(f"{flag}: in each process", copies["app::Pool<long>::size"], [("0", "0"), ("60", "0")])
            check.equal(f"{flag}: one place that was asked for by two names", *(copies[name] for name in WATCHES[:2]))


@scenario("c++: a misspelt name")
def misspelt(check):
    with built("-O1") as program:
        trace = os.path.join(os.path.dirname(program), "a.ftrace")
        done = forktrace("record", "-o", trace, "-w", "app::Server::hist", "--", program)
        check.true("names that are near", "near names: app::Server::hits" in done.stderr, done.stderr)
