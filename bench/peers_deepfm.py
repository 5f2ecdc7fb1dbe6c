"""DeepCTR-Torch's DeepFM behind two calls, in the peers' own environment; see peers_deepctr.py."""

import peers_deepctr
from deepctr_torch.models import DeepFM

UNITS = (128, 128)


class Peer(peers_deepctr.Peer):
    """DeepFM with Adam."""

    @staticmethod
    def _made(columns, size):
        del size  # the columns know it
        return DeepFM(
            columns, columns, dnn_hidden_units=UNITS, l2_reg_linear=0, l2_reg_embedding=0, l2_reg_dnn=0
        )
