"""Each process opens a connection of its own, after the fork."""
import os
import signal
import socket
import time


def serve():
    while True:
        connection, _ = listener.accept()
        while question := connection.recv(6):
            time.sleep(0.002)
            connection.sendall(question.upper())


def ask(who):
    connection = socket.create_connection(listener.getsockname())
    wrong = 0
    for _ in range(20):
        connection.sendall(who)
        time.sleep(0.005 if who == b"parent" else 0)  # it takes its time
        wrong += connection.recv(6) != who.upper()
    print(who.decode(), "got", "answers to somebody else" if wrong else "its own answers", flush=True)


def start(work, *arguments):
    child = os.fork()
    if not child:
        work(*arguments)
        os._exit(0)
    return child


listener = socket.create_server(("127.0.0.1", 0))
servers = [start(serve), start(serve)]  # each serves a connection at a time
child = start(ask, b"child ")
ask(b"parent")
os.waitpid(child, 0)
for server in servers:
    os.kill(server, signal.SIGTERM)
    os.waitpid(server, 0)
