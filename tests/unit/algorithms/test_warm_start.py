import numpy as np
import pytest

from confide.algorithms import registry
from confide.algorithms.base import WarmStart, Whole
from confide.core.errors import ModelNotUsable

SIZES = {"afm": {"embedding_size": 4, "attention_size": 3}, "fm": {"embedding_size": 4}, "linear": {}}
WAYS = [(name, precision) for name in SIZES for precision in ("float32", "float64")]
STANDING = {"learning_rate": 1e-30, "epochs": 1}
"""So small that what was learned is what it started from."""


def estimator(name, **parameters):
    return registry.build(name, {"batch_size": 256, **SIZES[name], **parameters})


def fit(made, rows, feature_count, start=None, holdout=None):
    held = None if holdout is None else Whole(holdout)
    reports = list(made.fit_shards(Whole(rows), holdout=held, feature_count=feature_count, start=start))
    return made.arrays(), reports


@pytest.mark.parametrize(("name", "precision"), WAYS)
def test_known_features_start_from_the_model_and_new_ones_from_the_seed(name, precision, few_planted):
    rows, count = few_planted.training, few_planted.feature_count
    model, _ = fit(estimator(name, precision=precision, learning_rate=0.5, epochs=1), rows, count)
    places = np.full(count + 20, -1)
    places[10:count] = np.arange(count - 10)[::-1]
    kept = {array: values.copy() for array, values in model.items()}
    fresh, _ = fit(estimator(name, precision=precision, seed=5, **STANDING), rows, count + 20)
    warm, _ = fit(
        estimator(name, precision=precision, seed=5, **STANDING), rows, count + 20, WarmStart(model, places)
    )
    known = places >= 0
    for array, values in warm.items():
        if array in {"embeddings", "linear"}:
            np.testing.assert_allclose(values[known], model[array][places[known]], rtol=1e-6, atol=1e-20)
            np.testing.assert_allclose(values[~known], fresh[array][~known], rtol=1e-6, atol=1e-20)
        else:
            np.testing.assert_allclose(values, model[array], rtol=1e-6, atol=1e-20)
        assert (model[array] == kept[array]).all()


@pytest.mark.parametrize("name", SIZES)
def test_a_training_goes_on_where_the_model_had_come_to(name, planted):
    parameters = {"learning_rate": 0.1, "epochs": 1}
    given = (planted.training, planted.feature_count)
    model, cold = fit(estimator(name, **parameters), *given, holdout=planted.holdout)
    start = WarmStart(model, np.arange(planted.feature_count))
    _, warm = fit(estimator(name, seed=1, **parameters), *given, start, planted.holdout)
    assert warm[0].train_logloss < cold[0].train_logloss
    assert warm[-1].holdout_logloss < cold[-1].holdout_logloss + 1e-3
    _, twice = fit(estimator(name, learning_rate=0.1, epochs=2), *given, holdout=planted.holdout)
    assert warm[-1].holdout_logloss == pytest.approx(twice[-1].holdout_logloss, abs=0.02)


@pytest.fixture
def model(few_planted):
    made = estimator("afm", **STANDING)
    return fit(made, few_planted.training, few_planted.feature_count)[0]


def refused(few_planted, model, places=None, name="afm", **parameters):
    places = np.arange(few_planted.feature_count) if places is None else places
    with pytest.raises(ModelNotUsable) as caught:
        fit(
            estimator(name, **parameters),
            few_planted.training,
            few_planted.feature_count,
            WarmStart(model, places),
        )
    return str(caught.value)


@pytest.mark.parametrize(
    "parameters", [{"embedding_size": 5}, {"attention_size": 2}, {"precision": "float64"}]
)
def test_a_model_of_other_sizes(few_planted, model, parameters):
    assert "must be the same" in refused(few_planted, model, **parameters)


def test_a_model_of_another_algorithm(few_planted, model):
    assert "another algorithm" in refused(few_planted, model, name="fm")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(few_planted, model, value):
    model["linear"][3] = value
    assert "not finite" in refused(few_planted, model)


@pytest.mark.parametrize("change", [lambda at: at[:-1], lambda at: at + 1, lambda at: at - 2])
def test_places_that_are_not_there(few_planted, model, change):
    refused(few_planted, model, change(np.arange(few_planted.feature_count)))
