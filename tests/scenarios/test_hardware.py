"""Writes to globals of real servers as the processor sees them: each process's own copy, to the end of the run."""
import signal
import subprocess

from harness import forktrace, scenario, wait_until
from test_servers import POSTGRES, ROOT, load, need


def copies(check, server, name, watch):
    """pid -> copy of that global; that the processor saw it all is checked where it can."""
    trace = server.trace()
    pids = {p["id"]: p["pid"] for p in trace.processes}
    (found,) = [g for g in trace.json["globals"] if g["name"] == name]
    writes = [e for e in trace.events("write") if e["global"] == found["id"]]
    refused = "no hardware watch" in forktrace("report", server.trace_path).stdout
    check.equal(f"{watch}: seen by", {e["engine"] for e in writes}, {"patch" if refused else "hardware"})
    check.true(f"{watch}: exact, for each process has one thread", all(e["exact"] for e in writes))
    return {pids[c["process"]]: c for c in found["copies"]}


@scenario("hardware: nginx, who is who through a reload")
def nginx(check):
    need("nginx")
    config = ("printf '%s\\n' 'daemon off; worker_processes 2; pid nginx.pid; error_log error.log;' "
              "'events { worker_connections 64; }' 'http { access_log off;' "
              "\"server { listen 127.0.0.1:$PORT; root .; } }\" >nginx.conf; echo hello >index.html")
    server = check.server("/usr/sbin/nginx", "-p", ".", "-c", "nginx.conf", shell=config,
                          env={"PORT": "PORT", "FORKTRACE_WATCH": "hw:ngx_pid;hw:ngx_process;hw:ngx_worker"}).ready()
    server.signal(signal.SIGHUP)
    wait_until("new workers", lambda: len(server.trace().processes) == 5)
    check.equal("it ends well", server.stop(signal.SIGQUIT), 0)
    trace = server.trace()
    pids, master = {p["pid"] for p in trace.processes}, trace.root["pid"]
    own = copies(check, server, "ngx_pid", "hw:ngx_pid")
    check.equal("ngx_pid: each has its own", {pid: int(c["last_value"]) for pid, c in own.items()}, {pid: pid for pid in pids})
    check.true("ngx_pid: workers were born with the master's",
               all(int(c["value_at_birth"]) == master for pid, c in own.items() if pid != master))
    kinds = copies(check, server, "ngx_process", "hw:ngx_process")
    check.equal("ngx_process: a master, workers", sorted((pid == master, int(c["last_value"])) for pid, c in kinds.items()),
                [(False, 3)] * 4 + [(True, 1)])
    numbers = copies(check, server, "ngx_worker", "hw:ngx_worker")
    check.equal("ngx_worker: numbered in each generation", sorted(int(c["last_value"]) for pid, c in numbers.items() if pid != master),
                [0, 0, 1, 1])


@scenario("hardware: postgresql, a copy of MyProcPid for each backend, as its unprivileged user")
def postgresql(check):
    need(f"{POSTGRES}/postgres", f"{POSTGRES}/psql")
    drop = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if ROOT else []
    prepare = (f"mkdir data && {'chown postgres data . &&' if ROOT else ''} "
               f"{' '.join(drop)} {POSTGRES}/initdb -D data -U test -A trust --no-sync -E UTF8 --locale=C >initdb.log")
    server = check.server(*drop, f"{POSTGRES}/postgres", "-D", "data", "-p", "PORT", "-h", "127.0.0.1", "-k", "",
                          "-F", shell=prepare, env={"FORKTRACE_WATCH": "hw:MyProcPid"})
    client = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "test"]
    wait_until("it answers", lambda: subprocess.run([f"{POSTGRES}/pg_isready", *client], capture_output=True).returncode == 0, 40)
    asked = {int(load(check, f"{POSTGRES}/psql", *client, "-Atc", "select pg_backend_pid()", "postgres")) for _ in range(3)}
    check.equal("it ends well", server.stop(signal.SIGINT), 0)
    own = copies(check, server, "MyProcPid", "hw:MyProcPid")
    check.equal("MyProcPid: each has its own", {pid: int(c["last_value"]) for pid, c in own.items()}, {pid: pid for pid in own})
    check.true(f"the backends that were asked are among them: {asked}", asked <= set(own), sorted(own))
