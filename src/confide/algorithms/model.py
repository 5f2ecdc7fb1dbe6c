"""A trained model, opened: from columns of values to predictions."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from confide.algorithms import model_file
from confide.algorithms.model_file import ModelFile
from confide.algorithms.scoring import Scorer
from confide.core.errors import ModelFileInvalid
from confide.data.columns import Columns
from confide.data.encoding import FeatureEncoder


@dataclass(frozen=True, slots=True)
class Model:
    """The numbers and the encoding that belongs to them: both come from one file."""

    file: ModelFile
    encoder: FeatureEncoder
    scorer: Scorer

    @classmethod
    def read(cls, data: bytes) -> "Model":
        """From the bytes of a model file, which may come from anywhere. Raises ModelFileInvalid."""
        file = model_file.read(data)
        encoder, scorer = FeatureEncoder.from_document(file.encoding), Scorer(file)
        if encoder.feature_count != scorer.feature_count:
            raise ModelFileInvalid("the model's encoding and its arrays disagree on the number of features")
        return cls(file, encoder, scorer)

    def predict(self, columns: Columns) -> npt.NDArray[np.float32]:
        """(rows,) predictions. Raises SchemaMismatch when a column is absent or of another kind."""
        encoded = self.encoder.encode(columns)
        return self.scorer.score(encoded.indices, encoded.values)
