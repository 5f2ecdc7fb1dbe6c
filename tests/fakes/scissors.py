"""A TCP relay on loopback that cuts a connection when enough has passed, and lets the next one through."""

import socket
import threading
import time
from contextlib import suppress

CHUNK, READ_SECONDS, PATIENCE = 16_384, 0.5, 20
UP, DOWN = "up", "down"


class Scissors:
    """Listens at `host`; passes all on to the same port of the loopback address that processes listen at.

    `cuts` are (direction, bytes): the first connection on which so much has passed is cut, once each; where
    `has_come` names the direction, when that says that enough of it has been taken in at the other end.
    """

    def __init__(self, *cuts, has_come=None, host="127.0.0.2"):
        self._has_come = has_come or {}
        self._listener = socket.create_server((host, 0))
        self.port = self._listener.getsockname()[1]
        self._lock, self._cuts = threading.Lock(), list(cuts)
        self.cut, self.passed = [], {UP: 0, DOWN: 0}
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(caller,), daemon=True).start()

    def _relay(self, caller):
        with caller:
            try:
                called = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            with called:
                back = threading.Thread(target=self._pump, args=(called, caller, DOWN), daemon=True)
                back.start()
                self._pump(caller, called, UP)
                back.join()

    def _pump(self, source, sink, direction):
        passed = 0
        with suppress(OSError):
            while data := source.recv(CHUNK):
                passed += len(data)
                if self._is_cut(direction, passed):
                    self._await(self._has_come.get(direction, lambda: True))
                    # What was passed on before is read first: a reset would take it with it.
                    sink.shutdown(socket.SHUT_WR)
                    time.sleep(READ_SECONDS)
                    break
                sink.sendall(data)
                self.passed[direction] += len(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _await(self, has_come):
        deadline = time.monotonic() + PATIENCE
        while not has_come() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _is_cut(self, direction, passed):
        with self._lock:
            for cut in self._cuts:
                if cut[0] == direction and passed > cut[1]:
                    self._cuts.remove(cut)
                    self.cut.append(cut)
                    return True
        return False

    def close(self):
        self._listener.close()
