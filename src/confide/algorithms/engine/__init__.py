"""The compiled core of AFM, FM and the linear model, in C (native/), reached through ctypes.

Same results as the NumPy reference up to rounding, about a hundred times as fast. Where the library was not
built, or for float64, the reference does the work.
"""
