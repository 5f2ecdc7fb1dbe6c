"""The SIMULATED TEE as a class: quotes and collateral that the product's own verifier judges.

Only the root differs from Intel's. It protects nothing: who holds the seed can make any statement.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from confide.attestation.quote import REPORT_DATA_BYTES
from confide.attestation.roots import root_name
from confide.core.ports import Randomness
from confide_sim import keys
from confide_sim.certificates import Tree, pem
from confide_sim.collateral import UP_TO_DATE, make_collateral
from confide_sim.hardware import PlatformProperties
from confide_sim.quotes import application, make_quote

DEFAULT_MEASUREMENT: Final = hashlib.sha256(b"SIMULATED enclave of a test").hexdigest()
SIGNER: Final = hashlib.sha256(b"SIMULATED enclave signer").hexdigest()
PRODUCT_ID: Final = 1
SECURITY_VERSION: Final = 1
COLLATERAL_SECONDS: Final = 30 * 86_400
COLLATERAL_NUMBER: Final = 1


class SimulatedTee:
    """One machine. Implements core.ports.Quoter, for an enclave with DEFAULT_MEASUREMENT."""

    def __init__(
        self, randomness: Randomness, now: int, *, properties: PlatformProperties | None = None
    ) -> None:
        self._tree = Tree(randomness.bytes(keys.SEED_BYTES), now, properties or PlatformProperties())

    @classmethod
    def from_seed(cls, seed: bytes, created_at: int) -> "SimulatedTee":
        """The machine that was made of `seed` at `created_at` (Unix seconds)."""
        return cls(_Stored(seed), created_at)

    @property
    def root_der(self) -> bytes:
        """The root certificate that a verifier must name to trust this machine."""
        return self._tree.root().public_bytes(Encoding.DER)

    @property
    def root_pem(self) -> str:
        return pem(self._tree.root())

    @property
    def root_name(self) -> str:
        """SIMULATED:<8 hex>, as every verification result will show it."""
        return root_name(self.root_der)

    def quote(
        self,
        report_data: bytes,
        *,
        measurement: str = DEFAULT_MEASUREMENT,
        signer: str = SIGNER,
        product_id: int = PRODUCT_ID,
        security_version: int = SECURITY_VERSION,
        debug: bool = False,
    ) -> bytes:
        """An SGX v3 quote. Digests are hexadecimal, 32 bytes. Raises ValueError for other lengths."""
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data has {REPORT_DATA_BYTES} bytes, not {len(report_data)}")
        enclave = application(
            measurement=_digest(measurement),
            signer=_digest(signer),
            product_id=product_id,
            security_version=security_version,
            debug=debug,
        )
        return make_quote(self._tree, enclave, report_data)

    def quoter(self, measurement: str, *, debug: bool = False) -> "SimulatedQuoter":
        """A quoter for an enclave with that measurement."""
        return SimulatedQuoter(self, measurement, debug)

    def collateral(
        self,
        now: int,
        *,
        tcb_status: str = UP_TO_DATE,
        lifetime: int = COLLATERAL_SECONDS,
        number: int = COLLATERAL_NUMBER,
    ) -> bytes:
        """Collateral JSON, issued at `now`. Expired: an earlier `now`. Outdated: tcb_status="OutOfDate".

        Rolled back: a `number` below the verifier's floor.
        """
        made = make_collateral(self._tree, now=now, lifetime=lifetime, tcb_status=tcb_status, number=number)
        return made.encode()


@dataclass(frozen=True, slots=True)
class _Stored:
    """The randomness of a machine that exists already."""

    seed: bytes

    def bytes(self, count: int) -> bytes:
        return self.seed[:count]


@dataclass(frozen=True, slots=True)
class SimulatedQuoter:
    """core.ports.Quoter for one enclave on a simulated machine in the same process."""

    tee: SimulatedTee
    measurement: str
    debug: bool = False

    def quote(self, report_data: bytes) -> bytes:
        return self.tee.quote(report_data, measurement=self.measurement, debug=self.debug)


def _digest(value: str) -> bytes:
    raw = bytes.fromhex(value)
    if len(raw) != hashlib.sha256().digest_size:
        raise ValueError("a measurement or signer has 32 bytes")
    return raw
