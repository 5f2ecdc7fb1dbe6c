"""Scoring with a model file: NumPy alone, inside an enclave or out of it."""

import numpy as np
import numpy.typing as npt

from confide.algorithms import registry
from confide.algorithms.base import Estimator, Floats, Integers
from confide.algorithms.model_file import ModelFile
from confide.core.errors import AlgorithmNotListed, ModelFileInvalid, ParameterInvalid


class Scorer:
    """A model file opened for prediction."""

    def __init__(self, model: ModelFile) -> None:
        """Raises ModelFileInvalid: an algorithm or version not known here, or arrays that do not fit it."""
        self.model = model
        self._estimator = _estimator(model)

    @property
    def feature_count(self) -> int:
        """What the model's encoding must give too, or it is not this model's."""
        return self._estimator.feature_count

    def score(self, indices: Integers, values: Floats) -> npt.NDArray[np.float32]:
        """(n,) predictions for rows encoded with the model's own encoding: arrays (n, F).

        Raises:
            SchemaMismatch: an index outside the model's features, or arrays of wrong shape or type.
        """
        return self._estimator.predict(indices, values)


def _estimator(model: ModelFile) -> Estimator:
    algorithm = model.algorithm
    listed = registry.ALGORITHMS.get(algorithm.name)
    if listed is None or listed.version != algorithm.version:
        raise ModelFileInvalid(
            f"this software has no {algorithm.name[:40]!r} of version {algorithm.version[:40]!r}"
        )
    try:
        return registry.restore(algorithm.name, algorithm.parameters, model.arrays)
    except (AlgorithmNotListed, ParameterInvalid) as cause:
        raise ModelFileInvalid(f"the model's parameters are not valid: {cause}") from None
