"""Figures about single columns, blurred: a row can't be read off them (spec/protocol.md, "Statistics")."""
