"""ClickHouse for `forktrace push`: a stand-in that takes what comes and answers the few questions push asks, and the
real server where it is installed."""
import base64
import contextlib
import http.server
import json
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
import urllib.parse
import urllib.request
from pathlib import Path

from harness import Skip, free_port, wait_until


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        url = urllib.parse.urlsplit(self.path)
        parameters = dict(urllib.parse.parse_qsl(url.query))
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        user = base64.b64decode(encoded).decode() if kind == "Basic" else None
        status, text = self.server.stand_in.answer(url.path, parameters, user, body)
        if status is None:  # it has crashed
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # push has heard enough
            self.wfile.write(text)

    def log_message(self, *_):
        pass


def columns_of(statement):
    """Their names and types, of CREATE TABLE."""
    return dict(re.findall(r"[(,] ?(\w+) ([A-Z]\w+(?:\(\w+\))?)", statement.split(") ENGINE")[0]))


class StandIn:
    """Keeps what comes: `created` statements, the `columns` of tables and their `rows` (every column, None if it did not
    come), the sizes of `batches`, the `users` that asked. A test may replace `trouble`, which is asked before
    each insert, and returns an answer to give instead, or None."""

    def __init__(self, certificate=None):
        self.created, self.columns, self.rows, self.batches, self.users, self.databases = [], {}, {}, [], [], []
        self.trouble = lambda table, batch: None
        self.version = "18.16.1"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.stand_in = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.address}/runs"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, parameters, user, body):
        self.users.append(user)
        self.databases.append((path, parameters.get("database")))
        insert = re.fullmatch(r"INSERT INTO forktrace_pushed_(\w+) FORMAT JSONEachRow", parameters.get("query", ""))
        if insert:
            self.batches.append((insert[1], len(body)))
            answer = self.trouble(insert[1], len(self.batches))
            return answer or self.insert(insert[1], [json.loads(line) for line in body.splitlines()])
        query = body.decode()
        if query.startswith("SELECT version()"):
            return 200, f"{self.version}\t{len(self.created)}\n".encode()
        if query.startswith("CREATE"):
            self.created.append(query)
            if query.startswith("CREATE TABLE"):
                self.columns[re.search(r"forktrace_pushed_(\w+)", query)[1]] = columns_of(query)
            return 200, b""
        return 200, self.last_push(query)

    def insert(self, table, rows):
        known = self.columns[table]
        for row in rows:
            if unknown := set(row) - set(known):
                return 500, f"Code: 117. DB::Exception: Unknown field found while parsing JSONEachRow format: {unknown}".encode()
        self.rows.setdefault(table, []).extend({**dict.fromkeys(known), **row} for row in rows)
        return 200, b""

    def last_push(self, query):
        """Its number, and whether all the query names is so."""
        run = re.search(r"run_id = '(\w+)'", query)[1]
        runs = [row for row in self.rows.get("runs", []) if row["run_id"] == run]
        if not runs:
            return b"0\t0\n"
        last = max(runs, key=lambda row: row["pushed"])
        asked = re.findall(r"(\w+) = (?:'((?:[^'\\]|\\.)*)'|(-?\d+))(?= AND|\) FROM)", query)
        alike = len(asked) == 11 and all(str(last[name]) == (number or re.sub(r"\\(.)", r"\1", text))
                                         for name, text, number in asked)
        return f"{last['pushed']}\t{alike:d}\n".encode()

    def pushed(self, table, number):
        return [row for row in self.rows.get(table, []) if row["pushed"] == number]


CONFIGURATION = """<?xml version="1.0"?><yandex>
<logger><level>warning</level><log>{0}/log</log><errorlog>{0}/errors</errorlog></logger>
<http_port>{1}</http_port><tcp_port>{2}</tcp_port><listen_host>127.0.0.1</listen_host>
<path>{0}/data/</path><tmp_path>{0}/tmp/</tmp_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>100000000</mark_cache_size><timezone>UTC</timezone></yandex>"""
USERS = """<?xml version="1.0"?><yandex><profiles><default/><reader><readonly>1</readonly></reader></profiles>
<quotas><default><interval><duration>3600</duration></interval></default></quotas><users>
<default><password>s3cret</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
<reader><password></password><networks><ip>127.0.0.1</ip></networks><profile>reader</profile><quota>default</quota></reader>
</users></yandex>"""


class ClickHouse:
    """The real one, with a place of its own and the database `runs`."""

    def __init__(self):
        program = shutil.which("clickhouse-server", path="/usr/bin:/usr/sbin:/usr/local/bin")
        if not program:
            raise Skip("clickhouse-server is not installed: tests/deps.sh")
        self.place, self.port = Path(tempfile.mkdtemp(prefix="forktrace-clickhouse-")), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://default:s3cret@{self.address}/runs"
        (self.place / "config.xml").write_text(CONFIGURATION.format(self.place, self.port, free_port()))
        (self.place / "users.xml").write_text(USERS)
        self.process = subprocess.Popen([program, f"--config-file={self.place}/config.xml"], cwd=self.place,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        def answers():
            if self.process.poll() is not None:
                raise ChildProcessError(f"clickhouse-server ended with {self.process.returncode}: "
                                        + (self.place / "errors").read_text(errors="replace")[-600:])
            try:
                return self.ask("SELECT 1", database="default")
            except OSError:
                return None

        try:
            wait_until("clickhouse-server answers", answers, 60, 0.1)
            self.ask("CREATE DATABASE runs", database="default")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.place, ignore_errors=True)

    def ask(self, query, database="runs"):
        """The rows of its answer, as objects."""
        if query.startswith("SELECT"):
            query += " FORMAT JSONEachRow"
        url = f"http://{self.address}/?database={database}&output_format_json_quote_64bit_integers=0"
        request = urllib.request.Request(url, query.encode())
        request.add_header("Authorization", "Basic " + base64.b64encode(b"default:s3cret").decode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [json.loads(line) for line in answer.read().decode().splitlines()]
