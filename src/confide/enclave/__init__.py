"""C inside: what is measured and attested. Start at `coordination/coordinator.py`; `work.py` is the port."""
