"""CPythons other than the system's: 3.12 and later are watched by their own watchers, older ones and
free-threaded ones are declined, with the reason."""
import os
import subprocess
import tempfile
from pathlib import Path

from harness import Skip, scenario
from pythons import found, pythons
from test_python import check_forms
from test_python_truth import copies, last_writers, line_of, line_that_started, python_frames

watched = lambda version: (3, 12) <= version[:2] <= (3, 14) and len(version) == 2
declined = lambda version: version[:2] < (3, 11) or len(version) == 3


@scenario("pythons: forms of binding")
def forms(check):
    for name, python in pythons("CPython 3.12 to 3.14", watched):
        server = check.server(python, "forms.py", env={"FORKTRACE_WATCH": "py:forms.count", "ROUNDS": "5000"})
        check.equal(f"{name}: exit status", server.wait(30), 0)
        check_forms(check, server, 5000)


@scenario("pythons: prefork")
def prefork(check):
    for name, python in pythons("CPython 3.12 to 3.14", watched):
        server = check.server(python, "prefork.py", env={"FORKTRACE_WATCH": "py:prefork.i"})
        check.equal(f"{name}: exit status", server.wait(30), 0)
        check.true(f"{name}: its output", server.output().endswith("worker quits\n3\nworker quits\n3\n"), server.output())
        start = f"prefork.py:{line_of(server, 'prefork.py', 'threading.Thread(')}"
        write = f"prefork.py:{line_of(server, 'prefork.py', 'i += 1')}"

        trace = server.trace()
        master, workers = trace.root, trace.children(trace.root)
        (create,) = trace.events("thread-create")
        ticker = create["child"]
        check.equal(f"{name}: the thread's name, target", (trace.thread(ticker)["python_name"],
                    trace.thread(ticker)["start_routine"]["python"]),
                    ("ticker", f"ticker (prefork.py:{line_of(server, 'prefork.py', 'def ticker')})"))
        check.equal(f"{name}: where it was started", line_that_started(trace, ticker), start)
        check.equal(f"{name}: the workers lost it", [trace.ghosts(w) for w in workers], [[ticker], [ticker]])
        check.equal(f"{name}: Python knows", [(g["python_believes_alive"], g["believes_at"])
                                               for w in workers for g in w["ghosts"]], [(False, "exit")] * 2)
        last_line = len((server.directory / "prefork.py").read_text().splitlines())
        fork = line_of(server, "prefork.py", "pid = os.fork()")
        check.equal(f"{name}: who forked", [python_frames(e["stack"])[:2] for e in trace.events("fork", master)],
                    [[("main", "prefork.py", fork), ("<module>", "prefork.py", last_line)]] * 2)
        handler = f"Worker.handle_quit (prefork.py:{line_of(server, 'prefork.py', 'def handle_quit')})"
        check.equal(f"{name}: the workers' handler", [e["new"]["python"] for w in workers
                    for e in trace.events("sigaction", w, signal="SIGTERM")], [handler] * 2)

        i, of = copies(trace, "prefork.i")
        last = of[master["id"]]
        check.equal(f"{name}: i diverged", i["diverged"], True)
        check.equal(f"{name}: every write of the master", last["writes"], int(last["last_value"]) + 1)
        check.equal(f"{name}: each an event, in order",
                    [e["value"] for e in trace.events("write", master, **{"global": i["id"]})],
                    [str(n) for n in range(last["writes"])])
        check.equal(f"{name}: its last writer", [w for w in last_writers(last) if w[0] == ticker], [(ticker, write)])
        check.equal(f"{name}: writes in the workers", [of[w["id"]]["writes"] for w in workers], [0, 0])
        check.true(f"{name}: their i stands still",
                   all(of[w["id"]]["last_value"] == of[w["id"]]["value_at_birth"] for w in workers), of)
        found = {f["rule"] for f in trace.json["findings"]}
        check.true(f"{name}: findings", {"thread-lost-at-fork", "global-diverged"} <= found, found)
        check.equal(f"{name}: nothing left out", [p["coverage_reason"] for p in trace.processes], [None] * 3)
        check.equal(f"{name}: lost records", trace.lost(), 0)


