"""What a column is to a task: shared by the task (protocol), the schema (data) and the model file."""

from enum import StrEnum

import msgspec

from confide.core import limits


class Kind(StrEnum):
    """How a column is read and stored."""

    CATEGORICAL = "categorical"
    """Any value; stored as its 64-bit category hash."""
    NUMERIC = "numeric"
    """A finite number; stored as float64."""


class Transform(StrEnum):
    """What is done to a number before it enters a model. Categorical columns take IDENTITY."""

    IDENTITY = "identity"
    LOG1P = "log1p"
    """sign(x) * log(1 + |x|)."""
    STANDARD = "standard"
    """(x - mean) / deviation, both computed in the enclave over the training rows."""
    BUCKETS = "buckets"
    """The index of the interval between `boundaries`, as a category."""


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One column that a party brings into a task."""

    name: str
    kind: Kind
    transform: Transform = Transform.IDENTITY
    boundaries: tuple[float, ...] = ()
    """Strictly increasing; only with BUCKETS."""

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= limits.MAX_NAME_LENGTH:
            raise ValueError(f"a column name has 1 to {limits.MAX_NAME_LENGTH} characters")
        if self.kind is Kind.CATEGORICAL and self.transform is not Transform.IDENTITY:
            raise ValueError(f"{self.name}: a categorical column takes no transform")
        if (self.transform is Transform.BUCKETS) != bool(self.boundaries):
            raise ValueError(f"{self.name}: 'boundaries' belong to the transform 'buckets', and only to it")
        pairs = zip(self.boundaries, self.boundaries[1:], strict=False)
        if any(not low < high for low, high in pairs):
            raise ValueError(f"{self.name}: boundaries must be strictly increasing")
