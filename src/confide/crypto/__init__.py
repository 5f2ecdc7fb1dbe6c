"""Identities and their CA, signatures, sealed messages, the ratchet, the key store.

Nothing is imported here on purpose: a process gets only the modules that it names.
"""
