"""Shared machine learning in an attested enclave."""
