"""Offline verification of receipts: genuine ones pass, and every alteration is found."""

import msgspec
import pytest
from fakes.ports import SeededRandomness
from fakes.world import Authority

from confide.app.receipts import Anchors, verify_receipt
from confide.attestation.roots import TrustRoots
from confide.core import canonical
from confide.core.digest import digest_of
from confide.core.errors import (
    AttestationError,
    CertificateInvalid,
    ConfideError,
    ConfigurationError,
    PolicyViolation,
    ReceiptInvalid,
    UntrustedRoot,
)
from confide.core.platform_api import END_RECORD_CONTEXT
from confide.crypto.ca import issue
from confide.crypto.identity import IdentityRole, request_identity
from confide.crypto.keys import KeyKind, PrivateKey
from confide.protocol.receipts import HostEnd, decode_signed_receipt
from confide_sim.tee import DEFAULT_MEASUREMENT, SimulatedTee

replace = msgspec.structs.replace


@pytest.fixture
def anchors(world_authority):
    return Anchors(world_authority.pem, TrustRoots([world_authority.tee.root_der]))


@pytest.fixture
def receipt(kept):
    return decode_signed_receipt((kept / "receipt.json").read_bytes())


@pytest.fixture
def check(tmp_path, anchors):
    def run(signed, with_anchors=anchors):
        path = tmp_path / "receipt.json"
        path.write_bytes(canonical.encode(signed))
        return verify_receipt(path, with_anchors)

    return run


def host_end(world_authority, receipt, *, role=IdentityRole.PLATFORM, **changes):
    key = PrivateKey.generate(KeyKind.P_384)
    hosts = ["localhost"] if role is IdentityRole.PLATFORM else []
    request = request_identity(key, "cloud", role, hosts)
    certificate = issue(
        world_authority.key,
        world_authority.pem,
        request,
        world_authority.clock.now(),
        world_authority.randomness,
    )
    record = {
        "format": "confide-end-record/1",
        "task": receipt.receipt.task_id,
        "outcome": "completed",
        "exit_code": 0,
        "ended_at": world_authority.clock.now(),
        "receipt_digest": digest_of(receipt.receipt),
        "platform": "cloud",
        "certificate": certificate.decode(),
    } | changes
    signature = key.sign(END_RECORD_CONTEXT, canonical.encode(record))
    return HostEnd(record=record, signature=signature, certificate=certificate.decode())


def other_machine(world_authority):
    return SimulatedTee(SeededRandomness("another machine"), world_authority.clock.now())


def test_a_genuine_receipt_passes_and_says_what_was_done(check, receipt):
    verified = check(receipt)
    assert verified.claims.simulated
    assert verified.claims.measurement == DEFAULT_MEASUREMENT
    assert [done["kind"] for done in verified.document()["rounds"]] == ["train", "predict"]
    assert any("NOT recorded" in step for step in verified.steps)


def test_the_hosts_record_of_the_end_is_checked_and_named(check, receipt, world_authority):
    verified = check(replace(receipt, host_end=host_end(world_authority, receipt)))
    assert "platform cloud has signed" in verified.steps[-1]


@pytest.mark.parametrize(
    "changes", [{"task": "f" * 32}, {"receipt_digest": "0" * 96}, {"receipt_digest": None}, {"task": None}]
)
def test_a_host_record_about_something_else_is_refused(check, receipt, world_authority, changes):
    with pytest.raises(ReceiptInvalid, match="another task or receipt"):
        check(replace(receipt, host_end=host_end(world_authority, receipt, **changes)))


def test_a_host_record_with_an_altered_field_is_refused(check, receipt, world_authority):
    end = host_end(world_authority, receipt)
    with pytest.raises(ReceiptInvalid, match="signature"):
        check(replace(receipt, host_end=replace(end, record=end.record | {"exit_code": 9})))


def test_a_party_can_not_sign_as_the_host(check, receipt, world_authority):
    with pytest.raises(CertificateInvalid):
        check(replace(receipt, host_end=host_end(world_authority, receipt, role=IdentityRole.PARTY)))


