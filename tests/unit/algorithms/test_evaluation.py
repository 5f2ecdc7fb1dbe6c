"""Measures over held-out rows, each against a second way to the same figure."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.algorithms import metrics
from confide.algorithms.base import Batch, Whole
from confide.algorithms.evaluation import bootstrap, measures, probes
from confide.algorithms.evaluation.calibration import corrected, reliability
from confide.algorithms.evaluation.importance import permutation_importance
from confide.algorithms.evaluation.lift_report import lift_report
from confide.algorithms.evaluation.ranking import Ranking
from confide.algorithms.evaluation.sample import sample

ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])),
    min_size=1,
    max_size=40,
)


def arrays(rows):
    labels, scores = zip(*rows, strict=True)
    return np.array(labels, np.float32), np.array(scores, np.float32)


@given(ROWS)
def test_auc_from_the_ranking_is_that_of_the_mid_ranks(rows):
    labels, scores = arrays(rows)
    found, expected = Ranking.of(labels, scores).auc(), metrics.auc(labels, scores)
    assert found == expected if expected is None else found == pytest.approx(expected)


@given(ROWS, st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]))
def test_precision_and_recall_count_the_rows_at_or_above_the_threshold(rows, threshold):
    labels, scores = arrays(rows)
    flagged = scores >= np.float32(threshold)
    found = Ranking.of(labels, scores).at_threshold(float(np.float32(threshold)))
    assert found["flagged"] == pytest.approx(flagged.mean())
    assert found["precision"] == (pytest.approx(labels[flagged].mean()) if flagged.any() else None)
    hits = labels.sum()
    assert found["recall"] == (pytest.approx(labels[flagged].sum() / hits) if hits else None)


@given(ROWS)
def test_ks_is_the_largest_distance_between_the_classes_distributions(rows):
    labels, scores = arrays(rows)
    found = Ranking.of(labels, scores).ks()
    if labels.min() == labels.max():
        assert found is None
        return
    gaps = [abs((scores[labels == 1] >= at).mean() - (scores[labels == 0] >= at).mean()) for at in scores]
    assert found == pytest.approx(max(gaps))


def test_lift_counts_ties_at_the_edge_in_part():
    labels, scores = np.array([1, 0, 1, 0], np.float32), np.array([0.9, 0.5, 0.5, 0.1], np.float32)
    found = Ranking.of(labels, scores).at_share(0.5)
    assert found == {"share": 0.5, "lift": pytest.approx(1.5), "captured": pytest.approx(0.75)}


def test_the_whole_curve_lies_between_its_corners():
    labels, scores = np.array([1, 0], np.float32), np.array([0.9, 0.1], np.float32)
    curve = Ranking.of(labels, scores).curve(3)
    assert curve == [[0.0, 1.0], [0.5, 1.0], [1.0, 1.0]]


def test_expected_calibration_error_by_hand():
    labels = np.array([0, 0, 1, 1], np.float32)
    found = reliability(labels, np.array([0.1, 0.3, 0.6, 0.6], np.float32), 2)
    assert found["expected_error"] == pytest.approx((2 * 0.2 + 2 * 0.4) / 4)
    assert [part["rows"] for part in found["bins"]] == [2, 2]


def test_correction_undoes_leaving_out_rows_with_label_0():
    kept = 0.1
    learned = 0.2 / (0.2 + 0.8 * kept)
    assert corrected(math.log(kept), np.array([learned])) == pytest.approx([0.2])


def test_a_small_group_is_not_told_of():
    labels, scores = arrays([(1.0, 0.9), (0.0, 0.1), (1.0, 0.5)])
    groups = measures.Grouped(("a", "b"), np.array([0, 0, 1], np.int16), 2)
    found = measures.by_group(labels, scores, groups)
    assert found[0] == {"value": "a", "rows": 2, "auc": 1.0, "label_mean": 0.5}
    assert found[1] == {"value": "b", "rows": None, "auc": None, "label_mean": None}


def test_folds_are_told_with_mean_and_deviation():
    found = measures.over_folds([{"auc": 0.6, "rows": 3}, {"auc": 0.8, "rows": 3}])
    assert found["mean"] == {"auc": pytest.approx(0.7)}
    assert found["deviation"] == {"auc": pytest.approx(math.sqrt(0.02))}


# --- bootstrap --------------------------------------------------------------------------------------------


@given(ROWS, st.integers(0, 5))
def test_resampled_figures_are_those_of_the_rows_drawn(rows, seed):
    labels, scores = arrays(rows)
    first, second = list(bootstrap.resampled(labels, {"m": scores}, 1, seed))
    random = np.random.Generator(np.random.PCG64(seed))
    weights = bootstrap._poisson_table()[random.integers(0, 1 << 16, len(labels), np.uint16)]
    for found, drawn in (
        (first, np.arange(len(labels))),
        (second, np.repeat(np.arange(len(labels)), weights)),
    ):
        if not len(drawn):
            continue
        expected = metrics.auc(labels[drawn], scores[drawn])
        assert math.isnan(found["m"]["auc"]) if expected is None else True
        if expected is not None:
            assert found["m"]["auc"] == pytest.approx(expected)
        loss = metrics.logloss(labels[drawn], scores[drawn])
        assert found["m"]["logloss"] == pytest.approx(loss, rel=1e-5)


def test_weights_are_drawn_by_the_poisson_distribution():
    table = bootstrap._poisson_table()
    shares = np.bincount(table) / len(table)
    assert shares[0] == pytest.approx(math.exp(-1), abs=1e-4)
    assert table.mean() == pytest.approx(1, abs=1e-3)


def made(rows, seed=0):
    """Labels that two independent columns decide; what each model knows of them."""
    random = np.random.Generator(np.random.PCG64(seed))
    ours, theirs = random.standard_normal((2, rows))
    labels = (random.random(rows) < 1 / (1 + np.exp(-ours - theirs))).astype(np.float32)
    scores = {"joint": ours + theirs, "initiator": ours, "providers": theirs}
    return labels, {name: (1 / (1 + np.exp(-score))).astype(np.float32) for name, score in scores.items()}


def test_the_lift_report_tells_what_the_other_columns_add():
    labels, scores = made(4_000)
    report = lift_report(list(bootstrap.resampled(labels, scores, 200, 1)))
    gain = report["differences"][0]["auc"]
    expected = metrics.auc(labels, scores["joint"]) - metrics.auc(labels, scores["initiator"])
    assert gain["value"] == pytest.approx(expected)
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    assert report["differences"][0]["logloss"]["high"] < 0


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    truth = np.mean([_gain(made(3_000, seed)) for seed in range(1_000, 1_040)])
    hits = 0
    for seed in range(40):
        labels, scores = made(400, seed)
        found = lift_report(list(bootstrap.resampled(labels, scores, 100, seed)))["differences"][0]["auc"]
        hits += found["low"] <= truth <= found["high"]
    assert 33 <= hits <= 40


def _gain(case):
    labels, scores = case
    return metrics.auc(labels, scores["joint"]) - metrics.auc(labels, scores["initiator"])


def test_equal_models_differ_by_exactly_nothing():
    labels, scores = made(500)
    same = dict.fromkeys(scores, scores["joint"])
    report = lift_report(list(bootstrap.resampled(labels, same, 20, 0)))
    assert report["differences"][0]["auc"] == {"value": 0.0, "low": 0.0, "high": 0.0}


# --- importance, probes ----------------------------------------------------------------------------------


def coded(columns, labels):
    indices = np.stack(columns, axis=1).astype(np.int32)
    return Batch(indices, np.ones(indices.shape, np.float32), labels.astype(np.float32))


def test_only_the_field_that_is_used_is_important():
    random = np.random.Generator(np.random.PCG64(3))
    used, idle = random.integers(0, 2, (2, 2_000))
    rows = coded([used, idle + 2], used)
    before = rows.indices.copy()
    found = list(
        permutation_importance(
            lambda indices, values: np.where(indices[:, 0] == 1, 0.9, 0.1),
            rows,
            binary=True,
            repeats=3,
            seed=0,
        )
    )
    assert found[0][0] > 0.5
    assert found[1] == (0.0, 0.0)
    assert (rows.indices == before).all()


def test_a_field_that_holds_the_label_is_found():
    random = np.random.Generator(np.random.PCG64(4))
    labels, noise = random.integers(0, 2, (2, 4_000))
    rows = coded([noise, labels + 2], labels)
    found = probes.leakage(rows.rows(slice(2_000)), rows.rows(slice(2_000, None)))
    assert found[1] == 1.0
    assert found[0] < 0.6


def test_a_field_of_rare_categories_is_no_leak():
    random = np.random.Generator(np.random.PCG64(5))
    labels, names = random.integers(0, 2, 4_000), random.integers(0, 4_000, 4_000)
    rows = coded([names], labels)
    assert probes.leakage(rows.rows(slice(2_000)), rows.rows(slice(2_000, None)))[0] < 0.6


def test_a_number_that_holds_the_label_is_found_whichever_way_round():
    labels = np.tile([0, 1], 50)
    numbers = Batch(
        np.zeros((100, 1), np.int32), -labels[:, None].astype(np.float32), labels.astype(np.float32)
    )
    assert probes.leakage(numbers, numbers)[0] == 1.0


def test_memorised_rows_are_told_apart_and_others_are_not():
    random = np.random.Generator(np.random.PCG64(6))
    known, unknown = random.exponential(0.1, 2_000), random.exponential(1.0, 2_000)
    assert probes.membership_advantage(known, unknown) > 0.5
    assert probes.membership_advantage(unknown[:1_000], unknown[1_000:]) < 0.08


def test_a_sample_over_shards_keeps_rows_together_and_in_order():
    rows = Batch(np.arange(20).reshape(10, 2), np.ones((10, 2), np.float32), np.arange(10, dtype=np.float32))
    assert (sample(Whole(rows), 20, 0).labels == rows.labels).all()
    some = sample(Whole(rows), 4, 0)
    assert len(some) == 4
    assert (some.indices[:, 0] == 2 * some.labels).all()
    assert (np.diff(some.labels) > 0).all()
