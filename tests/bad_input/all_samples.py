"""All samples, in the order of the page."""

from bad_input import samples_no_file, samples_parquet  # noqa: F401 — they add their own
from bad_input.samples import SAMPLES

__all__ = ["SAMPLES"]
