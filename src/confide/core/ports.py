"""What the inside asks of the outside. Adapters implement these; tests bring simulators."""

from typing import Protocol

from confide.core.envelope import Envelope


class Clock(Protocol):
    """Time is an argument."""

    def now(self) -> int:
        """Unix time, whole seconds, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...


class Randomness(Protocol):
    """Randomness is an argument."""

    def bytes(self, count: int) -> bytes:
        """`count` bytes, unpredictable to everybody else."""
        ...


class Signer(Protocol):
    """Signs with a key that stays where it is."""

    @property
    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        ...

    def sign(self, context: str, message: bytes) -> bytes:
        """Signature over `context` || 0x00 || `message` (crypto/signatures.py)."""
        ...


class Quoter(Protocol):
    """A TEE that vouches for the code that calls it."""

    def quote(self, report_data: bytes) -> bytes:
        """A DCAP quote over 64 bytes of report data. Raises EvidenceUnavailable."""
        ...


class Link(Protocol):
    """One ordered, reliable, bidirectional pipe of opaque byte strings between a party and an enclave."""

    def send(self, envelope: Envelope) -> None:
        """Raises ChannelClosed."""
        ...

    def receive(self, timeout: float | None = None) -> Envelope:
        """The next envelope. Raises ChannelClosed; TimeoutError after `timeout` seconds."""
        ...

    def close(self) -> None:
        """Idempotent."""
        ...


class Progress(Protocol):
    """Where a long operation says how far it has come."""

    def __call__(self, stage: str, done: int, total: int | None) -> None: ...
