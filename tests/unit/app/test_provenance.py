"""Where a model comes from, offline: ours, and as tools of others check it."""

import base64
import json
import shutil
import subprocess

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fakes.coming_back import go_on
from fakes.outcomes import completed
from fakes.ports import FakeClock
from fakes.shop import authority as cast
from fakes.shop import predict_job, train_job, world
from fakes.world import Authority, predict_task, train_task
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer import SSlibKey

from confide.app.models import OpenedModel, papers_path
from confide.app.provenance import check_enclave, public_key_pem, verify_model
from confide.app.receipts import Anchors
from confide.app.records import TaskFolder
from confide.attestation.roots import TrustRoots
from confide.core import canonical
from confide.core.digest import sha384_hex
from confide.core.errors import (
    CertificateInvalid,
    ConfideError,
    ModelFileInvalid,
    PolicyViolation,
    ReceiptInvalid,
    SignatureInvalid,
)
from confide.crypto import signatures
from confide.crypto.keys import KeyKind, PrivateKey
from confide.protocol.provenance import decode_envelope, envelope, signed_bytes
from confide.protocol.receipts import RESULT_CONTEXT, decode_signed_receipt
from confide_sim.tee import DEFAULT_MEASUREMENT

FILES = ("model.confide", "model.confide.signature.json", "receipt.json")


