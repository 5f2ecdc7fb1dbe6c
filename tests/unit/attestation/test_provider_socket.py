import socket
import struct
import threading
from contextlib import contextmanager

import pytest

from confide.attestation.providers.socket import SocketQuoter
from confide.core import limits
from confide.core.errors import EvidenceUnavailable


@contextmanager
def daemon(path, answer):
    """Answers one request with the bytes `answer(report data)`."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve():
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                connection.sendall(answer(stream.read(64)))

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def test_quote(tmp_path):
    path = tmp_path / "s"
    with daemon(path, lambda data: struct.pack(">I", 65) + b"q" + data):
        assert SocketQuoter(path).quote(b"r" * 64) == b"q" + b"r" * 64


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0\0", struct.pack(">I", 0), struct.pack(">I", 9) + b"short", b"\xff\xff\xff\xff" + b"x" * 9],
)
def test_no_quote(tmp_path, answer):
    path = tmp_path / "s"
    with daemon(path, lambda _: answer), pytest.raises(EvidenceUnavailable):
        SocketQuoter(path).quote(bytes(64))


def test_more_than_a_quote_can_have_is_not_read(tmp_path):
    path = tmp_path / "s"
    size = limits.MAX_QUOTE_BYTES + 1
    with daemon(path, lambda _: struct.pack(">I", size) + bytes(size)), pytest.raises(EvidenceUnavailable):
        SocketQuoter(path).quote(bytes(64))


def test_nobody_there(tmp_path):
    with pytest.raises(EvidenceUnavailable, match="does not answer"):
        SocketQuoter(tmp_path / "s").quote(bytes(64))
