"""Threat: a party commits to one dataset, sees what the other does, and then brings another one: to
poison the model, to probe the other party's rows, or to say later that it brought something else.

Measure: the commitment is in the block that everybody signs; the enclave opens it before it takes a block
in, refuses on any difference before any training, and names the party.
"""

import pytest
from fakes.mischief import twist, with_payload
from fakes.outcomes import ended, heard
from fakes.shop import MemoryDataset, datasets, predict_job, train_job, world
from fakes.world import predict_task, train_task
from msgspec.structs import replace

from confide.core import canonical
from confide.core.digest import commitment
from confide.core.errors import BlockDigestMismatch, CommitmentMismatch, DatasetCorrupt
from confide.core.platform_api import TaskKind
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind


def other_dataset():
    return datasets(64)["media"]


def refused_before_training(ran, kind, blame="media"):
    ended(ran, kind, blame)
    assert not heard(ran, "shop", Kind.PROGRESS)
    assert not heard(ran, "media", Kind.PROGRESS)


def test_another_manifest_is_refused():
    ran = world()
    twist(ran, "media").changes[Kind.OPENING] = with_payload(lambda _: other_dataset().manifest_bytes)
    ran.run()
    refused_before_training(ran, CommitmentMismatch)


def test_another_dataset_altogether_is_refused():
    """All of it, after the signature: manifest and blocks fit each other, but not the agreement."""
    ran = world()
    media = ran.scripts["media"]

    def swap(spoken):
        media.standing.dataset = other_dataset()
        return media.hear(spoken)

    twist(ran, "media").instead[Kind.PASS] = swap
    ran.run()
    refused_before_training(ran, CommitmentMismatch)


def test_the_blocks_of_another_dataset_are_refused():
    ran = world()
    twist(ran, "media").changes[Kind.DATA_BLOCK] = lambda said: [
        Spoken(said.message, other_dataset().block(min(said.message.index, 1)))
    ]
    ran.run()
    refused_before_training(ran, BlockDigestMismatch)


@pytest.mark.parametrize("salt", [bytes(32), b"\xff" * 32])
def test_another_salt_is_refused(salt):
    ran = world()
    twist(ran, "media").changes[Kind.OPENING] = lambda said: [
        Spoken(replace(said.message, salt=salt), said.payload)
    ]
    ran.run()
    refused_before_training(ran, CommitmentMismatch)


def test_the_commitment_binds_salt_and_manifest_apart():
    """Moving bytes from the manifest into the salt does not help: a salt has 32 bytes."""
    salt, manifest = bytes(32), datasets()["media"].manifest_bytes
    assert commitment(salt, manifest) != commitment(salt[:31] + b"\x01", manifest)
    ran = world()
    twist(ran, "media").changes[Kind.OPENING] = lambda said: [
        Spoken(replace(said.message, salt=said.message.salt + said.payload[:1]), said.payload[1:])
    ]
    ran.run()
    assert "media" in ran.errors or "enclave" in ran.errors
    assert ran.kept["shop"].results == []


@pytest.mark.parametrize("manifest", [b"", b"{}", b"not a manifest"])
def test_a_commitment_to_no_dataset_is_refused(manifest):
    ran = world()
    script = ran.scripts["media"]
    yes = script._decide
    empty = object.__new__(MemoryDataset)
    empty.manifest, empty.manifest_bytes, empty.blocks = datasets()["media"].manifest, manifest, [b""] * 3
    script._decide = lambda offer, measured: type(said := yes(offer, measured))(said.consent, empty)
    ran.run()
    refused_before_training(ran, DatasetCorrupt)


def test_a_manifest_that_counts_other_rows_than_its_blocks_hold():
    """Committed to, and in itself consistent; only the rows are not as many."""
    ran = world()
    script = ran.scripts["media"]
    yes = script._decide
    honest = datasets()["media"]
    liar = object.__new__(MemoryDataset)
    entries = (replace(honest.manifest.blocks[0], rows=31), *honest.manifest.blocks[1:])
    source = replace(honest.manifest.source, rows=honest.manifest.source.rows - 1)
    liar.manifest = replace(honest.manifest, rows=honest.manifest.rows - 1, blocks=entries, source=source)
    liar.manifest_bytes, liar.blocks = canonical.encode(liar.manifest), honest.blocks
    script._decide = lambda offer, measured: type(said := yes(offer, measured))(said.consent, liar)
    ran.run()
    ended(ran, DatasetCorrupt, "media")


def test_other_ids_than_announced_are_refused():
    """For a prediction: the id-set digest that a party sends is checked against the rows that it brings."""
    ran = world(train_job(), predict_job(predict_task(train_task())))
    ran._datasets["media"][TaskKind.PREDICT] = other_dataset()
    right = datasets()["media"].id_set_digest()
    script = twist(ran, "media")

    def lie(said):
        if said.message.id_set is None:
            return [said]
        script.script.standing.expected.id_set = right
        return [Spoken(replace(said.message, id_set=right))]

    script.changes[Kind.COMMIT] = lie
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {CommitmentMismatch}
    assert {error.blame for error in ran.errors.values()} == {"media"}
    assert [result[0].kind for result in ran.kept["shop"].results] == ["model"]
