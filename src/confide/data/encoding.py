"""From joined columns to what a factorisation model reads: per row and field one feature index and one value.

All fields share one index space: field f owns the indices offset(f) … offset(f) + size(f) - 1. Fitted on
the training rows only, then the same for every row, also in a later prediction (the encoder's document
travels in the model file).
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET, UnsetType

from confide.core import limits
from confide.core.errors import LimitExceeded, ModelFileInvalid, SchemaMismatch
from confide.core.features import CROSSED, Cross, Feature, Kind, Missing, Transform
from confide.data.columns import Columns, Field, Values
from confide.data.crossing import WithCrosses, fields_of_crosses
from confide.data.filling import Mapping, fill, slices
from confide.data.numbers import BucketField, NumericField
from confide.data.part_encoding import PartEncoder
from confide.data.vocabulary import CategoricalField, ExactField, Vocabulary, fit_field


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """C-contiguous arrays of shape (rows, fields)."""

    indices: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    features: int
    """Size of the index space: every index lies in [0, features)."""

    def take(self, rows: npt.NDArray[np.int64]) -> "Encoded":
        """The given rows, in that order."""
        return Encoded(self.indices[rows], self.values[rows], self.features)


CrossedColumns = Annotated[
    tuple[tuple[str, str], ...], msgspec.Meta(min_length=2, max_length=limits.MAX_CROSSED)
]


class _EncodedField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    party: str
    name: str
    mapping: Mapping
    of: CrossedColumns | UnsetType = UNSET
    """Of a cross, and only there: the fields whose categories it combines."""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fields: Annotated[tuple[_EncodedField, ...], msgspec.Meta(min_length=1, max_length=limits.MAX_FIELDS)]
    category_hash: Annotated[str, msgspec.Meta(pattern=r"^xxh3-64\Z")] = "xxh3-64"

    def __post_init__(self) -> None:
        names = [(field.party, field.name) for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("fields: a column occurs twice")
        categorical = {name for name, field in zip(names, self.fields, strict=True) if _is_of_owner(field)}
        for field in self.fields:
            if (field.party == CROSSED) != bool(field.of):
                raise ValueError(f"fields: {field.name}: a cross, and only a cross, says of what")
            if field.of and not (
                categorical >= set(field.of) and isinstance(field.mapping, CategoricalField)
            ):
                raise ValueError(f"fields: {field.name}: a cross is of categorical fields")


def _is_of_owner(field: _EncodedField) -> bool:
    return field.party != CROSSED and isinstance(field.mapping, CategoricalField)


class FeatureEncoder:
    """An ordered list of fields, each with its fitted mapping."""

    def __init__(self, document: _Document) -> None:
        self._document = document
        if len(document.fields) > limits.MAX_FIELDS:
            raise LimitExceeded(f"{len(document.fields)} fields; at most {limits.MAX_FIELDS} (MAX_FIELDS)")
        sizes = [field.mapping.size for field in document.fields]
        self._offsets = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        if self.feature_count > limits.MAX_FEATURES:
            raise LimitExceeded(
                f"{self.feature_count} features; at most {limits.MAX_FEATURES} (MAX_FEATURES)"
            )

    @classmethod
    def fit(
        cls,
        fields: Sequence[Field],
        columns: Columns,
        training_rows: npt.NDArray[np.int64] | slice,
        vocabulary: Vocabulary,
        crosses: Sequence[Cross] = (),
    ) -> Self:
        """Learn what the mappings need (categories, mean and deviation) from the training rows alone.

        Raises LimitExceeded when an exact vocabulary would not fit into a model file, ValueError when
        there is no field or one occurs twice.
        """
        fitting = cls.fitting(fields, columns, training_rows, vocabulary, crosses)
        while True:
            try:
                next(fitting)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    @classmethod
    def fitting(
        cls,
        fields: Sequence[Field],
        columns: Columns,
        training_rows: npt.NDArray[np.int64] | slice,
        vocabulary: Vocabulary,
        crosses: Sequence[Cross] = (),
    ) -> Generator[int, None, Self]:
        """As `fit`, telling how many fields are done after each. One column at a time is in memory.

        Columns of which nothing has to be learned are not read.
        """
        fitted: list[_EncodedField] = []
        known, all_columns = _Known(crosses), WithCrosses(columns, crosses)
        for party, feature in (*fields, *fields_of_crosses(crosses)):
            name = feature.name
            read = lambda party=party, name=name: all_columns[party, name][training_rows]  # noqa: E731
            mapping = _fit(known.owner(party, name), feature, read, vocabulary)
            fitted.append(known.field(party, name, mapping))
            _check_codes(fitted)
            yield len(fitted)
        return cls._of(fitted)

    @classmethod
    def fit_encode(
        cls,
        fields: Sequence[Field],
        columns: Columns,
        training_rows: int,
        vocabulary: Vocabulary,
        crosses: Sequence[Cross] = (),
    ) -> tuple[Self, Encoded]:
        """As `fit` on the first `training_rows` rows, then `encode`, taking each column only once.

        Columns that are crossed are taken once more for each cross.
        """
        known, everything = _Known(crosses), [*fields, *fields_of_crosses(crosses)]

        def fit(at: int, values: Values) -> Mapping:
            party, feature = everything[at]
            owner = known.owner(party, feature.name)
            return _fit(owner, feature, lambda: values[:training_rows], vocabulary)

        names = [(party, feature.name) for party, feature in everything]
        mappings, indices, values = fill(WithCrosses(columns, crosses), names, fit)
        encoder = cls._of(
            [known.field(*name, mapping) for name, mapping in zip(names, mappings, strict=True)]
        )
        return encoder, encoder.place(indices, values)

    @classmethod
    def _of(cls, fitted: Sequence[_EncodedField]) -> Self:
        _check_codes(fitted)
        return cls(_Document(tuple(fitted)))

    @property
    def fields(self) -> list[tuple[str, str]]:
        """(party, column name), in the order of the encoded columns."""
        return [(field.party, field.name) for field in self._document.fields]

    @property
    def crosses(self) -> tuple[Cross, ...]:
        """The fields that are made of others."""
        return tuple(Cross(name=field.name, of=field.of) for field in self._document.fields if field.of)

    @property
    def index_space(self) -> list[tuple[tuple[str, str], Mapping, int]]:
        """((party, column name), its mapping, its first index), in order."""
        starts = self._offsets[:-1].tolist()
        fields = [field.mapping for field in self._document.fields]
        return list(zip(self.fields, fields, starts, strict=True))

    def mapping(self, party: str, name: str) -> Mapping:
        """Of one field. Raises KeyError for none."""
        for field in self._document.fields:
            if (field.party, field.name) == (party, name):
                return field.mapping
        raise KeyError((party, name))

    @property
    def parts(self) -> list[tuple[str, int, int]]:
        """(party, first field, end): the fields of one party that stand together."""
        found, start = [], 0
        for party, group in groupby(party for party, _ in self.fields):
            end = start + len(list(group))
            found.append((party, start, end))
            start = end
        return found

    def part(self, start: int, end: int) -> PartEncoder:
        """Made ready once, to encode some of the fields of few rows at a time."""
        chosen = self._document.fields[start:end]
        offsets = self._offsets[start:end].astype(np.int32)
        names, mappings = [field.name for field in chosen], [field.mapping for field in chosen]
        return PartEncoder(chosen[0].party, names, mappings, offsets)

    @property
    def feature_count(self) -> int:
        """Size of the index space."""
        return int(self._offsets[-1])

    def encode(self, columns: Columns) -> Encoded:
        """Encode all rows of the columns. Raises SchemaMismatch when one lacks or has another kind."""
        self.check_fields(columns)
        mappings, columns = [field.mapping for field in self._document.fields], self.crossed(columns)
        _, indices, values = fill(columns, self.fields, lambda at, _: mappings[at])
        return self.place(indices, values)

    def crossed(self, columns: Columns) -> WithCrosses:
        """The columns, and what is made of them."""
        return WithCrosses(columns, self.crosses)

    def check_fields(self, columns: Columns) -> None:
        """Raises SchemaMismatch when one lacks; a cross is made, and lacks nothing by itself."""
        for party, name in self.fields:
            if party == CROSSED:
                continue
            if (party, name) not in columns:
                raise SchemaMismatch(f"there is no column {name!r} of {party}", blame=party)

    def place(self, indices: npt.NDArray[np.int32], values: npt.NDArray[np.float32]) -> Encoded:
        """Turn indices within the fields into those of the index space, in place."""
        offsets = self._offsets[:-1].astype(np.int32)
        for rows in slices(len(indices)):
            indices[rows] += offsets
        return Encoded(indices, values, self.feature_count)

    def to_document(self) -> dict[str, Any]:
        """Plain JSON values, for the model file."""
        return dict(msgspec.to_builtins(self._document))

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """Read an untrusted document. Raises ModelFileInvalid, and nothing else."""
        try:
            return cls(msgspec.convert(document, _Document))
        except (msgspec.ValidationError, ValueError, LimitExceeded) as cause:
            raise ModelFileInvalid(f"encoding: {cause}") from None


def _fit(party: str, feature: Feature, values: Callable[[], Values], vocabulary: Vocabulary) -> Mapping:
    """`values` gives those of the training rows, and is called only where they matter."""
    if feature.kind is Kind.CATEGORICAL:
        codes = values().astype(np.uint64, copy=False) if vocabulary.looks_at_rows else _NO_CODES
        return fit_field(vocabulary, party, feature.name, codes)
    if feature.transform is Transform.BUCKETS:
        return BucketField(boundaries=feature.boundaries, missing=feature.missing is Missing.CATEGORY)
    looks = feature.transform in (Transform.STANDARD, Transform.QUANTILES)
    numbers = values().astype(np.float64, copy=False) if looks else _NO_NUMBERS
    field = BucketField if feature.transform is Transform.QUANTILES else NumericField
    return field.fit(feature, numbers)


class _Known:
    """What is a cross of what."""

    def __init__(self, crosses: Sequence[Cross]) -> None:
        self._crosses = {(CROSSED, cross.name): cross for cross in crosses}

    def owner(self, party: str, name: str) -> str:
        """By whose name a field's hash buckets are spread: of a cross at one owner as if it had made it."""
        cross = self._crosses.get((party, name))
        return party if cross is None else cross.owner

    def field(self, party: str, name: str, mapping: Mapping) -> _EncodedField:
        cross = self._crosses.get((party, name))
        return _EncodedField(party, name, mapping, UNSET if cross is None else cross.of)


_NO_CODES, _NO_NUMBERS = np.empty(0, np.uint64), np.empty(0, np.float64)


def _check_codes(fitted: Sequence[_EncodedField]) -> None:
    codes = sum(field.mapping.size - 1 for field in fitted if isinstance(field.mapping, ExactField))
    if codes > limits.MAX_VOCABULARY_CODES:
        raise LimitExceeded(
            f"{codes} categories in an exact vocabulary; at most {limits.MAX_VOCABULARY_CODES} "
            "(MAX_VOCABULARY_CODES): use the hashed vocabulary, or a higher minimum count"
        )
