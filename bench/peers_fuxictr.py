"""FuxiCTR's AFM behind two calls, in the peers' own environment, with a checkout of FuxiCTR on PYTHONPATH.

`learn` is BaseModel.train_step, without the data loader around it. Start values are the peer's.
"""

import tempfile

import torch
from AFM import AFM
from fuxictr.features import FeatureMap

LARGEST_GRADIENT = 10.0
"""The default of BaseModel.fit, which hands it to train_step."""


class Peer:
    """AFM with Adam."""

    def __init__(self, widths, size, rate):
        self._model = AFM(
            feature_map(widths),
            embedding_dim=size,
            attention_dim=size,
            learning_rate=rate,
            optimizer="adam",
            loss="binary_crossentropy",
            metrics=["logloss"],
            model_root=tempfile.gettempdir(),
            verbose=0,
        )
        self._model._max_gradient_norm = LARGEST_GRADIENT  # noqa: SLF001 - as its fit does

    def learn(self, indices, labels):
        self._model.train()
        self._model.train_step(columns(indices) | {"label": labels})

    def predict(self, indices):
        self._model.eval()
        with torch.no_grad():
            return self._model(columns(indices))["y_pred"].squeeze(1)


def feature_map(widths):
    """One categorical field per width, and the label."""
    features = FeatureMap("rows", tempfile.gettempdir())
    for at, width in enumerate(widths):
        features.features[f"f{at}"] = {"source": "", "type": "categorical", "vocab_size": int(width)}
    features.labels = ["label"]
    features.num_fields = features.get_num_fields()
    features.set_column_index()
    return features


def columns(indices):
    return {f"f{at}": column for at, column in enumerate(indices.T)}
