"""A trained model, opened: from columns of values to predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from confide.algorithms import model_file
from confide.algorithms.model_file import ModelFile
from confide.algorithms.scoring import Scorer
from confide.core.errors import ModelFileInvalid
from confide.data.columns import Columns
from confide.data.encoding import FeatureEncoder
from confide.data.statistics.drift import Reference, from_document


@dataclass(frozen=True, slots=True)
class Model:
    """The numbers and the encoding that belongs to them: both come from one file."""

    file: ModelFile
    encoder: FeatureEncoder
    scorer: Scorer
    references: Mapping[tuple[str, str], Reference]
    """By (party, column): what drift is measured against, where the training's task released it."""

    @classmethod
    def read(cls, data: bytes) -> "Model":
        """From the bytes of a model file, which may come from anywhere. Raises ModelFileInvalid."""
        file = model_file.read(data)
        encoder, scorer = FeatureEncoder.from_document(file.encoding), Scorer(file)
        if encoder.feature_count != scorer.feature_count:
            raise ModelFileInvalid("the model's encoding and its arrays disagree on the number of features")
        references = from_document(file.reference)
        if not set(references) <= set(encoder.fields):
            raise ModelFileInvalid("the model holds a reference of a column that it does not use")
        return cls(file, encoder, scorer, references)

    def predict(self, columns: Columns) -> npt.NDArray[np.float32]:
        """(rows,) predictions. Raises SchemaMismatch when a column is absent or of another kind."""
        encoded = self.encoder.encode(columns)
        return self.scorer.score(encoded.indices, encoded.values)
