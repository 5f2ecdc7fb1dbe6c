"""A TCP relay on loopback between parties and enclaves: it can be shut, opened again, and made slow."""

import socket
import threading
import time
from contextlib import suppress

CHUNK = 16_384


class Gate:
    """Listens at `host`; passes all on to the same port of the loopback address that processes listen at."""

    def __init__(self, host="127.0.0.2"):
        self._listener = socket.create_server((host, 0))
        self.host, self.port = host, self._listener.getsockname()[1]
        self._lock, self._open, self._sockets = threading.Lock(), True, set()
        self.bytes_per_second = None
        """Of each connection, each way; None: as fast as it goes."""
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self):
        """Every connection breaks; new ones are refused."""
        with self._lock:
            self._open = False
            broken, self._sockets = self._sockets, set()
        for end in broken:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def open(self):
        self._open = True

    def close(self):
        self.shut()
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                if self._open:
                    threading.Thread(target=self._relay, args=(caller,), daemon=True).start()
                else:
                    caller.close()

    def _relay(self, caller):
        with caller:
            try:
                called = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            with called:
                with self._lock:
                    self._sockets |= {caller, called}
                back = threading.Thread(target=self._pump, args=(called, caller), daemon=True)
                back.start()
                self._pump(caller, called)
                back.join()

    def _pump(self, source, sink):
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if self.bytes_per_second:
                    time.sleep(len(data) / self.bytes_per_second)
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
