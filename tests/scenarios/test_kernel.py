"""With the kernel as a second witness: nothing twice, and what only it knows: who sent a signal, who took it."""
import os
import re
import signal
from collections import Counter

from harness import Skip, forktrace, need_ebpf, one_event_two_witnesses, scenario, wait_until
import test_servers
from test_gunicorn import GUNICORN
from test_uwsgi import UWSGI

# What both witnesses can tell, and the words that must be the same whoever did.
TOLD = {"fork": ("api", "errno"), "exec": ("path",), "exec-failed": ("path", "errno"), "exit": ("api", "status"),
        "wait": ("how", "status", "signal"), "thread-create": ("errno",), "thread-start": (), "thread-end": (),
        "sigaction": ("api", "signal", "old", "new", "flags", "mask"), "sigmask": ("api", "how", "old", "new"),
        "kill": ("api", "signal", "errno")}


def shape(trace):
    """A run without its pids, times and addresses: processes, threads and events, each with what is told of it."""
    number = {p["id"]: i for i, p in enumerate(trace.processes)}
    processes = [(p["role"], p["origin"], number.get(p["parent"]), p["end"]["how"], p["end"]["status"], p["end"]["signal"],
                  number.get(p["reaped_by"]), p["coverage"], len(p["ghosts"]), [[re.sub(r":\d+$", ":PORT", a) for a in i["argv"]] for i in p["images"]])
                 for p in trace.processes]
    threads = sorted((number[t["process"]], t["end"], str((t["start_routine"] or {}).get("offset")))
                     for t in trace.threads)
    events = Counter()
    for e in trace.json["events"]:
        if e["type"] in TOLD:
            events[number[e["process"]], e["type"], repr([e[key] for key in TOLD[e["type"]]])] += 1
    return processes, threads, events


def alike(check, run):
    """The same run without and with the kernel; the traces of both."""
    need_ebpf()
    without, with_ = run(False), run(True)
    names = ("processes", "threads", "events")
    for name, a, b in zip(names, shape(without), shape(with_)):
        a, b = (list(x.elements()) if isinstance(x, Counter) else [repr(y) for y in x] for x in (a, b))
        check.equal(f"{name}: only without, only with the kernel",
                    (list((Counter(a) - Counter(b)).elements()), list((Counter(b) - Counter(a)).elements())), ([], []))
        check.true(f"{name}: there are some", len(a) >= 2, len(a))
    one_event_two_witnesses(check, with_)
    return without, with_


def taken(trace, process, name):
    return [e for e in trace.events("signal", process) if e["signal"] == name]


@scenario("kernel: uwsgi prefork, the same facts and nothing twice")
def uwsgi(check):
    def run(ebpf):
        server = check.server(*UWSGI, "ticker.py", "--workers", "2", "--max-requests", "1000", ebpf=ebpf).ready(2)
        server.stop(signal.SIGINT)
        return server.trace()

    _, trace = alike(check, run)
    master = trace.root
    (interrupt,) = taken(trace, master, "SIGINT")
    check.equal("SIGINT: by the main thread, from us, who are not of the run",
                (interrupt["thread"], interrupt["sender"], interrupt["sender_pid"]),
                (trace.main_thread(master)["id"], None, os.getpid()))
    for worker in trace.children(master):
        sent = trace.events("kill", master, target=worker["id"], errno=0)
        got = trace.events("signal", worker)
        check.equal(f"{worker['role']} took what the master sent it, in order",
                    [e["signal"] for e in got], [e["signal"] for e in sent])
        check.true(f"and from it: {[e['signal'] for e in got]}", got and all(e["sender"] == master["id"] for e in got))


@scenario("kernel: gunicorn shutdown, the same facts and who killed whom")
def gunicorn(check):
    def run(ebpf):
        server = check.server(*GUNICORN, "--graceful-timeout", "2", "listener:app", ebpf=ebpf).ready()
        server.stop(signal.SIGTERM)
        return server.trace()

    _, trace = alike(check, run)
    arbiter, (worker,) = trace.root, trace.children(trace.root)
    (asked,) = taken(trace, arbiter, "SIGTERM")
    check.equal("the arbiter's SIGTERM came from us", (asked["sender"], asked["sender_pid"]), (None, os.getpid()))
    (term,), (kill,) = taken(trace, worker, "SIGTERM"), taken(trace, worker, "SIGKILL")
    sent = {e["signal"]: e for e in trace.events("kill", arbiter, target=worker["id"])}
    for what, got in (("SIGTERM", term), ("SIGKILL", kill)):
        check.equal(f"the worker's {what} came from the arbiter", (got["sender"], got["sender_thread"], got["sender_pid"]),
                    (arbiter["id"], trace.main_thread(arbiter)["id"], arbiter["pid"]))
        check.true(f"{what}: taken after it was sent", got["ns"] >= sent[what]["ns"], (got["ns"], sent[what]["ns"]))
    check.equal("SIGTERM was taken by the main thread", term["thread"], trace.main_thread(worker)["id"])


