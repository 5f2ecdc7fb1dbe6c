"""Consent policies: without a rule that fits the answer is no, and the reason names no value of ours."""

import pytest
from fakes.ports import FakeClock
from fakes.world import PARAMETERS, predict_task, train_task

from confide.app.consent import DAY, ByAsking, ByPolicy
from confide.app.party_config import load_config
from confide.core.errors import ConfigurationError, OfferDeclined, SchemaMismatch
from confide.core.features import Cross, Kind
from confide.enclave.learning import computation
from confide.protocol.evaluation import Evaluation, Groups, HeldFolds, OwnedColumn
from confide.protocol.messages import Offer
from confide.protocol.statistics import Statistics
from confide.protocol.terms import Algorithm, Label, Release, Released

MEASUREMENT = "ab" * 32
CONFIG = """
[platform]
address = "127.0.0.1:7443"
[attestation]
roots = ["intel"]
mrenclave = ["%s"]
pccs = "https://localhost:8081"
[data]
train = "media-prepared"
"""
RULE = """
[[allow]]
initiator = "shop"
kind = "train"
columns = ["page", "region"]
predictions = 4
days = 2
"""


@pytest.fixture
def config(tmp_path, datasets):
    (tmp_path / "confide.toml").write_text(CONFIG % MEASUREMENT)
    (tmp_path / "media-prepared").symlink_to(datasets["media"].path)
    return load_config(tmp_path / "confide.toml")


@pytest.fixture
def decide(tmp_path, config):
    def by(text):
        path = tmp_path / "consent.toml"
        path.write_text(text)
        return ByPolicy(path, "media", config, FakeClock(1_000))

    return by


def offer(**changes):
    task = train_task(**changes)
    entry = computation.listing()[0]
    algorithm = Algorithm(name=entry.name, version=entry.version, digest=entry.digest, parameters=PARAMETERS)
    return Offer(task=task, algorithm=algorithm)


def test_a_rule_that_fits_gives_a_consent_with_its_limits(decide, datasets):
    yes = decide(RULE)(offer(), MEASUREMENT)
    assert yes.consent.columns == ("page",)
    assert yes.consent.measurement == MEASUREMENT
    assert yes.consent.expires_at == 1_000 + 2 * DAY
    assert yes.consent.predictions == 4
    assert yes.dataset.manifest_bytes == datasets["media"].manifest_bytes


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (RULE.replace('"shop"', '"stranger"'), "another initiator"),
        (RULE.replace('"train"', '"predict"'), "another kind"),
        (RULE.replace('["page", "region"]', '["region"]'), "not allowed: page"),
        (RULE + 'purpose = "research"\n', "another purpose"),
        (RULE + 'algorithms = ["tree"]\n', "another algorithm"),
    ],
)
def test_without_a_rule_that_fits_the_answer_is_no_with_the_reason(decide, rule, why):
    with pytest.raises(OfferDeclined, match=why):
        decide(rule)(offer(), MEASUREMENT)


def test_a_release_that_the_rule_does_not_name_is_declined(decide):
    told = (*train_task().releases, Release(what=Released.HELD_OUT, to="shop"))
    with pytest.raises(OfferDeclined, match="releases that are not allowed: held-out-predictions"):
        decide(RULE)(offer(releases=told), MEASUREMENT)
    named = RULE + 'releases = ["model", "metrics", "held-out-predictions"]\n'
    assert decide(named)(offer(releases=told), MEASUREMENT).consent.columns == ("page",)


