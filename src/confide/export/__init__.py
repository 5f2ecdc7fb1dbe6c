"""A model as an ONNX graph, for runtimes that know nothing of Confide. Needs the optional package `onnx`.

One file per part of the graph; `onnx_model.py` puts them together. Not in the enclave, nor needed to score.
"""
