"""C inside: what is measured and attested. Start at `coordinator.py`."""
