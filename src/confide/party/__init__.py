"""A and B, the same software: what a party says, checks, signs and keeps. Start at `participant.py`."""
