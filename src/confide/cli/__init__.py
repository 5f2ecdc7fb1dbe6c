"""Thin: each command reads its arguments, makes one call, and shows the result."""
