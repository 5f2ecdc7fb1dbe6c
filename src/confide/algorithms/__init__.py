"""What the enclave can learn: an explicit registry, one estimator per algorithm, and the model file.

The training loop, the metrics and the file stand apart from the models. NumPy alone is needed to score.
"""
