"""DeepCTR-Torch's AFM behind two calls, in the peers' own environment; peers_deepfm.py has its DeepFM.

`learn` is the body of BaseModel.fit: its optimiser, loss and regularisation, without its progress bar and
data loader, which would only slow it. Start values are the peer's.
"""

import torch
from deepctr_torch.inputs import SparseFeat
from deepctr_torch.models import AFM


class Peer:
    """A model with Adam."""

    def __init__(self, widths, size, rate):
        columns = [SparseFeat(f"f{at}", int(width), embedding_dim=size) for at, width in enumerate(widths)]
        self._model = self._made(columns, size)
        self._model.compile(torch.optim.Adam(self._model.parameters(), lr=rate), "binary_crossentropy")

    @staticmethod
    def _made(columns, size):
        return AFM(columns, columns, attention_factor=size, l2_reg_att=0, l2_reg_linear=0, l2_reg_embedding=0)

    def learn(self, indices, labels):
        model = self._model
        model.train()
        outputs = model(indices.float()).squeeze()
        model.optim.zero_grad()
        loss = model.loss_func(outputs, labels, reduction="sum") + model.get_regularization_loss()
        loss.backward()
        model.optim.step()

    def predict(self, indices):
        self._model.eval()
        with torch.no_grad():
            return self._model(indices.float()).squeeze(1)
