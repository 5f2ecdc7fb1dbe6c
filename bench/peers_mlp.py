"""A multilayer perceptron over embeddings in plain PyTorch, behind two calls, in the peers' own environment.

As a practised hand would write it for speed: one table, sparse gradients, Adagrad (as ours).
"""

import numpy as np
import torch

UNITS = 128


class Peer:
    """Two hidden layers."""

    def __init__(self, widths, size, rate):
        starts = np.concatenate(([0], np.cumsum(widths)[:-1]))
        self._starts = torch.from_numpy(starts.astype(np.int64))
        self._table = torch.nn.Embedding(int(widths.sum()), size, sparse=True)
        self._layers = torch.nn.Sequential(
            torch.nn.Linear(len(widths) * size, UNITS), torch.nn.ReLU(),
            torch.nn.Linear(UNITS, UNITS), torch.nn.ReLU(), torch.nn.Linear(UNITS, 1),
        )  # fmt: skip
        numbers = [*self._table.parameters(), *self._layers.parameters()]
        self._optimiser = torch.optim.Adagrad(numbers, lr=rate)
        self._loss = torch.nn.BCEWithLogitsLoss(reduction="sum")

    def _outputs(self, indices):
        return self._layers(self._table(indices + self._starts).flatten(1)).squeeze(1)

    def learn(self, indices, labels):
        self._optimiser.zero_grad()
        self._loss(self._outputs(indices), labels).backward()
        self._optimiser.step()

    def predict(self, indices):
        with torch.no_grad():
            return torch.sigmoid(self._outputs(indices))
