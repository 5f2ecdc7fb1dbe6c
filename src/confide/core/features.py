"""What a column is to a task: shared by the task (protocol), the schema (data) and the model file."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

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
    POWER = "power"
    """sign(x) * |x| ** exponent."""
    BUCKETS = "buckets"
    """The index of the interval between `boundaries`, as a category."""
    QUANTILES = "quantiles"
    """As BUCKETS; the boundaries are found in the enclave: they cut the training rows into equal parts."""


class Missing(StrEnum):
    """What a missing number is to a model. A missing category is always a category of its own."""

    NOTHING = "nothing"
    """It adds nothing to the score."""
    CATEGORY = "category"
    """A category of its own: that it is missing may tell something."""


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One column that a party brings into a task."""

    name: str
    kind: Kind
    transform: Transform = Transform.IDENTITY
    boundaries: tuple[float, ...] = ()
    """Strictly increasing; only with BUCKETS."""
    quantiles: Annotated[int, Meta(ge=2, le=limits.MAX_QUANTILES)] | None = None
    """How many parts; only with QUANTILES."""
    exponent: Annotated[float, Meta(gt=0, le=limits.MAX_EXPONENT)] | None = None
    """Only with POWER."""
    missing: Missing = Missing.NOTHING

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= limits.MAX_NAME_LENGTH:
            raise ValueError(f"a column name has 1 to {limits.MAX_NAME_LENGTH} characters")
        if self.kind is Kind.CATEGORICAL and self.transform is not Transform.IDENTITY:
            raise ValueError(f"{self.name}: a categorical column takes no transform")
        if self.kind is Kind.CATEGORICAL and self.missing is not Missing.NOTHING:
            raise ValueError(f"{self.name}: a missing category is a category already; leave out 'missing'")
        for transform, setting, given in (
            (Transform.BUCKETS, "boundaries", bool(self.boundaries)),
            (Transform.QUANTILES, "quantiles", self.quantiles is not None),
            (Transform.POWER, "exponent", self.exponent is not None),
        ):
            if (self.transform is transform) != given:
                raise ValueError(
                    f"{self.name}: '{setting}' belongs to the transform '{transform}', and only to it"
                )
        pairs = zip(self.boundaries, self.boundaries[1:], strict=False)
        if any(not low < high for low, high in pairs):
            raise ValueError(f"{self.name}: boundaries must be strictly increasing")


CROSSED = "*"
"""In the place of an owner: of what belongs to no single party. No party has this name."""


class Cross(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A feature that is made in the enclave: a category for each combination of categories in one row."""

    name: str
    of: Annotated[tuple[tuple[str, str], ...], Meta(min_length=2, max_length=limits.MAX_CROSSED)]
    """(owner, column) of each: categorical columns."""

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= limits.MAX_NAME_LENGTH:
            raise ValueError(f"a column name has 1 to {limits.MAX_NAME_LENGTH} characters")
        if len(set(self.of)) != len(self.of):
            raise ValueError(f"{self.name}: a column is crossed with itself")

    @property
    def feature(self) -> Feature:
        """As a field of a model, whose owner is CROSSED."""
        return Feature(name=self.name, kind=Kind.CATEGORICAL)

    @property
    def owner(self) -> str:
        """Of all its columns, where they have one; else CROSSED."""
        owners = {owner for owner, _ in self.of}
        return owners.pop() if len(owners) == 1 else CROSSED
