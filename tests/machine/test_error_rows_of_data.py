"""The error rows of the protocol as behaviour: upload, schema, quarantine, delivery, id sets."""

import pytest
from fakes.mischief import flipped, times, twist, twist_enclave, with_fields, with_payload
from fakes.outcomes import completed, ended, heard
from fakes.shop import ROWS, authority, dataset_of, datasets, predict_job, train_job, world
from fakes.toy_datasets import toy_datasets
from fakes.world import World, predict_task, train_task

from confide.core import limits
from confide.core.errors import (
    BlockDigestMismatch,
    CommitmentMismatch,
    DatasetCorrupt,
    IdSetMismatch,
    RemoteProtocolError,
    ResultDigestMismatch,
    SchemaMismatch,
    TooManyQuarantined,
)
from confide.core.features import Kind as ColumnKind
from confide.core.platform_api import TaskKind
from confide.data.dataset import block_name
from confide.data.schema import IdColumn, IdType, Schema
from confide.enclave.coordination.context import Say
from confide.party.initiator import Job
from confide.party.participant import Participant
from confide.protocol import messages as m
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind

# --- upload ----------------------------------------------------------------------------------------------


ALL = ((0, 2),)


def wanted(ran, party):
    """What was asked of a party, and how often it may still be asked."""
    return [(message.blocks, message.attempts_left) for message in heard(ran, party, Kind.WANTED)]


def damaged(index):
    def change(said):
        if said.message.index != index:
            return [said]
        return [Spoken(said.message, flipped(said.payload))]

    return change


def test_only_a_damaged_block_is_asked_for_again():
    ran = world()
    twist(ran, "media").changes[Kind.DATA_BLOCK] = times(2, damaged(1))
    ran.run()
    completed(ran)
    assert wanted(ran, "media") == [(ALL, 3), (((1, 1),), 2)]
    assert wanted(ran, "shop") == [(ALL, 3)]


def test_a_missing_and_a_truncated_block_are_asked_for_again():
    ran = world()
    script = twist(ran, "shop")
    script.changes[Kind.DATA_BLOCK] = times(
        2, lambda said: [Spoken(said.message, said.payload[:-1])] if said.message.index else []
    )
    ran.run()
    completed(ran)
    assert wanted(ran, "shop") == [(ALL, 3), (((0, 1),), 2)]


def test_a_block_that_stays_damaged_ends_the_task_naming_party_block_and_rows():
    ran = world()
    twist(ran, "media").changes[Kind.DATA_BLOCK] = damaged(2)
    ran.run()
    ended(ran, BlockDigestMismatch, "media")
    assert "block 2 (rows 64 to 95) of media" in str(ran.errors["shop"])
    assert [left for _, left in wanted(ran, "media")] == [3, 2, 1, 0]


def test_a_file_that_changed_after_the_commitment_is_told_when_the_enclave_asks_for_the_block_again(tmp_path):
    data = toy_datasets(tmp_path, {"shop": ["city"], "media": ["page"]})
    path = data["media"].path / block_name(0)
    path.write_bytes(flipped(path.read_bytes()))
    ran = World(
        authority(),
        [Job(train_task(), "linear", {"epochs": 1}, data["shop"])],
        {"media": {TaskKind.TRAIN: data["media"]}},
    )
    twist(ran, "media")
    ran.run()
    assert [left for _, left in wanted(ran, "media")] == [3, 2]
    assert isinstance(ran.errors["media"], DatasetCorrupt)
    assert ran.errors["enclave"].blame == "media"


@pytest.mark.parametrize("index", [0, 7])
def test_a_block_that_was_not_asked_for_ends_the_task(index):
    ran = world()
    script = twist(ran, "media")
    script.changes[Kind.UPLOADED] = lambda said: [Spoken(m.DataBlock(index=index), b"x"), said]
    ran.run()
    ended(ran, RemoteProtocolError, "media")


@pytest.mark.parametrize("party", ["shop", "media"])
def test_another_dataset_than_committed_is_refused_before_training(party):
    ran = world()
    twist(ran, party).changes[Kind.OPENING] = with_payload(flipped)
    ran.run()
    ended(ran, CommitmentMismatch, party)
    assert not heard(ran, "shop", Kind.PROGRESS)


def test_another_salt_than_committed_with_is_refused():
    ran = world()
    twist(ran, "media").changes[Kind.OPENING] = with_fields(salt=bytes(32))
    ran.run()
    ended(ran, CommitmentMismatch, "media")


def prepared(source, *, columns=("page",), kind=ColumnKind.CATEGORICAL, name="id", of=IdType.INTEGER):
    schema = Schema(
        id=IdColumn(name, of),
        label=None,
        columns=dict.fromkeys(columns, kind),
    )
    return dataset_of(source, schema)


