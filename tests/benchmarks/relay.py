"""What any process between client and handler adds on a machine: it reads nothing, and hands on what it gets.

Two processes with blocking sockets, for one client at a time; the second one is the handler. Prints its port.
"""

import os
import re
import socket
import time

_SIZE = 64 * 1024


def _handle(relay: socket.socket) -> None:
    while request := relay.recv(_SIZE):
        asked = re.search(rb"ms=(\d+)", request)
        assert asked, request
        began = time.perf_counter()
        time.sleep(int(asked[1]) / 1000)
        relay.sendall(b"x-own-time: %.6f\r\n" % (time.perf_counter() - began))


def _hand_on(listener: socket.socket, handler: socket.socket) -> None:
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client:
            while request := client.recv(_SIZE):
                handler.sendall(request)
                client.sendall(handler.recv(_SIZE))


def main() -> None:
    """Hand on until somebody ends it; the handler ends with it, since nothing comes any more."""
    listener = socket.create_server(("127.0.0.1", 0))
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        listener.close()
        ours.close()
        _handle(theirs)
        return
    theirs.close()
    print(listener.getsockname()[1], flush=True)
    _hand_on(listener, ours)


if __name__ == "__main__":
    main()
