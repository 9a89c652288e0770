"""C globals of servers nobody here wrote: watched by name, or by offset and length; and found without being named."""
import os
import re
import signal
import subprocess

from harness import Skip, scenario, wait_until
from test_servers import POSTGRES, ROOT, load, need
from test_uwsgi import UWSGI


def here():
    if os.uname().machine != "x86_64":
        raise Skip("stores are patched on x86-64 only")


def copies(trace, name):
    """{process: copy} of one global."""
    found = [g for g in trace.json["globals"] if g["name"] == name]
    return {copy["process"]: copy for g in found for copy in g["copies"]}


def discovered(trace):
    """{name: [last value of each copy]}, the parent's first."""
    return {g["name"]: [c["last_value"] for c in g["copies"]] for g in trace.json["globals"] if g["discovered"]}


def pids(trace):
    return {p["id"]: p["pid"] for p in trace.processes}


def saved(check, *watches):
    """redis-server, one key, one BGSAVE: its trace."""
    here()
    need("redis-check-rdb", "redis-cli")
    options = {"env": {"FORKTRACE_WATCH": ";".join(watches)}} if watches else {}
    server = check.server("./redis-server", "--port", "PORT", "--bind", "127.0.0.1", "--save", "", "--rdb-key-save-delay", "10",
                          shell="ln -s /usr/bin/redis-check-rdb redis-server", **options)

    def ask(*words):
        return subprocess.run(["/usr/bin/redis-cli", "-p", str(server.port), *words], capture_output=True, text=True).stdout.strip()
    wait_until("it answers", lambda: ask("ping") == "PONG")
    ask("set", "key", "value")
    ask("bgsave")
    wait_until("it is saved", lambda: "rdb_bgsave_in_progress:0" in ask("info", "persistence"))
    check.equal("it ends well", server.stop(signal.SIGTERM), 0)
    return server.trace()


@scenario("c globals: a field of redis' server struct, over a BGSAVE fork")
def redis(check):
    trace = saved(check)
    check.equal("a parent and a child that saved", len(trace.processes), 2)
    # server.in_fork_child: 0, and 1 (CHILD_TYPE_RDB) in the child. Where it lies depends on the release.
    names = [name for name, values in discovered(trace).items() if re.fullmatch(r"server\+\d+/4", name) and values == ["0", "1"]]
    name = min(names, key=lambda n: int(re.search(r"\d+", n)[0]), default=None)
    check.true("server.in_fork_child was found without being named", name, sorted(discovered(trace)))
    trace = saved(check, name)
    its = copies(trace, name)
    root, child = trace.root["id"], trace.children(trace.root)[0]["id"]
    check.equal("two copies", sorted(its), sorted((root, child)))
    check.equal("the child's is the parent's copy", its[child]["parent_copy"], its[root]["id"])
    check.equal("at the fork, at last", [(its[p]["value_at_birth"], its[p]["last_value"]) for p in (root, child)], [("0", "0"), ("0", "1")])
    check.equal("written once by the child", its[child]["writes"], 1)
    event = [e for e in trace.events("write") if e["process"] == child][0]
    check.true("where", event["stack"][0]["function"], event["stack"])


@scenario("c globals: postgresql's MyProcPid, one copy a process")
def postgresql(check):
    here()
    need(f"{POSTGRES}/postgres", f"{POSTGRES}/psql")
    drop = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if ROOT else []
    prepare = (f"mkdir data && {'chown postgres data . &&' if ROOT else ''} "
               f"{' '.join(drop)} {POSTGRES}/initdb -D data -U test -A trust --no-sync -E UTF8 --locale=C >initdb.log")
    server = check.server(*drop, f"{POSTGRES}/postgres", "-D", "data", "-p", "PORT", "-h", "127.0.0.1", "-k", "", "-F",
                          shell=prepare, env={"FORKTRACE_WATCH": "MyProcPid"})
    client = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "test"]
    ready = lambda: subprocess.run([f"{POSTGRES}/pg_isready", *client], capture_output=True).returncode == 0
    wait_until("it answers", ready, 40)
    backends = [int(load(check, f"{POSTGRES}/psql", *client, "-Atqc", "select pg_backend_pid()", "postgres")) for _ in range(3)]
    check.equal("it ends well", server.stop(signal.SIGINT), 0)
    trace = server.trace()
    its, known = copies(trace, "MyProcPid"), pids(trace)
    check.equal("each process's is its own pid", {p: c["last_value"] for p, c in its.items()},
                {p: str(known[p]) for p in its})
    check.equal("the backends are among them", set(backends) - {known[p] for p in its}, set())
    root = trace.root["id"]
    check.equal("born with the postmaster's", {c["value_at_birth"] for p, c in its.items() if p != root}, {str(known[root])})
    check.equal("all written in one place", {e["stack"][0]["function"] for e in trace.events("write") if e["process"] != root},
                {"fork_process"})
    check.true("one that nobody named", len(set(discovered(trace).get("MyBackendType", []))) > 2, sorted(discovered(trace))[:40])


@scenario("c globals: nginx's, of -fPIC code")
def nginx(check):
    here()
    need("nginx")
    config = ("printf '%s\\n' 'daemon off; worker_processes 2; pid nginx.pid; error_log error.log;' "
              "'events { worker_connections 256; }' 'http { access_log access.log;' "
              "\"server { listen 127.0.0.1:$PORT; root .; } }\" >nginx.conf; echo hello >index.html")
    server = check.server("/usr/sbin/nginx", "-p", ".", "-c", "nginx.conf", shell=config,
                          env={"PORT": "PORT", "FORKTRACE_WATCH": "ngx_worker"}).ready()
    check.equal("it ends well", server.stop(signal.SIGQUIT), 0)
    trace = server.trace()
    workers = [p["id"] for p in trace.children(trace.root)]
    its = copies(trace, "ngx_worker")
    check.equal("a number for each worker", [its[p]["last_value"] for p in workers], ["0", "1"])
    check.equal("each written once", [its[p]["writes"] for p in workers], [1, 1])
    check.equal("not in the master", its[trace.root["id"]]["writes"], 0)
    check.true("one that nobody named", "ngx_exiting" in discovered(trace), sorted(discovered(trace))[:40])


@scenario("c globals: uWSGI's worker id, found without being named")
def uwsgi(check):
    need("uwsgi")
    server = check.server(*UWSGI, "plain.py", "--workers", "3",
                          shell="echo 'def app(env, start): start(\"200 OK\", []); return [b\"hello\"]' >plain.py").ready()
    check.equal("it ends well", server.stop(signal.SIGINT), 0)
    trace = server.trace()
    workers = [p["role"] for p in trace.processes]
    check.equal("a master and its workers, by pid", sorted(workers), ["uwsgi master", "uwsgi worker 1", "uwsgi worker 2", "uwsgi worker 3"])
    number = {"uwsgi master": "0", **{f"uwsgi worker {n}": str(n) for n in (1, 2, 3)}}
    parts = [g for g in trace.json["globals"] if g["discovered"] and g["name"].startswith("uwsgi+")]
    by_role = [{trace.process(c["process"])["role"]: c["last_value"] for c in g["copies"]} for g in parts]
    check.true("uwsgi.mywid is one of them", number in by_role, by_role)
    pid = {p["role"]: str(p["pid"]) for p in trace.processes}
    check.true("uwsgi.mypid is another", pid in by_role, by_role)
    check.equal("none of it is a finding", [f for f in trace.json["findings"] if f["rule"] == "global-diverged"], [])