def test_statistics_are_told_only_as_the_rule_says(decide):
    page = {"page": ("missing", "drift")}
    given = {
        "statistics": Statistics(
            columns={"media": page, "shop": {"city": ("cardinality",)}}, minimum_rows=50
        ),
        "releases": (*train_task().releases, Release(what=Released.STATISTICS, to="shop")),
    }
    rule = RULE + 'releases = ["model", "metrics", "statistics"]\n'
    for more, why in (
        ("", "of fewer than 100 rows"),
        ("minimum_rows = 50\n", "not allowed: drift of page, missing of page"),
        ('minimum_rows = 50\nstatistics.page = ["drift"]\n', "not allowed: missing of page"),
    ):
        with pytest.raises(OfferDeclined, match=why):
            decide(rule + more)(offer(**given), MEASUREMENT)
    enough = rule + 'minimum_rows = 50\nstatistics.page = ["drift", "missing"]\n'
    assert decide(enough)(offer(**given), MEASUREMENT).consent.columns == ("page",)
    with pytest.raises(OfferDeclined, match="releases that are not allowed: statistics"):
        decide(RULE)(offer(**given), MEASUREMENT)


def test_our_columns_are_crossed_only_where_the_rule_says(decide):
    crossed = (Cross(name="city_page", of=(("shop", "city"), ("media", "page"))),)
    with pytest.raises(OfferDeclined, match="crosses that are not allowed: city_page"):
        decide(RULE)(offer(crosses=crossed), MEASUREMENT)
    assert decide(RULE + "crosses = true\n")(offer(crosses=crossed), MEASUREMENT).consent.columns == ("page",)


def test_our_columns_tell_rows_apart_only_where_the_rule_says(decide):
    page, city = (
        OwnedColumn(owner=owner, name=name, kind=Kind.CATEGORICAL)
        for owner, name in (("media", "page"), ("shop", "city"))
    )
    by_page = Evaluation(groups=Groups(column=page, values=("p1",), minimum_rows=10))
    for more, why in (
        ("", "of groups of fewer than 100 rows"),
        ("minimum_rows = 20\n", "of groups of fewer than 20 rows"),
        ('minimum_rows = 20\ngroups = ["page"]\n', "of groups of fewer than 20 rows"),
    ):
        with pytest.raises(OfferDeclined, match=why):
            decide(RULE + more)(offer(evaluation=by_page), MEASUREMENT)
    enough = Evaluation(groups=Groups(column=page, values=("p1",), minimum_rows=100))
    held = Evaluation(folds=HeldFolds(column=page, held=("p1",)))
    for asked in (enough, held):
        with pytest.raises(
            OfferDeclined, match="figures by the values of columns that are not allowed: page"
        ):
            decide(RULE)(offer(evaluation=asked), MEASUREMENT)
        assert decide(RULE + 'groups = ["page"]\n')(offer(evaluation=asked), MEASUREMENT)
    theirs = Evaluation(groups=Groups(column=city, values=("c1",), minimum_rows=10))
    assert decide(RULE)(offer(evaluation=theirs), MEASUREMENT), "by the initiator's own column"


def test_our_label_needs_our_consent_like_any_column(decide):
    ours = Label(name="click", owner="media")
    with pytest.raises(OfferDeclined, match="not allowed: click"):
        decide(RULE)(offer(label=ours), MEASUREMENT)
    with pytest.raises(SchemaMismatch, match="no column click"):
        decide(RULE.replace('"region"', '"click"'))(offer(label=ours), MEASUREMENT)


def test_an_empty_or_broken_policy_is_refused_at_once(decide):
    for text in ("", "allow = []", RULE + "surprise = 1\n", "[[allow]]\n", RULE.replace("4", "-1")):
        with pytest.raises(ConfigurationError, match=r"consent\.toml"):
            decide(text)


def test_a_person_is_asked_and_believed(config):
    asked = []

    def ask(answer):
        def to(seen, me):
            asked.append((seen.task.name, me))
            return answer

        return ByAsking(to, "media", config, FakeClock(0))

    assert ask(answer=True)(offer(), MEASUREMENT).consent.predictions == 1
    with pytest.raises(OfferDeclined):
        ask(answer=False)(offer(), MEASUREMENT)
    assert asked == [("clicks", "media")] * 2


def test_without_a_dataset_for_this_kind_of_task_that_is_said(config):
    asking = ByAsking(lambda *_: True, "media", config, FakeClock(0))
    wanted = Offer(task=predict_task(train_task()), algorithm=offer().algorithm)
    with pytest.raises(ConfigurationError, match="predict"):
        asking(wanted, MEASUREMENT)
