"""Training on columns, plainly: what the enclave does between joining and the model file, in one place."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from confide.algorithms import model_file, registry
from confide.algorithms.base import Batch, Floats, TrainingProgress
from confide.algorithms.model import Model
from confide.algorithms.model_file import AlgorithmOfModel, ModelFile
from confide.core.features import Cross
from confide.data.columns import Columns, Field
from confide.data.encoding import FeatureEncoder
from confide.data.vocabulary import Vocabulary

TASK = "trained plainly"
NO_AGREEMENT = "{}"
"""Nobody agreed on a model that is trained plainly: `confide model` has nothing to verify in it."""


def train(
    name: str,
    parameters: Mapping[str, Any],
    fields: Sequence[Field],
    *,
    columns: Columns,
    labels: Floats,
    vocabulary: Vocabulary,
    crosses: Sequence[Cross] = (),
    held_out: int = 0,
) -> tuple[Model, list[TrainingProgress]]:
    """The model, as read from its file, and the reports of the training.

    Args:
        name: of the algorithm, as registered.
        parameters: of the algorithm; defaults for those not given.
        fields: which columns are read as what, in this order.
        columns: (rows,) each; the held-out rows come last.
        labels: (rows,)
        vocabulary: how categories become features.
        crosses: features that are made of several columns.
        held_out: so many rows at the end are only scored.

    Raises:
        ParameterInvalid: names the parameter.
        SchemaMismatch, LimitExceeded, WorkFailed: as algorithms.base.Estimator.fit_shards.
    """
    training = len(labels) - held_out
    encoder, encoded = FeatureEncoder.fit_encode(fields, columns, training, vocabulary, crosses)
    everything = Batch(encoded.indices, encoded.values, labels)
    learn, held = everything.rows(slice(training)), everything.rows(slice(training, None))
    estimator = registry.build(name, parameters)
    reports = list(
        estimator.fit(
            learn.indices,
            learn.values,
            learn.labels,
            holdout=held if held_out else None,
            feature_count=encoded.features,
        )
    )
    algorithm = AlgorithmOfModel(
        name=name, version=estimator.version, parameters=registry.complete_parameters(name, parameters)
    )
    arrays = {key: np.asarray(array) for key, array in estimator.arrays().items()}
    file = ModelFile(algorithm, encoder.to_document(), TASK, NO_AGREEMENT, {}, arrays)
    return Model.read(model_file.write(file)), reports
