"""What a provider reads, and what a policy allows, of a private set intersection."""

import msgspec
import pytest
from fakes.world import predict_task, train_task

from confide.app import consent
from confide.app.consent import Rule
from confide.app.disclosure import learned
from confide.app.intersect import able
from confide.core.errors import MpcUnavailable
from confide.protocol.messages import Offer
from confide.protocol.runs import runs_of
from confide.protocol.terms import Algorithm, Intersection, Task, names_ids, ordered

ALGORITHM = Algorithm(name="afm", version="1", digest="0" * 96, parameters={})


def task(**terms):
    return train_task(alignment=Intersection(**terms))


def rule(**changes):
    fields = {"initiator": "shop", "kind": "train", "columns": ("page",)}
    return msgspec.convert({**fields, **changes}, Rule)


def mismatch(rule_, task_):
    return consent._mismatch(rule_, Offer(task=task_, algorithm=ALGORITHM), "media")


def test_a_task_without_one_tells_nothing():
    assert learned(train_task()) == ()
    assert ordered(train_task()) is None
    assert not names_ids(train_task())


def test_who_learns_what_is_said():
    both = "\n".join(learned(task(minimum_size=1_000, ids="text/1", protocol="ecdh")))
    assert "shop and media each learn which of their ids the other has" in both
    for said in ("fewer than 1,000 ids", "text/1", "ECDH", "semi-honest", "about how many ids"):
        assert said in both
    one = "\n".join(learned(task(membership="initiator")))
    assert "media learns none, uploads all" in one
    assert ordered(task(membership="initiator")) is None


def test_of_several_it_is_said_what_more_the_initiator_learns():
    text = "\n".join(learned(train_task(providers=("media", "maps"), alignment=Intersection())))
    for said in (
        "shop learns which of its ids media has; then, of these, which maps has",
        "media, maps each learn which of their ids all the others have",
        "each provider learns about how many ids shop brings to it",
    ):
        assert said in text
    one = train_task(providers=("media", "maps"), alignment=Intersection(membership="initiator"))
    assert "media, maps learn none, and upload all" in "\n".join(learned(one))


def test_the_order_and_what_is_kept_are_said():
    text = "\n".join(learned(task(minimum_first=True, protocol="unbalanced")))
    assert "shop first, and media only where there are enough of them" in text
    assert "evaluated under keys that it does not know" in text


def test_runs():
    """(provider, whether it learns, whether the initiator knows) of each."""

    def runs(providers=("media",), **terms):
        made = runs_of(train_task(providers=providers, alignment=Intersection(**terms)))
        assert [run.number for run in made] == list(range(len(made)))
        return [(run.provider, run.both_learn, run.known) for run in made]

    first, second = ("media", "maps")
    assert runs_of(train_task()) == ()
    assert runs() == [(first, True, False)]
    assert runs(membership="initiator") == [(first, False, False)]
    assert runs(minimum_first=True) == [(first, False, False), (first, True, True)]
    forward = [(first, False, False), (second, False, False)]
    assert runs((first, second), membership="initiator") == forward
    assert runs((first, second)) == [*forward, (first, True, True), (second, True, True)]


def test_a_prediction_needs_the_same_ids_at_both():
    """Who uploads all its rows would bring others."""
    with pytest.raises(ValueError, match="membership"):
        predict_task(train_task(), alignment=Intersection(membership="initiator"))
    assert names_ids(predict_task(train_task(), alignment=Intersection()))


def test_the_encoding_of_tasks_without_one_is_what_it_was():
    document = msgspec.json.encode(train_task())
    assert b'"alignment":"enclave"' in document
    assert msgspec.json.decode(document, type=Task) == train_task()
    assert msgspec.json.decode(msgspec.json.encode(task()), type=Task) == task()


def test_a_policy_says_no_unless_a_rule_says_membership():
    assert "intersection" in mismatch(rule(), task())
    assert mismatch(rule(), train_task()) is None
    assert mismatch(rule(membership=True), task()) is None


def test_a_policy_may_ask_for_a_larger_minimum():
    asking = rule(membership=True, minimum_intersection=500)
    assert "fewer than 500" in mismatch(asking, task(minimum_size=499))
    assert mismatch(asking, task(minimum_size=500)) is None


def test_who_lacks_the_library_is_not_asked(tmp_path):
    decide = able(lambda _offer, _measurement: "yes", str(tmp_path / "no-python"))
    with pytest.raises(MpcUnavailable):
        decide(Offer(task=task(), algorithm=ALGORITHM), "")
    assert decide(Offer(task=train_task(), algorithm=ALGORITHM), "") == "yes"
