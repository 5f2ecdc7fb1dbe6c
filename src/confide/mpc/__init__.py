"""Parties compute together without showing each other what they hold: SecretFlow's library, in a child.

The library is optional (`pip install 'confide[mpc]'`) and never imported here: worker.py alone does that.
"""