@scenario("kernel: a worker killed by somebody outside")
def stranger(check):
    need_ebpf()
    server = check.server(*GUNICORN, "listener:app", env={"DAEMON": "1"}, ebpf=True).ready()
    first = int(server.get())
    os.kill(first, signal.SIGKILL)
    wait_until("a new worker", lambda: server.answers() and int(server.get()) != first)
    server.stop(signal.SIGTERM)
    trace = server.trace()
    worker = trace.process(first)
    kill = trace.json["events"][worker["end"]["killed_by"]]
    check.equal("who ended it", (kill["type"], kill["signal"], kill["sender"], kill["sender_pid"]),
                ("signal", "SIGKILL", None, os.getpid()))
    (found,) = [x for x in trace.json["findings"] if x["rule"] == "killed-from-outside"]
    check.equal("the finding", (found["severity"], found["processes"]), ("warning", [worker["id"]]))
    words = f"SIGKILL from {kill['sender_name']} (pid {os.getpid()})"
    check.true("it names us", words in found["title"], found["title"])
    for command in ("ps", "report"):
        check.true(f"{command} names us", f"killed by {words}" in forktrace(command, server.trace_path).stdout)
    for command in ("view", "--size", "160x40", "--script", "n"), ("export", "--format", "svg"):
        done = forktrace(*command, server.trace_path)
        check.true(f"{command[0]} names us", f"pid {os.getpid()}" in done.stdout, done.stdout)


GREEDY = """
import os, resource, sys
if not os.fork():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))  # whatever becomes of the cgroup
    open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
    kept = [bytearray(1 << 20) for _ in range(512)]
    os._exit(3)
os.wait()
"""


def small_cgroup(name, size):
    """A memory cgroup of so many bytes, of either version; Skip: none can be made."""
    for root, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup/unified", "memory.max"),
                       ("/sys/fs/cgroup", "memory.max")):
        place = os.path.join(root, name)
        try:
            os.mkdir(place)
            if os.path.exists(os.path.join(place, file)):  # made by the kernel: else it is a directory like any
                with open(os.path.join(place, file), "w", encoding="ascii") as limit:
                    limit.write(str(size))
                return place
            os.rmdir(place)
        except OSError:
            if os.path.isdir(place):
                os.rmdir(place)
    raise Skip("no memory cgroup can be made here (root, and the controller, are needed)")


@scenario("kernel: a child that ran out of memory")
def greedy(check):
    need_ebpf()
    place = small_cgroup(f"forktrace-{os.getpid()}", 64 << 20)
    try:
        server = check.server("/usr/bin/python3", "-c", GREEDY, place, ebpf=True)
        check.equal("it ends", server.wait(60), 0)
        trace = server.trace()
    finally:
        wait_until("the cgroup is empty", lambda: not open(place + "/cgroup.procs", encoding="ascii").read())
        os.rmdir(place)
    (child,) = trace.children(trace.root)
    check.equal("its end", (trace.end(child), child["end"]["out_of_memory"]), (("signal", "SIGKILL"), True))
    check.equal("the other's", trace.root["end"]["out_of_memory"], False)
    (found,) = [x for x in trace.json["findings"] if x["rule"] == "killed-from-outside"]
    check.true("the finding", found["severity"] == "error" and "out of memory" in found["title"], found)
    check.true("ps", "from the kernel: out of memory" in forktrace("ps", server.trace_path).stdout)


@scenario("kernel: healthy servers stay healthy, and nothing is told twice")
def servers(check):
    need_ebpf()
    check.ebpf, missing = True, []
    for server in (test_servers.nginx, test_servers.apache, test_servers.postgresql, test_servers.redis):
        try:
            server(check)
            one_event_two_witnesses(check, check.servers[-1].trace())
        except Skip as reason:
            missing.append(str(reason))
    if missing:
        raise Skip("; ".join(missing))
