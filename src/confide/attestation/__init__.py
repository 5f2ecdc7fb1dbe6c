"""Evidence bytes + policy + now → claims, or an error that says why. One file per TEE in `providers/`."""
