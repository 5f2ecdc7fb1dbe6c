"""DeepFM (Guo, Tang, Ye, Li, He 2017, IJCAI, arXiv:1703.04247): see deep_network.py for the formula.

A factorization machine and hidden layers that read the same embeddings, added up.
"""

from confide.algorithms.deep_estimator import SOURCES, DeepEstimator


class DeepFm(DeepEstimator):
    """The estimator; see the module for the model."""

    name = "deepfm"
    title = "DeepFM: factorization machine and hidden layers over the same embeddings"
    version = "1"
    factors = True
    sources = ("deepfm.py", *SOURCES)