TEARDOWN = """
import builtins, forms_other, sys
builtins.keep, sys.keep = forms_other, sys.modules["__main__"]  # so that they are cleared, not just freed
i = 1
class D:
    def __del__(self):
        forms_other.late = 5
forms_other.d = D()
"""


@scenario("pythons: teardown is no write")
def teardown(check):
    for name, python in pythons("CPython 3.12 to 3.14", watched):
        server = check.server(python, "-c", TEARDOWN, env={"FORKTRACE_WATCH": "py:__main__.i;py:forms_other.*"})
        check.equal(f"{name}: exit status", server.wait(30), 0)
        trace = server.trace()
        for variable, value, writes in (("__main__.i", "1", 1), ("forms_other.attribute", "1", 1), ("forms_other.late", "5", 1)):
            (copy,) = copies(trace, variable)[1].values()
            check.equal(f"{name}: {variable}: value, writes, torn down",
                        (copy["last_value"], copy["writes"], copy["torn_down"]), (value, writes, True))


PROGRAM = """
import os, threading, time, sys
done = []
threads = [threading.Thread(target=done.append, args=(n,)) for n in range(4)]
[t.start() for t in threads], [t.join() for t in threads]
pid = os.fork()
if pid == 0:
    os._exit(len(done))
print(os.waitpid(pid, 0)[1] >> 8)
sys.stdout.flush()
sys.exit(7)
"""


@scenario("pythons: others are declined")
def others(check):
    for name, python in pythons("CPython before 3.11, nor a free-threaded one", declined):
        plain = subprocess.run([python, "-c", PROGRAM], capture_output=True, text=True)
        server = check.server(python, "-c", PROGRAM, env={"FORKTRACE_WATCH": "py:__main__.*"})
        check.equal(f"{name}: exit status, output", (server.wait(30), server.output()), (plain.returncode, plain.stdout + plain.stderr))
        trace = server.trace()
        reason = "a free-threaded build" if name.endswith("t") else "before 3.11"
        check.true(f"{name}: the reason, in each process", len(trace.processes) == 2 and all(
            reason in (p["coverage_reason"] or "") and p["coverage"] == "full" for p in trace.processes),
            [p["coverage_reason"] for p in trace.processes])
        check.equal(f"{name}: threads and forks", (len(trace.events("thread-create")), len(trace.events("fork"))), (4, 1))
        check.equal(f"{name}: lost records", trace.lost(), 0)


@scenario("pythons: layouts")
def layouts(check):
    """Our offsets against the interpreter's own headers, with its own idea of them compiled in."""
    source = Path(__file__).with_name("layouts.c")
    proved = 0
    for version, python in sorted(found().items(), key=str):
        if len(version) == 3 or not (3, 11) <= version <= (3, 14):
            continue
        ask = "import sysconfig; print(sysconfig.get_path('include'))"
        include = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
        if not os.path.exists(f"{include}/internal/pycore_frame.h"):
            continue
        with tempfile.TemporaryDirectory() as directory:
            built = subprocess.run(["cc", "-w", "-D_GNU_SOURCE", f"-I{include}", f"-I{include}/internal", f"-I{source.parents[2]}",
                                    "-o", f"{directory}/layouts", source], capture_output=True, text=True)
            said = built.stderr or subprocess.run([f"{directory}/layouts"], capture_output=True, text=True).stdout
        check.equal(f"{version[0]}.{version[1]}: offsets that differ", said, "")
        proved += 1
    if not proved:
        raise Skip("no CPython 3.11 to 3.14 with its headers (Include/internal) in PATH or in ~/.pyenv/versions")
