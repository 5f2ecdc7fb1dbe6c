"""SANS-IO: roles, messages, one transition table, the machine, blocks, receipts. Start at `table.py`."""
