"""Rows of all parties: aligned, parted, encoded; in memory, out of core, or as they arrive."""
