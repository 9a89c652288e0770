"""`forktrace record` in front of a command, and each command of forktrace on the same server's trace."""
import json
import signal
import tempfile
from pathlib import Path

from harness import PYTHON, Trace, forktrace, scenario
from test_uwsgi import UWSGI


@scenario("forktrace record")
def record(check):
    with tempfile.TemporaryDirectory(prefix="forktrace-scenario-") as directory:
        file = Path(directory) / "run.ftrace"
        for command, status in ((["sh", "-c", "exit 5"], 5), (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM),
                                (["/no/such/program"], 127), (["/etc/passwd"], 126)):
            file.unlink(missing_ok=True)
            done = forktrace("record", "-o", file, "--", *command)
            check.equal(f"exit status of {' '.join(command)}", done.returncode, status)

        file.unlink(missing_ok=True)
        program = "import subprocess, sys; sys.exit(subprocess.call(['sh', '-c', 'echo out; echo err >&2; exit 4']))"
        done = forktrace("record", "-o", file, PYTHON, "-c", program)
        check.equal("a child's output and status pass through", (done.stdout, done.stderr, done.returncode),
                    ("out\n", "err\n", 4))
        trace = Trace(file)
        check.equal("processes", [p["images"][-1]["argv"][0] for p in trace.processes], [PYTHON, "sh"])
        check.equal("they ended with", [trace.end(p) for p in trace.processes], [("exit", 4)] * 2)
        check.equal("the root", trace.root["origin"], "root")

        again = forktrace("record", "-o", file, "true")
        check.equal("an existing file is not overwritten", (again.returncode, len(Trace(file).processes)), (2, 2))


@scenario("every command on one trace")
def commands(check):
    server = check.server(*UWSGI, "ticker.py", "--workers", "2").ready(2)
    live = forktrace("ps", server.trace_path)
    server.stop(signal.SIGINT)
    check.equal("ps of a run that goes on", (live.returncode, live.stderr), (0, ""))
    for command in (("ps",), ("report",), ("view", "--script", "q", "--size", "80x24")):
        done = forktrace(*command, server.trace_path)
        check.equal(f"{command[0]}: status and errors", (done.returncode, done.stderr), (0, ""))
        for word in ("uwsgi master", "uwsgi worker 1", "uwsgi worker 2"):
            check.true(f"{command[0]} shows {word}", word in done.stdout, done.stdout)
    ndjson = forktrace("export", "--format", "ndjson", server.trace_path).stdout.splitlines()
    trace = server.trace()
    doubled = []

    def once(pairs):
        doubled.extend([pairs] if len(pairs) > len(dict(pairs)) else [])
        return dict(pairs)
    said = {}
    for line in (json.loads(line, object_pairs_hook=once) for line in ndjson):
        kind = line.pop("object")
        if "in_object" in line:
            line["object"] = line.pop("in_object")
        said.setdefault(kind, []).append(line)
    check.equal("no key of ndjson is there twice", doubled, [])
    for kind in ("process", "thread", "event", "global", "finding"):
        expected = trace.json[{"process": "processes"}.get(kind, kind + "s")]
        check.equal(f"ndjson has as many of {kind} as json", len(said[kind]), len(expected))
        check.true("and they say the same", said[kind] == expected, [x for x in zip(said[kind], expected) if x[0] != x[1]][:1])
    damaged = server.directory / "damaged.ftrace"
    damaged.write_bytes(b"")
    done = forktrace("report", damaged)
    check.equal("an empty file: status", done.returncode, 2)
    check.true("an empty file: one sentence",
               done.stderr.startswith(f"forktrace: {damaged}: ") and done.stderr.count("\n") == 1, done.stderr)
