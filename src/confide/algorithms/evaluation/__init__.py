"""How good predictions are: everything from (n,) labels and (n,) predictions, in NumPy alone.

And what a tuning tries next, from how good the last was: `sampler`.
"""
