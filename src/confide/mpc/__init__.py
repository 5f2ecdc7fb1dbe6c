"""Parties compute together without showing each other what they hold: SecretFlow's library, in a child.

The library is not part of Confide's installation, and never imported here: worker.py alone does that.
"""
