"""The bridge from the protocol's machine to the world: seal, judge, open. Party and enclave both use it."""