def test_every_altered_field_of_the_public_part_is_found(check, receipt):
    public = receipt.receipt
    first = public.rounds[0]
    altered = [
        replace(public, task_id="another"),
        replace(public, closed_at=public.closed_at + 1),
        replace(public, started_at=0),
        replace(public, rounds=public.rounds[:1]),
        replace(public, rounds=()),
        replace(public, rounds=(replace(first, task="other"), public.rounds[1])),
        replace(public, enclave=replace(public.enclave, measurement="0" * 64)),
        replace(public, evidence=public.evidence[:-1] + bytes([public.evidence[-1] ^ 1])),
    ]
    for changed in altered:
        with pytest.raises(ReceiptInvalid):
            check(replace(receipt, receipt=changed))


def test_a_missing_or_extra_signature_is_found(check, receipt):
    fewer = {name: receipt.signatures[name] for name in list(receipt.signatures)[:1]}
    with pytest.raises(ReceiptInvalid):
        check(replace(receipt, signatures=fewer))
    with pytest.raises(ReceiptInvalid):
        check(replace(receipt, participants=(), signatures={}, certificates={}))


def test_a_private_part_must_be_the_one_committed_to(check, receipt):
    part = receipt.private[0]
    forged = replace(part, metrics=part.metrics | {"joint": {"auc": 1.0}})
    with pytest.raises(ReceiptInvalid, match="private"):
        check(replace(receipt, private=(forged, *receipt.private[1:])))
    assert check(replace(receipt, private=()))


def test_trust_anchors_are_the_verifiers_own(check, receipt, world_authority):
    stranger = Authority()
    with pytest.raises(CertificateInvalid):
        check(receipt, Anchors(stranger.pem, TrustRoots([world_authority.tee.root_der])))
    with pytest.raises(UntrustedRoot):
        check(receipt, Anchors(world_authority.pem, TrustRoots([other_machine(world_authority).root_der])))
    with pytest.raises(UntrustedRoot):
        check(receipt, Anchors(world_authority.pem, TrustRoots.intel()))


def test_a_named_measurement_is_demanded(check, receipt, world_authority):
    roots = TrustRoots([world_authority.tee.root_der])
    assert check(receipt, Anchors(world_authority.pem, roots, (DEFAULT_MEASUREMENT,)))
    with pytest.raises(PolicyViolation):
        check(receipt, Anchors(world_authority.pem, roots, ("0" * 64,)))


def test_other_collateral_is_found(check, receipt, world_authority):
    collateral = other_machine(world_authority).collateral(world_authority.clock.now())
    with pytest.raises(AttestationError):
        check(replace(receipt, collateral=collateral.decode()))


def test_a_missing_file_and_a_broken_one(tmp_path, anchors, kept):
    with pytest.raises(ConfigurationError):
        verify_receipt(tmp_path / "absent.json", anchors)
    data = (kept / "receipt.json").read_bytes()
    for cut in (0, 1, len(data) // 2, len(data) - 1):
        path = tmp_path / "cut.json"
        path.write_bytes(data[:cut])
        with pytest.raises(ReceiptInvalid):
            verify_receipt(path, anchors)


def test_a_flipped_byte_is_found_or_changes_nothing_that_is_told(tmp_path, anchors, kept):
    """The collateral holds copies of certificates that nothing reads: there alone a flip may pass."""
    data = (kept / "receipt.json").read_bytes()
    genuine = verify_receipt(kept / "receipt.json", anchors)
    start = data.index(b'"collateral":')
    end = data.index(b'"enclave_signature":')
    path = tmp_path / "flipped.json"
    for position in range(0, len(data), len(data) // 97):
        changed = bytearray(data)
        changed[position] ^= 0x01
        path.write_bytes(changed)
        try:
            verified = verify_receipt(path, anchors)
        except ConfideError:
            continue
        assert start < position < end
        assert verified.document() == genuine.document()
