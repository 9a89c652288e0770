"""No false alarms: real servers as Debian ships them, under load, from their start to their stop, give no error and no
warning. What is a note is written down here, with the reason why an expert of that server agrees."""
import json
import os
import shutil
import signal
import subprocess
import time

from harness import Skip, forktrace, scenario, wait_until

ROOT = os.geteuid() == 0
POSTGRES = "/usr/lib/postgresql/15/bin"


def need(*programs):
    for program in programs:
        if not shutil.which(program, path="/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"):
            raise Skip(f"{program} is not installed: tests/deps.sh installs it")


def load(check, *command, **options):
    """A client beside the server, not recorded."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    check.equal(f"{os.path.basename(command[0])} ends well", (done.returncode, done.stderr if done.returncode else ""), (0, ""))
    return done.stdout


def verdicts(check, server, notes):
    """No error, no warning, no other notes than these (rule, subject). Two may come, by chance: that a fork handler
    took a millisecond (libcap-ng's, in PostgreSQL), and that a thread had a lock at the fork of a child that did its
    job without it (Redis: bio_close_file still closes the old file when the next save begins)."""
    may_come = (("atfork-handler", "note"), ("lock-held-at-fork", "note"))
    done = forktrace("check", server.trace_path, "--format", "json", "--fail-on", "any")
    report = json.loads(done.stdout)
    found = report["findings"]
    check.equal("errors and warnings", [(x["rule"], x["title"], x["explanation"]) for x in found if x["severity"] != "note"], [])
    check.equal("unexpected notes", [(x["rule"], x["subject"], x["title"]) for x in found
                                     if (x["rule"], x["subject"]) not in notes
                                     and (x["rule"], x["severity"]) not in may_come], [])
    check.true("nothing of it was lost", report["complete"], report["lost"])
    return server.trace()


@scenario("servers: nginx is healthy")
def nginx(check):
    need("nginx", "wrk")
    config = ("printf '%s\\n' 'daemon off; worker_processes 2; pid nginx.pid; error_log error.log;' "
              "'events { worker_connections 256; }' 'http { access_log access.log;' "
              "\"server { listen 127.0.0.1:$PORT; root .; } }\" >nginx.conf; echo hello >index.html")
    server = check.server("/usr/sbin/nginx", "-p", ".", "-c", "nginx.conf", env={"PORT": "PORT"}, shell=config).ready()
    load(check, "/usr/bin/wrk", "-t1", "-c20", "-d1s", f"http://127.0.0.1:{server.port}/")
    server.signal(signal.SIGHUP)  # new workers; the old ones end
    load(check, "/usr/bin/wrk", "-t1", "-c20", "-d1s", f"http://127.0.0.1:{server.port}/")
    check.equal("it ends well", server.stop(signal.SIGQUIT), 0)
    trace = verdicts(check, server, set())
    check.equal("a master and two generations of two workers", len(trace.processes), 5)


@scenario("servers: apache prefork is healthy")
def apache(check):
    need("apache2", "ab")
    modules = "/usr/lib/apache2/modules"
    lines = [f"LoadModule {name}_module {modules}/mod_{name}.so" for name in ("mpm_prefork", "authz_core")]
    lines += ["ServerName localhost", "PidFile httpd.pid", "ErrorLog error.log",
              "StartServers 2", "MinSpareServers 2", "MaxSpareServers 8", "MaxRequestWorkers 12"]
    lines += ["User nobody", "Group nogroup"] if ROOT else []
    config = "printf '%s\\n' " + " ".join(f"'{line}'" for line in lines) + \
        ' "ServerRoot $PWD" "DocumentRoot $PWD" "Listen 127.0.0.1:$PORT" >apache.conf; echo hello >index.html'
    server = check.server("sh", "-c", 'exec /usr/sbin/apache2 -f "$PWD/apache.conf" -DFOREGROUND', env={"PORT": "PORT"},
                          shell=config).ready()
    load(check, "/usr/bin/ab", "-q", "-c", "8", "-n", "2000", f"http://127.0.0.1:{server.port}/index.html")
    server.signal(signal.SIGUSR1)  # graceful restart
    wait_until("it answers again", server.answers)
    load(check, "/usr/bin/ab", "-q", "-c", "8", "-n", "2000", f"http://127.0.0.1:{server.port}/index.html")
    check.equal("it ends well", server.stop(signal.SIGTERM), 0)
    trace = verdicts(check, server, set())
    check.true("a parent and its children", len(trace.processes) > 4, len(trace.processes))


@scenario("servers: postgresql is healthy")
def postgresql(check):
    need(f"{POSTGRES}/postgres", f"{POSTGRES}/pgbench")
    drop = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if ROOT else []
    prepare = (f"mkdir data && {'chown postgres data . &&' if ROOT else ''} "
               f"{' '.join(drop)} {POSTGRES}/initdb -D data -U test -A trust --no-sync -E UTF8 --locale=C >initdb.log")
    server = check.server(*drop, f"{POSTGRES}/postgres", "-D", "data", "-p", "PORT", "-h", "127.0.0.1", "-k", "",
                          "-F", shell=prepare)
    client = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "test"]
    ready = lambda: subprocess.run([f"{POSTGRES}/pg_isready", *client], capture_output=True).returncode == 0
    wait_until("it answers", ready, 40)
    load(check, f"{POSTGRES}/pgbench", *client, "-i", "-q", "postgres")
    load(check, f"{POSTGRES}/pgbench", *client, "-c", "4", "-C", "-T", "2", "postgres")
    load(check, f"{POSTGRES}/psql", *client, "-qc", "set parallel_setup_cost=0; set parallel_tuple_cost=0; "
         "set min_parallel_table_scan_size=0; select count(*) from pgbench_accounts", "postgres")
    check.equal("it ends well", server.stop(signal.SIGINT), 0)
    trace = verdicts(check, server, set())
    check.true("a process a connection", len(trace.processes) > 10, len(trace.processes))


@scenario("servers: redis is healthy, with BGSAVE and an append-only file")
def redis(check):
    need("redis-check-rdb", "redis-benchmark", "redis-cli")
    # Debian's redis-server is this program under another name.
    server = check.server("./redis-server", "--port", "PORT", "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--rdb-key-save-delay", "10",
                          shell="ln -s /usr/bin/redis-check-rdb redis-server")
    def ask(*words):
        return subprocess.run(["/usr/bin/redis-cli", "-p", str(server.port), *words], capture_output=True, text=True).stdout.strip()
    wait_until("it answers", lambda: ask("ping") == "PONG")
    load(check, "/usr/bin/redis-benchmark", "-p", str(server.port), "-n", "20000", "-q", "-r", "2000", "-t", "set,get,lpush,incr")
    idle = lambda: "rdb_bgsave_in_progress:0" in ask("info", "persistence") and "aof_rewrite_in_progress:0" in ask("info", "persistence")
    for command in ("bgsave", "bgrewriteaof", "bgsave"):
        wait_until("no child", idle)
        ask(command)
        load(check, "/usr/bin/redis-benchmark", "-p", str(server.port), "-n", "5000", "-q", "-r", "2000", "-t", "set")
    wait_until("no child", idle)
    check.equal("it ends well", server.stop(signal.SIGTERM), 0)
    # The children save and leave: they can do without the threads that close files and free memory in the
    # parent. That it forks with threads is true; it calls nothing unsafe in the child.
    notes = {("thread-lost-at-fork", name) for name in ("bio_close_file", "bio_aof_fsync", "bio_lazy_free", "jemalloc_bg_thd")}
    trace = verdicts(check, server, notes | {("multithreaded-fork", "redis-server")})
    check.equal("three children that saved", len(trace.children(trace.root)), 3)


@scenario("servers: uwsgi --lazy-apps under load is healthy")
def lazy_apps(check):
    need("wrk")
    server = check.server("/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:PORT", "--master", "--callable",
                          "app", "--wsgi-file", "ticker.py", "--enable-threads", "--workers", "2", "--lazy-apps",
                          "--disable-logging").ready()
    load(check, "/usr/bin/wrk", "-t1", "-c8", "-d2s", f"http://127.0.0.1:{server.port}/")
    check.equal("it ends well", server.stop(signal.SIGINT), 0)
    verdicts(check, server, {("duplicate-thread", "ticker")})  # each worker has its own: that is what the option is for


@scenario("servers: gunicorn sync under load is healthy")
def gunicorn(check):
    need("wrk")
    server = check.server("/usr/bin/gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "2", "race:app").ready()
    load(check, "/usr/bin/wrk", "-t1", "-c8", "-d2s", f"http://127.0.0.1:{server.port}/")
    check.equal("it ends well", server.stop(signal.SIGTERM), 0)
    verdicts(check, server, set())