ROWS_OF_MEDIA = "id,page\n" + "".join(f"{row},p{row % 5}\n" for row in range(ROWS))


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (lambda: prepared(ROWS_OF_MEDIA.replace("page", "site"), columns=("site",)), "not there"),
        (
            lambda: prepared(
                ROWS_OF_MEDIA.replace(",p", ",").replace(",age", ",page"), kind=ColumnKind.NUMERIC
            ),
            "numeric",
        ),
        (lambda: prepared(ROWS_OF_MEDIA.replace("id,", "key,"), name="key"), "'key'"),
        (lambda: prepared(ROWS_OF_MEDIA, of=IdType.STRING), "string"),
    ],
    ids=["no such column", "other kind", "other id column", "other id type"],
)
def test_a_dataset_that_does_not_fit_the_task_is_refused(dataset, words):
    ran = world(offered={"media": dataset()})
    ran.run()
    ended(ran, SchemaMismatch, "media")
    assert words in str(ran.errors["shop"])


def test_a_dataset_without_the_label_is_refused():
    ran = world(train_job(dataset=prepared(ROWS_OF_MEDIA.replace("page", "city"), columns=("city",))))
    ran.run()
    ended(ran, SchemaMismatch, "shop")


def test_too_many_quarantined_rows():
    twice = ROWS_OF_MEDIA + ROWS_OF_MEDIA.removeprefix("id,page\n")
    ran = world(train_job(maximum_quarantined_share=0.4), offered={"media": prepared(twice)})
    ran.run()
    ended(ran, TooManyQuarantined, "media")
    assert "96 of 192 rows" in str(ran.errors["shop"])
    again = world(train_job(maximum_quarantined_share=0.5), offered={"media": prepared(twice)})
    again.run()
    completed(again)


# --- delivery --------------------------------------------------------------------------------------------


def damaged_delivery(count):
    ran = world()
    twist_enclave(ran).changes[Kind.RESULT_PART] = times(
        count, lambda say: [Say(say.to, say.message, flipped(say.payload))]
    )
    ran.run()
    return ran


def test_a_damaged_result_is_asked_for_again():
    ran = damaged_delivery(limits.MAX_RETRIES)
    completed(ran)
    assert len(heard(ran, "shop", Kind.RESULT)) == 1
    assert len(heard(ran, "shop", Kind.RESULT_END)) == limits.MAX_RETRIES + 1
    assert len(ran.kept["shop"].results) == 1


def test_a_result_that_stays_damaged_ends_the_task():
    ended(damaged_delivery(99), ResultDigestMismatch, None)


# --- prediction: the id sets -----------------------------------------------------------------------------


def half(source=ROWS_OF_MEDIA):
    return prepared("\n".join(source.splitlines()[: ROWS // 2 + 1]) + "\n")


def predicting(provider_brings):
    train = train_task()
    ran = world(train_job(), predict_job(predict_task(train)))
    ran._datasets["media"][TaskKind.PREDICT] = provider_brings
    return ran


def test_differing_id_sets_are_told_as_counts_and_end_with_the_initiators_script():
    ran = predicting(half())
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {IdSetMismatch}
    for party in ("shop", "media"):
        (told,) = heard(ran, party, Kind.IDS_DIFFER)
        assert told.counts == {"shop": ROWS, "media": ROWS // 2}
        assert told.attempts_left == limits.MAX_RETRIES - 1
    assert len(ran.kept["shop"].results) == 1


def test_after_differing_id_sets_both_may_send_again():
    ran = predicting(half())
    shop = twist(ran, "shop")
    shop.instead[Kind.IDS_DIFFER] = lambda spoken: Participant._ids_differ(shop.script, spoken.message, b"")
    media = ran.scripts["media"]

    def mended(spoken):
        media.standing.dataset = datasets()["media"]
        return media.hear(spoken)

    twist(ran, "media").instead[Kind.IDS_DIFFER] = mended
    ran.run()
    completed(ran)
    assert [result[0].kind for result in ran.kept["shop"].results] == ["model", "predictions"]


def test_id_sets_that_keep_differing_end_the_task():
    ran = predicting(half())
    shop = twist(ran, "shop")
    shop.instead[Kind.IDS_DIFFER] = lambda spoken: Participant._ids_differ(shop.script, spoken.message, b"")
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {IdSetMismatch}
    assert str(ran.errors["media"]) == "the id sets differ: shop has 96, media has 48"
    assert len(heard(ran, "media", Kind.IDS_DIFFER)) == limits.MAX_RETRIES


def test_equal_counts_of_other_ids_differ_too():
    others = ROWS_OF_MEDIA.replace("\n0,", "\n987654321987,")
    ran = predicting(prepared(others))
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {IdSetMismatch}
    assert all("987654321987" not in str(message) for message in ran.kept["shop"].seen)


@pytest.mark.parametrize("change", [{"id_set": "0" * 96}, {"id_set": None}])
def test_an_id_set_digest_belongs_to_predictions_only(change):
    ran = world() if change["id_set"] else predicting(datasets()["media"])
    script = twist(ran, "media")
    script.changes[Kind.COMMIT] = lambda said: (
        [said] if said.message.id_set == change["id_set"] else with_fields(**change)(said)
    )
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {RemoteProtocolError}
