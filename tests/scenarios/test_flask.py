"""Flask's own server, and the reloader that runs everything twice."""
import os
import signal

from harness import PYTHON, free_port, scenario, wait_until

FLASK = (PYTHON, "-m", "flask", "--app", "ticker", "run", "--port", "PORT", "--no-reload")


def flask_run(check, sigint, stop, end, installs):
    server = check.server(*FLASK, sigint=sigint).ready()
    first = int(server.get())
    wait_until("a growing count", lambda: int(server.get()) > first)
    requests = server.output().count('"GET / ')
    server.stop(stop)

    trace = server.trace()
    check.equal("processes", len(trace.processes), 1)
    check.equal("forks", len(trace.events("fork")), 0)
    check.equal("threads: the ticker and one a request", len(trace.events("thread-create")), 1 + requests)
    check.equal("handler installs", len(trace.events("sigaction")), installs)
    check.equal("ended with", trace.end(trace.root), end)
    check.equal("lost records", trace.lost(), 0)


@scenario("flask run")
def flask_default(check):
    flask_run(check, "default", signal.SIGINT, ("exit", 0), 4)


@scenario("flask run, SIGINT ignored")
def flask_ignored(check):
    flask_run(check, "ignore", signal.SIGTERM, ("signal", "SIGTERM") if check.ebpf else ("vanished", None), 2)  # nobody in the trace saw why


@scenario("werkzeug reloader")
def reloader(check):
    fixed = free_port()
    server = check.server(PYTHON, "reloader.py", env={"PORT": "PORT", "FIXED_PORT": str(fixed)}).ready()
    child = int(server.get())
    server.says("the server thread gave up")
    server.stop(signal.SIGTERM)

    trace = server.trace()
    (fork,) = trace.events("fork")
    parent, child = trace.root, trace.process(child)
    check.equal("processes", len(trace.processes), 2)
    check.equal("the fork", (fork["api"], fork["process"], fork["child"]), ("posix_spawn", parent["id"], child["id"]))
    check.equal("images of the child", [os.path.basename(i["argv"][-1]) for i in child["images"]][-1:], ["reloader.py"])

    routines = [{(t["start_routine"]["object"], t["start_routine"]["offset"])
                 for t in trace.threads if t["process"] == p["id"] and t["start_routine"]} for p in (parent, child)]
    check.true("the same start routine in both", routines[0] and routines[0] & routines[1], routines)
    binds = [(e["process"], e["errno"]) for e in trace.events("bind", port=fixed)]
    check.equal("binds of the fixed port", binds, [(parent["id"], 0), (child["id"], 98)])
    check.equal("lost records", trace.lost(), 0)
