"""Relays connections to a server, and appends the head of each answer to a file: relay.py PORT SERVER_PORT FILE."""

import contextlib
import socket
import sys
import threading


def pass_on(source, sink):
    # The client may leave after the answer.
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)


def relay(client, port, path):
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        threading.Thread(target=pass_on, args=(client, server), daemon=True).start()
        answer = b""
        while part := server.recv(65536):
            answer += part
            client.sendall(part)
    with open(path, "ab") as heads:
        heads.write(answer.partition(b"\r\n\r\n")[0] + b"\n")


own_port, server_port, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with socket.create_server(("127.0.0.1", own_port)) as listener:
    while True:
        threading.Thread(target=relay, args=(listener.accept()[0], server_port, file), daemon=True).start()
