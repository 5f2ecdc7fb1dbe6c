"""A's connection to the enclave is cut while it uploads, and again while it downloads: the task ends well."""

import json

import pytest
from fakes import fair
from fakes.scissors import DOWN, UP, Scissors
from fakes.site import Site

from confide.core import limits

pytestmark = pytest.mark.e2e

ROWS, OF_MEDIA, BLOCK_ROWS = 6_000, 1_500, 200
BLOCKS = ROWS // BLOCK_ROWS
MODEL_BITS = 18
AT_UPLOAD, AT_DOWNLOAD = 60_000, 9_000_000
"""Bytes after which the connection is cut: more than media sends; in the third part of the model."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("cut"))

    def part_has_come():
        events = (site.base / "shop" / "tasks").glob("*/events.jsonl")
        return any('"result-part"' in path.read_text() for path in events)

    scissors = Scissors((UP, AT_UPLOAD), (DOWN, AT_DOWNLOAD), has_come={DOWN: part_has_come})
    listen = ("--", "--listen", f"127.0.0.1:{scissors.port}")
    try:
        site.begin(command=[*site.loader, *listen], public_host="127.0.0.2")
        site.scissors = scissors
        for name in ("shop", "media"):
            site.join(name)
        yield site
    finally:
        site.end()
        scissors.close()


@pytest.fixture(scope="module")
def outcome(site):
    rows = list(fair.rows_of(fair.identifiers(ROWS), seed=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "BLOCK_ROWS", BLOCK_ROWS)
        fair.prepare_for(site.folder("shop"), "shop", rows, labelled=True)
    fair.prepare_for(site.folder("media"), "media", rows[:OF_MEDIA])
    site.write("media", "consent.toml", {"allow": [fair.allow("media", "train")]})
    task = fair.task(
        "media",
        algorithm={"name": "fm", "parameters": {"epochs": 1, "embedding_size": 8}},
        encoding={"vocabulary": "hashed", "bits": MODEL_BITS},
    )
    site.write("shop", "train.toml", task)
    provider = site.provide("media", "--consent", "consent.toml", "--tasks", "1")
    done = site.start("shop", "confide", "task", "train", "train.toml", "--format", "json").wait()
    found = done.result
    assert provider.wait().code == 0
    return found


def lines_of(site, outcome):
    """What shop said and heard, channel by channel."""
    path = site.base / "shop" / "tasks" / outcome["task"] / "events.jsonl"
    channels = []
    for line in map(json.loads, path.read_text().splitlines()):
        if line["message"] in {"listing", "agreed"} and line["state"] in {"choosing", "bound"}:
            fresh = line["message"] == "listing" or channels[-1][-1]["state"] != "signed"
            if fresh:
                channels.append([])
        channels[-1].append(line)
    return channels


def said(channel, message):
    return [line["digest"] for line in channel if (line["way"], line["message"]) == ("said", message)]


def heard(channel, message):
    return [line["digest"] for line in channel if (line["way"], line["message"]) == ("heard", message)]


def test_the_task_ends_well(site, outcome):
    assert sorted(site.scissors.cut) == sorted([(UP, AT_UPLOAD), (DOWN, AT_DOWNLOAD)])
    assert outcome["model"]
    assert outcome["metrics"]["joint"]["rows_trained"] > 0
    (done,) = outcome["rounds"]
    assert done["signers"] == ["media", "shop", "enclave"]
    assert (done["rows"]["shop"]["sent"], done["rows"]["shop"]["joined"]) == (ROWS, OF_MEDIA)
    verified = site.confide("shop", "receipt", "verify", f"tasks/{outcome['task']}/receipt.json")
    assert verified.code == 0


def test_blocks_that_had_come_are_not_sent_again(site, outcome):
    first, second, third = lines_of(site, outcome)
    again = said(second, "data-block")
    assert set(said(first, "data-block")) | set(again) == set(all_blocks(first, second))
    assert 0 < len(again) < BLOCKS
    assert said(third, "data-block") == []
    assert len(set(said(first, "data-block") + again)) == BLOCKS


def all_blocks(*channels):
    return [digest for channel in channels for digest in said(channel, "data-block")]


def test_parts_of_the_result_that_had_come_are_not_sent_again(site, outcome):
    _, second, third = lines_of(site, outcome)
    before, after = heard(second, "result-part"), heard(third, "result-part")
    assert before
    assert after
    assert not set(before) & set(after)
    assert len(said(second, "fetch")) == len(said(third, "fetch")) == 1


def test_nothing_was_agreed_twice(site, outcome):
    first, second, third = lines_of(site, outcome)
    assert len(said(first, "proposal")) == 1
    for later in (second, third):
        assert said(later, "proposal") == said(later, "commit") == said(later, "signature") == []
    folder = site.base / "shop" / "tasks" / outcome["task"]
    assert sorted(path.name for path in folder.glob("train-block*")) == ["train-block.json"]
