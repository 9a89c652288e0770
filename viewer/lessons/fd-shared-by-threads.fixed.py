"""A lock is held from the question to the answer."""
import os
import signal
import socket
import threading
import time


def serve():
    connection, _ = listener.accept()
    while question := connection.recv(6):
        time.sleep(0.002)
        connection.sendall(question.upper())


def ask(who):
    wrong = 0
    for _ in range(20):
        with lock:
            connection.sendall(who)
            time.sleep(0.005 if who == b"mother" else 0)  # she takes her time
            answer = connection.recv(6)
        wrong += answer != who.upper()
    print(who.decode(), "got", "answers to somebody else" if wrong else "its own answers", flush=True)


lock = threading.Lock()
listener = socket.create_server(("127.0.0.1", 0))
server = os.fork()
if not server:
    serve()
    os._exit(0)
connection = socket.create_connection(listener.getsockname())
threads = [threading.Thread(target=ask, args=[who], name=f"{who.decode()} asks") for who in (b"mother", b"father")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os.kill(server, signal.SIGTERM)
os.waitpid(server, 0)
