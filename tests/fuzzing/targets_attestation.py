"""Evidence: the CBOR container, the quote, the collateral, and the verifier over all of them."""

import base64
import json
from pathlib import Path

from fakes.shop import START, authority
from fuzzing.harness import Target
from fuzzing.mutations import any_bytes, cbor_tree, json_tree

from confide.attestation import collateral, evidence, quote
from confide.attestation.binding import Binding, make_evidence, open_evidence
from confide.attestation.policy import UnsafeAnyMeasurement
from confide.attestation.roots import TrustRoots, root_name
from confide.attestation.verifier import verify_quote
from confide.core.errors import AttestationError, BindingMismatch, ConfigurationError, InvalidEvidence

_SAMPLES = Path(__file__).parents[1] / "data" / "attestation"
_BINDING = Binding.to(public_key=b"key", nonce=b"n" * 32, hpke_key=b"h" * 32, config=b"{}")
_CLAIMS = frozenset({"nonce", "hpke-key", "config-hash"})


def _decode(data):
    assert evidence.encode(*evidence.decode(data)) == data


def _claims(data):
    digest, others = evidence.decode_claims(data, _CLAIMS)
    assert evidence.encode_claims(digest, others) == data


def _quote(data):
    quote.parse(data)


def _collateral(data):
    collateral.parse(data).for_library()


def _in_collateral(rng, data, others):
    """A change inside one of the documents that the collateral holds as text."""
    document = json.loads(data)
    key = rng.choice(sorted(document))
    if not document[key]:
        return data
    inner = (json_tree if document[key].startswith("{") else any_bytes)(rng, document[key].encode(), (b"00",))
    document[key] = inner.decode("utf-8", "replace")
    return json.dumps(document).encode()


def _chain(rng, data, others):
    """A change inside a certificate of the quote's chain, in its PEM frame and canonical lines again."""
    begin, end = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
    starts = [at for at in range(len(data)) if data.startswith(begin, at)]
    at = rng.choice(starts) + len(begin)
    stop = data.index(end, at)
    der = bytearray(base64.b64decode(data[at:stop]))
    der[rng.randrange(len(der))] ^= 1 << rng.randrange(8)
    text = base64.b64encode(bytes(der))
    return data[:at] + b"".join(text[i : i + 64] + b"\n" for i in range(0, len(text), 64)) + data[stop:]


def _verified(of, at, roots):
    """A target that hands mutants of one side to the verifier, with the other side as it should be."""

    def quote_parse(data):
        verify_quote(data, of.collateral, roots=roots, policy=UnsafeAnyMeasurement(), now=at)

    def collateral_parse(data):
        verify_quote(of.quote, data, roots=roots, policy=UnsafeAnyMeasurement(), now=at)

    return quote_parse, collateral_parse


class _Sample:
    def __init__(self, quote, collateral):
        self.quote, self.collateral = quote, collateral


def _root(data):
    root_name(data)


def targets():
    tee = authority().tee
    made = make_evidence(tee, _BINDING)
    simulated = _Sample(open_evidence(made)[0], tee.collateral(START))
    on_quote, on_collateral = _verified(simulated, START, TrustRoots([tee.root_der]))
    quotes = [simulated.quote, *(path.read_bytes() for path in sorted(_SAMPLES.glob("*.quote")))]
    pieces = [path.read_bytes() for path in sorted(_SAMPLES.glob("*.collateral.json"))]
    invalid, any_of_them = (InvalidEvidence,), (AttestationError,)
    return [
        Target("evidence-container", [made], _decode, invalid, [cbor_tree], weight=12),
        Target("evidence-claims", [evidence.decode(made)[1]], _claims, invalid, [cbor_tree], weight=12),
        Target(
            "evidence-opened",
            [made],
            open_evidence,
            (InvalidEvidence, BindingMismatch),
            [cbor_tree],
            depth="shallow",
        ),
        Target("quote", quotes, _quote, invalid, [_chain], weight=2),
        Target(
            "collateral", [simulated.collateral, *pieces], _collateral, invalid, [json_tree, _in_collateral]
        ),
        Target(
            "quote-verified", [simulated.quote], on_quote, any_of_them, [_chain], depth="shallow", weight=1
        ),
        Target(
            "collateral-verified",
            [simulated.collateral],
            on_collateral,
            any_of_them,
            [_in_collateral, json_tree],
            weight=2,
        ),
        Target("trust-root", [tee.root_der], _root, (ConfigurationError,)),
    ]