@pytest.fixture
def folder(kept, tmp_path):
    for name in FILES:
        shutil.copy(kept / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def anchors(world_authority):
    return Anchors(world_authority.pem, TrustRoots([world_authority.tee.root_der]))


@pytest.fixture
def check(folder, anchors):
    def run(with_anchors=anchors, receipt="receipt.json"):
        found = None if receipt is None else folder / receipt
        return verify_model(folder / "model.confide", with_anchors, found)

    return run


def test_a_genuine_model_passes_every_step(check):
    verified = check()
    assert len(verified.steps) == 6
    assert not any("NOT" in step for step in verified.steps)
    assert verified.document()["receipt"]["task"] == verified.document()["model"]["task_id"]


def test_without_a_receipt_it_says_that_the_evidence_was_not_looked_at(check):
    assert "NOT" in check(receipt=None).steps[-1]


def test_the_accepted_measurements_count(check, anchors):
    check(Anchors(anchors.ca_pem, anchors.roots, (DEFAULT_MEASUREMENT,)), None)
    with pytest.raises(PolicyViolation, match="trained by an enclave of"):
        check(Anchors(anchors.ca_pem, anchors.roots, ("ab" * 32,)), None)


def test_another_ca_is_refused(check, anchors):
    with pytest.raises(CertificateInvalid):
        check(Anchors(Authority().pem, anchors.roots), None)


@pytest.mark.parametrize("name", FILES[:2])
def test_one_changed_byte_anywhere_is_found(check, folder, name):
    data = (folder / name).read_bytes()
    for at in range(len(data) // 40, len(data), len(data) // 20):
        (folder / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(ConfideError):
            check()


def test_an_envelope_of_another_key_is_refused(check, folder):
    statement = decode_envelope(papers_path(folder / "model.confide").read_bytes()).result()
    key = PrivateKey.generate(KeyKind.P_384)
    signed = key.sign(RESULT_CONTEXT, signed_bytes(statement))
    said = OpenedModel.read(folder / "model.confide").agreement.block.enclave.public_key
    for named, error in ((key.public_key, ModelFileInvalid), (said, SignatureInvalid)):
        forged = envelope(statement, signed, named)
        papers_path(folder / "model.confide").write_bytes(canonical.encode(forged))
        with pytest.raises(error, match="enclave"):
            check()


def test_an_envelope_about_predictions_is_refused(check, folder, kept):
    shutil.copy(kept / "predictions.csv.signature.json", papers_path(folder / "model.confide"))
    with pytest.raises(ModelFileInvalid, match="another model"):
        check()


def test_a_receipt_that_does_not_list_the_model_is_refused(check, folder):
    signed = decode_signed_receipt((folder / "receipt.json").read_bytes())
    assert sha384_hex((folder / "model.confide").read_bytes()) == signed.receipt.rounds[0].result.sha384
    text = canonical.encode(signed).replace(signed.receipt.task_id.encode(), b"f" * 32)
    (folder / "receipt.json").write_bytes(text)
    with pytest.raises((ReceiptInvalid, CertificateInvalid)):
        check()


@pytest.fixture
def taken_up(tmp_path):
    """The files of a task whose enclave died after the training, so that another one ended it."""
    ran = world(train_job(), predict_job(predict_task(train_task())))
    for name in ("shop", "media"):
        ran.join(name)
    while not ran.enclave._course.acknowledged:
        ran.step()
    ran.kill_enclave()
    for name in ("shop", "media"):
        ran.join(name)
    go_on(ran)
    completed(ran)
    records = ran.kept["shop"]
    folder = TaskFolder(tmp_path / "taken-up", FakeClock())
    folder.agreed(records.agreements[0])
    folder.result(*records.results[0])
    folder.receipt(records.receipts[0])
    return folder.folder


def test_the_receipt_of_the_enclave_that_went_on_counts(taken_up):
    anchors = Anchors(cast().pem, TrustRoots([cast().tee.root_der]))
    receipt = decode_signed_receipt((taken_up / "receipt.json").read_bytes()).receipt
    block = OpenedModel.read(taken_up / "model.confide").agreement.block
    assert receipt.enclave.public_key != block.enclave.public_key, "another enclave has ended the task"

    found = verify_model(taken_up / "model.confide", anchors, taken_up / "receipt.json")

    assert found.receipt is not None


@pytest.mark.parametrize("fact", [{"predecessors": ()}, {"predecessors": ("ab" * 48,)}])
def test_the_receipt_of_any_other_enclave_does_not(folder, fact):
    receipt = decode_signed_receipt((folder / "receipt.json").read_bytes()).receipt
    died = msgspec.structs.replace(receipt.enclave, public_key=b"another")
    with pytest.raises(ReceiptInvalid, match="another enclave"):
        check_enclave(died, msgspec.structs.replace(receipt, **fact))


def test_other_software_can_not_go_on_for_it(folder):
    receipt = decode_signed_receipt((folder / "receipt.json").read_bytes()).receipt
    died = msgspec.structs.replace(receipt.enclave, public_key=b"another", measurement="cd" * 32)
    named = msgspec.structs.replace(receipt, predecessors=(sha384_hex(died.public_key),))
    check_enclave(msgspec.structs.replace(died, measurement=receipt.enclave.measurement), named)
    with pytest.raises(ReceiptInvalid, match="another enclave"):
        check_enclave(died, named)


def test_securesystemslib_accepts_it(folder):
    """An implementation of DSSE that shares no code with ours."""
    document = json.loads(papers_path(folder / "model.confide").read_bytes())
    pem = public_key_pem(OpenedModel.read(folder / "model.confide"))
    key = SSlibKey(
        document["signatures"][0]["keyid"], "ecdsa", "ecdsa-sha2-nistp384", {"public": pem.decode()}
    )
    theirs = TheirEnvelope.from_dict(json.loads(json.dumps(document)))
    assert list(theirs.verify([key], 1)) == [key.keyid]
    statement = json.loads(theirs.payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [
        {"name": "model", "digest": {"sha384": sha384_hex((folder / "model.confide").read_bytes())}}
    ]
    altered = TheirEnvelope.from_dict(document | {"payload": base64.b64encode(b"{}").decode()})
    with pytest.raises(Exception, match="signature"):
        altered.verify([key], 1)


def test_openssl_and_cryptography_accept_it(folder, tmp_path):
    """By the five lines of the specification: no library of DSSE at all."""
    document = json.loads(papers_path(folder / "model.confide").read_bytes())
    kind, payload = document["payloadType"].encode(), base64.b64decode(document["payload"])
    encoded = b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload])
    signature = base64.b64decode(document["signatures"][0]["sig"])
    pem = public_key_pem(OpenedModel.read(folder / "model.confide"))
    load_pem_public_key(pem).verify(signature, encoded, ec.ECDSA(SHA384()))
    for name, data in (("pae", encoded), ("sig", signature), ("key.pem", pem)):
        (tmp_path / name).write_bytes(data)
    command = ["openssl", "dgst", "-sha384", "-verify", "key.pem", "-signature", "sig", "pae"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "Verified OK\n"


def test_the_encoding_is_that_of_the_specification():
    """The example of dsse/protocol.md."""
    wanted = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert signatures.pae(b"http://example.com/HelloWorld", b"hello world") == wanted


def test_no_other_context_can_look_like_an_envelope():
    key = PrivateKey.generate(KeyKind.P_384)
    with pytest.raises(ValueError, match="DSSE"):
        key.sign("DSSEv1 28 application/vnd.in-toto+json 2 {}", b"")
