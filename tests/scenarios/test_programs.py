"""The right verdict on programs that fork with threads about: written down for each, with the reason."""
import json
import os
import subprocess

from harness import BUILD, PYTHON, Skip, forktrace, scenario


def record(check, *command):
    server = check.server(*command)
    check.equal("it ends well", server.wait(60), 0)
    done = forktrace("check", server.trace_path, "--format", "json", "--fail-on", "any")
    return json.loads(done.stdout)["findings"]


def expect(check, found, **expected):
    """Rule -> (severity, subjects), with underscores for dashes: these findings, and no others. Whether a fork
    handler took a millisecond depends on the machine: that note may come."""
    got = {}
    for x in found:
        if (x["rule"], x["severity"]) == ("atfork-handler", "note"):
            continue
        got.setdefault(x["rule"], []).append((x["severity"], x["subject"]))
    check.equal("the verdict", {rule: sorted(set(list_)) for rule, list_ in got.items()},
                {rule.replace("_", "-"): sorted(list_) for rule, list_ in expected.items()})


def need_module(name):
    if subprocess.run([PYTHON, "-c", f"import {name}"], capture_output=True).returncode:
        raise Skip(f"Debian's Python has no {name}: tests/deps.sh installs it")


@scenario("programs: a prefork pool with a logging thread in the master")
def logging_thread(check):
    # The workers hand their records to the master through a queue of multiprocessing: that its listener is not
    # in them is what is meant, a note. With a queue.Queue each worker fills its own copy, which nobody empties.
    found = record(check, PYTHON, "logging_prefork.py")
    # The queue starts a thread in each worker, before any exec: true, and glibc can do it.
    expect(check, found, thread_lost_at_fork=[("note", "QueueListener._monitor")],
           multithreaded_fork=[("note", "logging_prefork.py")], unsafe_call_after_fork=[("note", "pthread_create")])
    found = record(check, PYTHON, "logging_prefork.py", "listener-in-worker")
    expect(check, found, thread_lost_at_fork=[("warning", "QueueListener._monitor")],
           multithreaded_fork=[("note", "logging_prefork.py")])


@scenario("programs: openblas before a fork")
def openblas(check):
    # OpenBLAS ends its threads before a fork and starts them anew when they are needed (pthread_atfork).
    need_module("numpy")
    expect(check, record(check, PYTHON, "blas.py"))


@scenario("programs: libcurl's resolver threads at a fork")
def resolver(check):
    # Each has one name to resolve, does it in the parent and ends: true that they are lost, nobody misses them.
    need_module("pycurl")
    found = record(check, PYTHON, "resolver.py")
    check.equal("no error, no warning", [x["title"] for x in found if x["severity"] != "note"], [])
    check.equal("rules", {x["rule"] for x in found} - {"thread-lost-at-fork", "multithreaded-fork", "atfork-handler"}, set())


@scenario("programs: openmp before a fork")
def openmp(check):
    # libgomp has no fork handlers: its team is missing in a child that opens a parallel region, which hangs; a
    # child that calculates alone does not need it.
    for words, severity in (((), "note"), (("child",), "warning")):
        found = record(check, os.path.join(BUILD, "tests/fixtures/openmp"), *words)
        lost = [(x["severity"], "libgomp" in x["subject"]) for x in found if x["rule"] == "thread-lost-at-fork"]
        check.equal(f"the team lost, {words or 'not'} needed", lost, [(severity, True)])
        check.equal("no other warning", [x["title"] for x in found if x["severity"] != "note"
                                         and x["rule"] != "thread-lost-at-fork"], [])


@scenario("programs: multiprocessing, futures, subprocess")
def standard(check):
    # Python's own pools look after their threads; that a pool of processes forks while a pool of threads runs is
    # a note, because Python 3.12 warns of it.
    pool = ("import multiprocessing as m, time\n"
            "with m.get_context('fork').Pool(3) as p: p.map(time.sleep, [0.1] * 6, 1)\n"
            "time.sleep(0.1)")
    expect(check, record(check, PYTHON, "-c", pool))
    found = record(check, PYTHON, "futures.py")
    expect(check, found, thread_lost_at_fork=[("note", "ThreadPoolExecutor")], multithreaded_fork=[("note", "futures.py")])
    children = ("import subprocess as s, threading, time\n"
                "threading.Thread(target=time.sleep, args=(1.5,), name='ticker').start()\n"
                "for _ in range(3): s.run(['sh', '-c', 'sleep 0.1; true'], check=True)\n"
                "s.run(['true'], preexec_fn=lambda: None, check=True)")
    # The main thread ends first, and nobody asked the process to end: Python's waiting for the other is a note.
    expect(check, record(check, PYTHON, "-c", children), exit_blocked=[("note", "python3")])
