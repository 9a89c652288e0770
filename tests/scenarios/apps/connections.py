"""One connection, several users: connections.py WHAT. Sick: threads, fork, epoll; the others are healthy."""
import os
import queue
import select
import socket
import socketserver
import sys
import threading
import time

what = sys.argv[1]
ROUNDS = 20


class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        while question := self.request.recv(64):
            time.sleep(0.002)
            self.request.sendall(question.upper())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Answer)
server_pid = os.fork()
if not server_pid:
    server.serve_forever()
server.socket.close()


def connect():
    connection = socket.create_connection(server.server_address)
    connection.settimeout(0.5)  # an answer may go to somebody else
    return connection


def exchange(connection):
    try:
        connection.sendall(b"question")
        connection.recv(64)
    except TimeoutError:
        pass


def run_threads(work):
    threads = [threading.Thread(target=work, name=f"client-{i}") for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_children(work):
    for _ in range(2):
        if not os.fork():
            work()
            os._exit(0)
    for _ in range(2):
        os.wait()


def repeat(function, *arguments):
    for _ in range(ROUNDS):
        function(*arguments)


if what == "threads":
    one = connect()
    run_threads(lambda: repeat(exchange, one))
elif what == "locked":
    one, lock = connect(), threading.Lock()

    def locked():
        with lock:
            exchange(one)

    run_threads(lambda: repeat(locked))
elif what == "pool":
    pool = queue.Queue()
    for _ in range(2):
        pool.put(connect())

    def pooled():
        connection = pool.get()
        exchange(connection)
        pool.put(connection)

    run_threads(lambda: repeat(pooled))
elif what == "duplex":
    one = connect()
    reader = threading.Thread(target=lambda: [one.recv(64) for _ in range(ROUNDS)], name="reader")
    reader.start()
    for _ in range(ROUNDS):
        one.sendall(b"q")
        time.sleep(0.004)
    one.shutdown(socket.SHUT_WR)
    reader.join()
elif what == "fork":
    one = connect()
    exchange(one)
    run_children(lambda: repeat(exchange, one))
elif what == "fork_own":
    connect()
    run_children(lambda: repeat(exchange, connect()))
elif what == "handed":
    one = connect()
    exchange(one)
    if not os.fork():
        repeat(exchange, one)
        os._exit(0)
    one.close()
    os.wait()
elif what in ("epoll", "epoll_own"):
    listener = socket.create_server(("127.0.0.1", 0))
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)

    def wait():
        mine = select.epoll() if what == "epoll_own" else poll
        for _ in range(5):
            mine.poll(0.02)

    run_children(wait)
elif what == "listener":
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(3):
            connection, _ = listener.accept()
            connection.sendall(connection.recv(64))
            connection.close()

    def ask():
        for _ in range(6):
            with socket.create_connection(listener.getsockname()) as connection:
                exchange(connection)

    if not os.fork():
        ask()
        os._exit(0)
    run_children(serve)
    os.wait()
time.sleep(0.1)
os.kill(server_pid, 15)
os.waitpid(server_pid, 0)
