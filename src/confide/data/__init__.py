"""Tables: from a party's source file to a prepared dataset, and from several datasets to one encoded table.

A party uses schema, inspect, readers, prepare, dataset; the enclave uses manifest, blocks, alignment,
encoding, split (readers and prepare are kept out of it by an import rule).
"""
