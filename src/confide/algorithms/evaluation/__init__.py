"""How good predictions are: everything from (n,) labels and (n,) predictions, in NumPy alone."""
