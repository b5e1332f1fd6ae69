"""A network between us and a server, which can vanish."""

import ctypes
import socket
import struct
import threading
from contextlib import suppress
from typing import Self

SO_ATTACH_FILTER = 26
# A program for the kernel's packet filter, of the one instruction "let 0 bytes of it through".
DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)


class Proxy:
    """A port that leads to a Unix socket."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.clients: list[socket.socket] = []
        self.servers: list[socket.socket] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listening.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.listening, *self.clients, *self.servers):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def vanish(self) -> None:
        """From now on nothing of what is sent to us arrives, and so nothing is acknowledged either."""
        program = ctypes.create_string_buffer(DROP_ALL)
        for client in self.clients:
            client.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.path)
                self.clients.append(client)
                self.servers.append(server)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=ends, daemon=True).start()


def _pump(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while data := here.recv(65536):
            there.sendall(data)
