"""Words everyone shares. Imports nothing else of ours."""
