"""gunicorn: what shutdown waits for, what a reload leaves behind, what gevent makes of threads."""
import os
import signal
import time

from harness import PYTHON, forktrace, scenario, wait_until

GUNICORN = ("/usr/bin/gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "1")


def kills(trace, number):
    return [(e["process"], e["target"]) for e in trace.events("kill", signal=number) if e["errno"] == 0]


def seconds(start, end):
    return (end - start) / 1e9


@scenario("gunicorn TERM, a thread that is no daemon")
def term_hangs(check):
    server = check.server(*GUNICORN, "--graceful-timeout", "2", "listener:app").ready()
    server.stop(signal.SIGTERM)

    trace = server.trace()
    arbiter, (worker,) = trace.root, trace.children(trace.root)
    check.equal("roles", [arbiter["role"], worker["role"]], ["gunicorn arbiter", "gunicorn worker 1"])
    check.equal("forks", [e["api"] for e in trace.events("fork")], ["fork"])
    check.equal("threads created, by whom", [e["process"] for e in trace.events("thread-create")], [worker["id"]])
    check.equal("SIGKILL from whom to whom", kills(trace, "SIGKILL"), [(arbiter["id"], worker["id"])])
    check.equal("the worker ended with", trace.end(worker), ("signal", "SIGKILL"))
    term, kill = trace.events("kill", signal="SIGTERM")[0], trace.events("kill", signal="SIGKILL")[0]
    check.between("seconds from TERM to SIGKILL", 1.9, seconds(term["ns"], kill["ns"]), 2.5)

    waits = [w for w in trace.events("lock-wait", worker) if w["thread"] == trace.main_thread(worker)["id"]]
    check.true("its main thread waited for the thread in sem_wait",
               waits and waits[-1]["lock"]["kind"] == "sem" and waits[-1]["waited_ns"] > 1.5e9, waits[-1:])
    check.equal("atexit ran", "atexit ran" in server.output(), False)
    check.equal("handler installs", [len(trace.events("sigaction", p)) for p in (arbiter, worker)], [23, 17])
    handlers = {s["signal"]: s for s in worker["signals"]}
    for name in ("SIGTTIN", "SIGTTOU"):
        check.equal(f"{name} in the worker is the arbiter's",
                    (handlers[name]["disposition"], handlers[name]["inherited"]), ("handler", True))
    check.equal("lost records", trace.lost(), 0)


@scenario("gunicorn TERM, a daemon thread")
def term_daemon(check):
    server = check.server(*GUNICORN, "--graceful-timeout", "2", "listener:app", env={"DAEMON": "1"}).ready()
    server.stop(signal.SIGTERM)

    trace = server.trace()
    arbiter, (worker,) = trace.root, trace.children(trace.root)
    check.equal("SIGKILLs", kills(trace, "SIGKILL"), [])
    check.equal("the worker ended with", trace.end(worker), ("exit", 0))
    check.equal("the arbiter ended with", trace.end(arbiter), ("exit", 0))
    term = trace.events("kill", signal="SIGTERM")[0]
    # 0.1 on an idle machine; far from the 2 of the graceful timeout on any
    check.between("seconds from TERM to the end of the worker", 0, seconds(term["ns"], worker["end_ns"]), 1)
    check.equal("atexit ran", "atexit ran" in server.output(), True)
    check.equal("handler installs", [len(trace.events("sigaction", p)) for p in (arbiter, worker)], [23, 25])


@scenario("gunicorn --reload, a thread that is no daemon")
def reload(check):
    server = check.server(*GUNICORN, "--reload", "--timeout", "3", "--graceful-timeout", "1",
                          "listener:app").ready()
    old = int(server.get())
    time.sleep(1.2)  # the reloader looks once a second, and first has to see the file as it is
    os.utime(server.directory / "listener.py")
    server.says("Worker reloading")
    wait_until("a new worker", lambda: server.answers() and int(server.get()) != old, 20)
    server.stop(signal.SIGINT)

    trace = server.trace()
    arbiter, first = trace.root, trace.process(old)
    check.equal("workers", len(trace.children(arbiter)) >= 2, True)
    check.true("SIGABRT from the arbiter to the old worker", (arbiter["id"], first["id"]) in kills(trace, "SIGABRT"))
    check.equal("the old worker ended with", trace.end(first), ("exit", 0))  # its SIGABRT handler, at last
    abort = trace.events("kill", signal="SIGABRT")[0]
    waits = [w for w in trace.events("lock-wait", first) if w["thread"] == trace.main_thread(first)["id"]]
    check.true("the old worker's main thread waited in sem_wait until then",
               waits and waits[-1]["lock"]["kind"] == "sem" and waits[-1]["ns"] < abort["ns"], waits[-1:])


def gevent(check, patch, creates, lives_on):
    server = check.server(*GUNICORN, "--worker-class", "gevent", "--config", "gevent_conf.py", "--preload",
                          "ticker:app", env={"PATCH": patch}).ready()
    before = int(server.get())
    time.sleep(0.5)
    after = int(server.get())
    server.stop(signal.SIGTERM)

    trace = server.trace()
    arbiter, (worker,) = trace.root, trace.children(trace.root)
    check.equal("forks", len(trace.events("fork")), 1)
    check.equal("threads created by the arbiter", len(trace.events("thread-create", arbiter)), creates)
    check.equal("ghosts in the worker", len(trace.ghosts(worker)), creates)
    check.equal("the loop lives on in the worker", after > before, lives_on)
    check.equal("lost records", trace.lost(), 0)
    return trace, arbiter, worker, forktrace("report", server.trace_path).stdout


@scenario("gunicorn gevent, all patched")
def gevent_all(check):
    trace, arbiter, worker, report = gevent(check, "all", 0, True)
    mine, copy = (next((t for t in trace.threads if t["process"] == p["id"] and t["python_name"] == "ticker"), {})
                  for p in (arbiter, worker))
    check.equal("ticker is a greenlet in both", [t.get("kind") for t in (mine, copy)], ["greenlet"] * 2)
    check.equal("the worker's is a copy of the arbiter's", copy.get("copy_of"), mine.get("id"))
    check.equal("its function", mine["start_routine"]["python"].split()[0], "ticker")
    check.true("spawned in ticker.py", any(f["file"].endswith("/ticker.py") for f in mine["created_at"]))
    check.equal("greenlets besides the event loop", sum(t["kind"] == "greenlet" and not t["hub"] for t in trace.threads), 2)
    found = [(x["rule"], x["severity"]) for x in trace.json["findings"]]
    check.equal("the first finding", found[:1], [("greenlet-survives-fork", "warning")])
    first = " ".join(" ".join(report.splitlines()[:8]).split())
    check.true("the report's first lines say so", "the greenlet `ticker`, spawned at ticker.py:" in first
               and "runs in gunicorn arbiter and gunicorn worker 1" in first, first)


@scenario("gunicorn gevent, threads not patched")
def gevent_threads(check):
    trace, _, _, _ = gevent(check, "all but threads", 1, False)
    check.equal("greenlets that survived", [x for x in trace.json["findings"] if x["rule"] == "greenlet-survives-fork"], [])


@scenario("gunicorn gevent, not patched")
def gevent_none(check):
    trace, _, _, _ = gevent(check, "nothing", 1, False)
    check.equal("greenlets that survived", [x for x in trace.json["findings"] if x["rule"] == "greenlet-survives-fork"], [])
