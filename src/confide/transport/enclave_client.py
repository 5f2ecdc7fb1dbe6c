"""A party's end of the attested channel."""

from types import TracebackType
from typing import Self

from confide.core import limits
from confide.core.platform_api import AttestReply
from confide.core.ports import Link
from confide.transport import pinned, wire
from confide.transport.calling import call
from confide.transport.links import MailboxLink
from confide.transport.streams import open_stream


class PinnedEnclave:
    """One enclave, known by the certificate that was fetched from it. A context manager."""

    def __init__(
        self, address: str, enclave_certificate_pem: bytes, *, key_pem: bytes, certificate_pem: bytes
    ) -> None:
        """Connects at the first call. `key_pem` and `certificate_pem` are the party's own identity."""
        self.address = address
        self.certificate_pem = enclave_certificate_pem
        """What is pinned: the evidence must bind its key."""
        self._channel = pinned.pinned_channel(
            address, pinned_pem=enclave_certificate_pem, key_pem=key_pem, certificate_pem=certificate_pem
        )
        self._links: list[MailboxLink] = []

    def attest(self, nonce: bytes, timeout: float = limits.CALL_SECONDS) -> AttestReply:
        """Evidence and config, unverified. Raises Unreachable, EvidenceUnavailable, RemoteProtocolError."""
        return call(self._channel, self.address, wire.ATTEST, nonce, timeout)

    def open_channel(self) -> Link:
        """A stream of sealed messages. Failure to connect shows at the first receive, as the link's error."""
        link = open_stream(self._channel, self.address, wire.CHANNEL)
        self._links.append(link)
        return link

    def close(self) -> None:
        """Close the links, then the connection. Idempotent."""
        for link in self._links:
            link.close()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
