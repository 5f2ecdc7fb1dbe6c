"""TLS 1.3 between two parties, over a link that somebody else carries: he sees ciphertext and sizes.

1. Both show certificates of the common CA; nothing older than TLS 1.3 is spoken.
2. Each checks that the other's certificate is that of the participant it wants to speak to.
3. Each says what the tunnel is for, and hears the same: nobody can join tunnels of different purposes.
"""

import ssl
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from confide.core import limits
from confide.core.digest import same
from confide.core.errors import ChannelClosed, RemoteProtocolError, SealError, TransportError
from confide.core.ports import Link, Randomness
from confide.crypto.keys import PrivateKey

_PASSPHRASE_BYTES = 32
_PURPOSE_BYTES = 96
"""A hexadecimal SHA-384."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Who we are, and what the other end has to prove."""

    key: PrivateKey
    certificate_pem: bytes
    ca_pem: bytes
    check_peer: Callable[[bytes], None]
    """Given the peer's certificate (DER), which TLS has verified; raises what is wrong with it."""
    client: bool
    """Which of the two begins: one of them does."""
    purpose: str
    """Hexadecimal SHA-384; equal at both ends."""
    randomness: Randomness


class SecureLink:
    """Plaintext in and out. One thread may send while another receives."""

    def __init__(self, link: Link, ends: Ends, handshake_seconds: float = limits.CONNECT_SECONDS) -> None:
        """Shake hands.

        Raises:
            TransportError: the other end is gone, or does not speak.
            RemoteProtocolError: it speaks no TLS 1.3, or came for another purpose.
            CertificateInvalid: it is somebody else.
        """
        self._link = link
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context(ends).wrap_bio(self._arrived, self._leaving, server_side=not ends.client)
        self._engine = threading.Lock()
        """Around the TLS object, which is not made for two threads; never held while something waits."""
        self._order = threading.Lock()
        """Around sealing and sending: records leave in the order in which they were sealed."""
        self._timeout: float | None = handshake_seconds
        self._rest = b""
        self._shake_hands()
        ends.check_peer(self._tls.getpeercert(binary_form=True) or b"")
        self.send(ends.purpose.encode())
        if not same(self._first(_PURPOSE_BYTES).decode("latin-1"), ends.purpose):
            raise RemoteProtocolError("the other end of the tunnel came for another purpose")
        self._timeout = None

    def send(self, data: bytes) -> None:
        """Raises TransportError."""
        with self._order:
            with self._engine:
                self._tls.write(data)
                sealed = self._leaving.read()
            self._link.send(sealed)

    def receive(self) -> bytes:
        """The next bytes, as many as there are. Raises TransportError; SealError when they do not open."""
        data, self._rest = self._rest, b""
        while not data:
            with self._engine:
                data = self._opened()
            if not data:
                self._take_in()
        return data

    def close(self) -> None:
        """Idempotent."""
        self._link.close()

    def _opened(self) -> bytes:
        pieces = []
        try:
            while piece := self._tls.read(limits.TUNNEL_FRAME_BYTES):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            raise SealError from None
        return b"".join(pieces)

    def _take_in(self) -> None:
        try:
            frame = self._link.receive(self._timeout)
        except TimeoutError:
            raise ChannelClosed("the other end of the tunnel does not answer") from None
        with self._engine:
            self._arrived.write(bytes(frame))

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._take_in()
            except ssl.SSLError as cause:
                with suppress(TransportError):
                    self._flush()  # the alert that tells the other end
                reason = cause.reason or type(cause).__name__
                raise RemoteProtocolError(f"no TLS with the other end of the tunnel: {reason}") from None
            else:
                self._flush()
                return

    def _flush(self) -> None:
        if sealed := self._leaving.read():
            self._link.send(sealed)

    def _first(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self.receive()
        self._rest = data[count:]
        return data[:count]


def _context(ends: Ends) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if ends.client else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # a party has no host name: `check_peer` looks at the name it has
    context.verify_mode = ssl.CERT_REQUIRED
    if not ends.client:
        context.num_tickets = 0  # no resumption, and so nothing that is sent unasked after the handshake
    context.load_verify_locations(cadata=ends.ca_pem.decode("ascii"))
    # The ssl module takes keys from files only: what lies there for this moment is encrypted.
    passphrase = ends.randomness.bytes(_PASSPHRASE_BYTES).hex().encode()
    with tempfile.TemporaryDirectory(prefix="confide-") as folder:
        path = Path(folder) / "key.pem"
        path.write_bytes(ends.key.to_pem(passphrase) + ends.certificate_pem)
        context.load_cert_chain(path, password=passphrase)
    return context
