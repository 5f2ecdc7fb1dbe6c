"""One JOIN that an enclave accepts, and that enclave's ear for it."""

from fakes.ports import SeededRandomness
from fakes.shop import authority, world

from confide.core.enclave_config import der_of_pem
from confide.protocol.roles import Role
from confide.session import join as step

_RAN = world()
_KEY, _PEM = authority().identity("media")
_CERTIFICATE = der_of_pem(_PEM.decode())
GOOD, _ = step.join(
    _RAN.attested,
    party="media",
    role=Role.B,
    certificate=_CERTIFICATE,
    signer=_KEY,
    randomness=SeededRandomness("fuzz"),
)


def accept(envelope):
    """As the enclave does; only what was signed may pass."""
    step.accept(
        envelope,
        _RAN.attested,
        party="media",
        role=Role.B,
        certificate=_CERTIFICATE,
        party_key=_KEY.public_key,
        hpke_key=_RAN.hpke,
    )
    # ECDSA has a second signature of the same statement (r, n - s), which no key can tell from the first.
    assert len(envelope) == len(GOOD) or b'"signature"' in envelope
