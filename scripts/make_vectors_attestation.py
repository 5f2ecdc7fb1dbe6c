"""Write vectors/attestation.json; with --check, fail if it would change.

Deterministic: a SIMULATED machine made of a fixed seed. Every bad row changes one thing of a good one.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from confide.attestation.binding import Binding, make_evidence
from confide.attestation.evidence import decode, encode
from confide_sim.tee import DEFAULT_MEASUREMENT, SimulatedTee

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
NOW = 1_800_000_000
DAY = 86_400
TEE = SimulatedTee.from_seed(bytes(range(32)), NOW)
OTHER = SimulatedTee.from_seed(bytes(32), NOW)
PUBLIC_KEY, HPKE_KEY, CONFIG = b"a SubjectPublicKeyInfo", b"h" * 32, b'{"task":"t"}'
BINDING = Binding.to(public_key=PUBLIC_KEY, nonce=b"n" * 32, hpke_key=HPKE_KEY, config=CONFIG)

Row = dict[str, Any]


def row(name: str, *, evidence: bytes, error: str | None, collateral: str = "fresh", now: int = NOW) -> Row:
    return {"name": name, "evidence": evidence.hex(), "collateral": collateral, "now": now, "error": error}


def changed(evidence: bytes, at: int) -> bytes:
    return evidence[:at] + bytes([evidence[at] ^ 1]) + evidence[at + 1 :]


def rows() -> Iterator[Row]:
    good = make_evidence(TEE, BINDING)
    quote, claims = decode(good)
    start = good.index(quote)
    yield row("good", evidence=good, error=None)
    yield row("good-zero-padding", evidence=encode(quote + bytes(8), claims), error=None)
    yield row("cut-short", evidence=good[:-1], error="CFD-201")
    yield row("bytes-appended", evidence=good + b"\0", error="CFD-201")
    yield row("quote-cut-short", evidence=encode(quote[:-1], claims), error="CFD-201")
    yield row("padding-not-zero", evidence=encode(quote + b"\1", claims), error="CFD-201")
    yield row("carriage-return-in-chain", evidence=changed(good, start + 1052 + 27), error="CFD-201")
    yield row("report-changed", evidence=changed(good, start + 112), error="CFD-202")
    yield row("signature-changed", evidence=changed(good, start + 440), error="CFD-202")
    yield row("quoting-enclave-changed", evidence=changed(good, start + 600), error="CFD-202")
    yield row("root-copy-changed", evidence=changed(good, start + quote.rindex(b"MII") + 5), error="CFD-203")
    yield row("another-machine", evidence=make_evidence(OTHER, BINDING), error="CFD-203")
    yield row("another-measurement", evidence=make_evidence(TEE.quoter("00" * 32), BINDING), error="CFD-204")
    debug = TEE.quoter(DEFAULT_MEASUREMENT, debug=True)
    yield row("debug", evidence=make_evidence(debug, BINDING), error="CFD-204")
    yield row("out-of-date", evidence=good, collateral="out-of-date", error="CFD-204")
    yield row("revoked", evidence=good, collateral="revoked", error="CFD-204")
    yield row("collateral-expired", evidence=good, now=NOW + 31 * DAY, error="CFD-205")
    yield row("collateral-not-yet-valid", evidence=good, now=NOW - 1, error="CFD-205")
    yield row("collateral-of-another-machine", evidence=good, collateral="foreign", error="CFD-202")
    for field in ("public_key_hash", "nonce", "hpke_key", "config_hash"):
        other = replace(BINDING, **{field: bytes(len(getattr(BINDING, field)))})
        yield row(f"another-{field}", evidence=make_evidence(TEE, other), error="CFD-206")
    _, others = decode(make_evidence(TEE, replace(BINDING, nonce=bytes(32))))
    yield row("claims-of-another-quote", evidence=encode(quote, others), error="CFD-206")


def document() -> dict[str, Any]:
    return {
        "comment": "SIMULATED evidence: protects nothing",
        "root": TEE.root_der.hex(),
        "measurement": DEFAULT_MEASUREMENT,
        "public_key": PUBLIC_KEY.hex(),
        "nonce": BINDING.nonce.hex(),
        "hpke_key": HPKE_KEY.hex(),
        "config": CONFIG.hex(),
        "collateral": {
            "fresh": TEE.collateral(NOW).decode(),
            "out-of-date": TEE.collateral(NOW, tcb_status="OutOfDate").decode(),
            "revoked": TEE.collateral(NOW, tcb_status="Revoked").decode(),
            "foreign": OTHER.collateral(NOW).decode(),
        },
        "vectors": list(rows()),
    }


def main() -> int:
    path = VECTORS / "attestation.json"
    text = json.dumps(document(), indent=1) + "\n"
    if "--check" in sys.argv:
        return int(path.read_text(encoding="utf-8") != text)
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
