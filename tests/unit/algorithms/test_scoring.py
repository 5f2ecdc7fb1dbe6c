from dataclasses import replace

import numpy as np
import pytest

from confide.algorithms import model_file, registry
from confide.algorithms.model_file import AlgorithmOfModel, ModelFile
from confide.algorithms.scoring import Scorer
from confide.core.errors import ModelFileInvalid, SchemaMismatch


@pytest.fixture(scope="module", params=["afm", "linear"])
def trained(request, few_planted):
    """(estimator, its model after a trip through a file)."""
    rows = few_planted.training
    parameters = registry.complete_parameters(request.param, {"epochs": 1})
    estimator = registry.build(request.param, parameters)
    list(estimator.fit(rows.indices, rows.values, rows.labels, feature_count=few_planted.feature_count))
    model = ModelFile(
        algorithm=AlgorithmOfModel(name=request.param, version=estimator.version, parameters=parameters),
        encoding={},
        task="t",
        train_block="{}",
        metrics={},
        arrays=estimator.arrays(),
    )
    return estimator, model_file.read(model_file.write(model))


def test_scores_are_those_of_the_estimator_that_was_trained(trained, few_planted):
    estimator, model = trained
    rows, scorer = few_planted.holdout, Scorer(model)
    np.testing.assert_array_equal(
        scorer.score(rows.indices, rows.values), estimator.predict(rows.indices, rows.values)
    )
    assert scorer.feature_count == few_planted.feature_count


def test_a_row_of_another_encoding_is_refused(trained, few_planted):
    rows = few_planted.holdout
    with pytest.raises(SchemaMismatch):
        Scorer(trained[1]).score(rows.indices + few_planted.feature_count, rows.values)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "svm"},
        {"version": "2"},
        {"parameters": {"epochs": 0}},
        {"parameters": {"unknown": 1}},
        {"parameters": {"precision": "float64"}},
    ],
)
def test_a_model_that_does_not_fit_this_software_is_refused(trained, changes):
    _, model = trained
    known = {"name": model.algorithm.name, "version": "1", "parameters": dict(model.algorithm.parameters)}
    with pytest.raises(ModelFileInvalid):
        Scorer(replace(model, algorithm=AlgorithmOfModel(**known | changes)))


def test_arrays_that_are_not_finite_are_refused(trained):
    _, model = trained
    arrays = dict(model.arrays) | {"bias": np.array([np.inf], np.float32)}
    with pytest.raises(ModelFileInvalid):
        Scorer(replace(model, arrays=arrays))
