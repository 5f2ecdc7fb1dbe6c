"""A TCP relay on loopback that keeps every byte: what whoever runs the network sees."""

import socket
import threading
from contextlib import suppress

CHUNK = 65_536


class Tap:
    """Listens at `host`, on a port of the system's choice; passes all on to `target`, both ways."""

    def __init__(self, target=None, host="127.0.0.1"):
        self._listener = socket.create_server((host, 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"{host}:{self.port}"
        # Without a target of its own: the same port of the loopback address that processes listen at.
        self._target = target or f"127.0.0.1:{self.port}"
        self._lock, self.seen = threading.Lock(), bytearray()
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._relay, args=(caller,), daemon=True).start()

    def _relay(self, caller):
        host, _, port = self._target.rpartition(":")
        try:
            called = socket.create_connection((host, int(port)))
        except OSError:
            caller.close()
            return
        back = threading.Thread(target=self._pump, args=(called, caller), daemon=True)
        back.start()
        self._pump(caller, called)
        back.join()
        caller.close()
        called.close()

    def _pump(self, source, sink):
        with suppress(OSError):
            while data := source.recv(CHUNK):
                with self._lock:
                    self.seen += data
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self._listener.close()
