"""Multilayer perceptron: hidden layers that read a row's embeddings side by side (deep_network.py)."""

from confide.algorithms.deep_estimator import SOURCES, DeepEstimator


class Mlp(DeepEstimator):
    """The estimator; see the module for the model."""

    name = "mlp"
    title = "Multilayer perceptron over embeddings"
    version = "1"
    factors = False
    sources = ("mlp.py", *SOURCES)
