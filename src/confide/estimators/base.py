"""scikit-learn's conventions, kept without scikit-learn: parameters in the constructor, facts after `fit`.

What differs is said by `__sklearn_tags__`: two classes; missing values and texts are welcome; nothing sparse.
"""

import inspect
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from confide.algorithms import model_file, registry
from confide.algorithms.base import Floats
from confide.algorithms.model import Model
from confide.core.features import Feature, Kind, Transform
from confide.data.encoding import FeatureEncoder
from confide.data.vocabulary import Scheme, Vocabulary
from confide.estimators.frames import Frame, codes, is_categorical, numbers
from confide.estimators.training import train

OWN: Final[dict[str, Any]] = {
    "categorical": (),
    "number_transform": "standard",
    "vocabulary": "exact",
    "bits": 18,
    "minimum_count": 1,
}
"""Beside the algorithm's: names or positions of columns that are categories though they hold numbers; the
transform of numbers; and how categories become features (data.vocabulary.Vocabulary)."""
PARTY: Final = "plain"


class ParametersOfAlgorithm:
    """The constructor: every parameter of the algorithm but its loss, with the algorithm's defaults."""

    algorithm: ClassVar[str]
    loss: ClassVar[str]
    defaults: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if not hasattr(cls, "algorithm"):
            return
        complete = registry.complete_parameters(cls.algorithm, {})
        cls.defaults = {name: value for name, value in complete.items() if name != "loss"} | OWN
        cls.__init__ = _constructor(cls.defaults)  # type: ignore[method-assign]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters by name. `deep` changes nothing: none is an estimator."""
        del deep
        return {name: getattr(self, name) for name in self.defaults}

    def set_params(self, **given: Any) -> Self:
        """Raises ValueError for a name that is no parameter."""
        for name, value in given.items():
            if name not in self.defaults:
                raise ValueError(f"Invalid parameter {name!r} for {self}: valid are {sorted(self.defaults)}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = {name: value for name, value in self.get_params().items() if value != self.defaults[name]}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

    def algorithm_parameters(self) -> dict[str, Any]:
        """As a task would name them."""
        own = {name: getattr(self, name) for name in self.defaults if name not in OWN}
        plain = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in own.items()
        }
        return plain | {"loss": self.loss}


def _constructor(defaults: dict[str, Any]) -> Callable[..., None]:
    def __init__(self: Any, **given: Any) -> None:  # noqa: N807
        unknown = set(given) - set(defaults)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no parameter {', '.join(sorted(unknown))}")
        for name, default in defaults.items():
            setattr(self, name, given.get(name, default))

    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in defaults.items()
    ]
    __init__.__signature__ = inspect.Signature([me, *named])  # type: ignore[attr-defined]
    return __init__


class PlainEstimator(ParametersOfAlgorithm):
    """What classifiers and regressors share."""

    model_: Model
    """The trained model, as its file holds it."""
    n_features_in_: int

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's names
        """Learn from rows X (array, data frame or Arrow table) and labels y.

        Raises:
            ValueError, TypeError: rows or labels that can't be learned from.
            ParameterInvalid: names the parameter.
        """
        frame = Frame.of(X)
        labels = self._labels(y, frame.rows)
        kinds = {name: self._is_category(name, at, frame) for at, name in enumerate(frame.columns)}
        transform = Transform(self.number_transform)  # type: ignore[attr-defined]
        fields = [(PARTY, _feature(name, categorical, transform)) for name, categorical in kinds.items()]
        vocabulary = msgspec.convert(
            {
                "scheme": self.vocabulary,  # type: ignore[attr-defined]
                "bits": self.bits,  # type: ignore[attr-defined]
                "minimum_count": self.minimum_count,  # type: ignore[attr-defined]
            },
            Vocabulary,
        )
        columns = {(PARTY, name): _column(frame, name, categorical) for name, categorical in kinds.items()}
        parameters = self.algorithm_parameters()
        self.model_, reports = train(
            self.algorithm, parameters, fields, columns=columns, labels=labels, vocabulary=vocabulary
        )
        self.n_features_in_ = len(kinds)
        self.n_iter_ = reports[-1].epoch
        if frame.named:
            self.feature_names_in_ = np.array(list(kinds), dtype=object)
        return self

    def save(self, path: Path) -> None:
        """Write the model file. It is your own: no agreement is in it, and no signature beside it."""
        path.write_bytes(model_file.write(self._trained().file))

    def _predictions(self, X: Any) -> npt.NDArray[np.float32]:  # noqa: N803
        model, frame = self._trained(), Frame.of(X)
        names = [name for _, name in model.encoder.fields]
        if len(frame.columns) != len(names):
            raise ValueError(
                f"X has {len(frame.columns)} features, but {type(self).__name__} is expecting {len(names)} "
                "features as input"
            )
        if frame.named and set(names) - set(frame.columns):
            raise ValueError(f"X lacks the columns {', '.join(sorted(set(names) - set(frame.columns)))}")
        own = names if frame.named else list(frame.columns)
        categorical = _categorical(model.encoder)
        columns = {
            field: _column(frame, name, field in categorical)
            for field, name in zip(model.encoder.fields, own, strict=True)
        }
        return model.predict(columns)

    def _is_category(self, name: str, at: int, frame: Frame) -> bool:
        chosen = self.categorical  # type: ignore[attr-defined]
        return name in chosen or at in chosen or is_categorical(frame.columns[name])

    def _labels(self, y: Any, rows: int) -> Floats:
        raise NotImplementedError

    def _trained(self) -> Model:
        if not hasattr(self, "model_"):
            raise _not_fitted(f"This {type(self).__name__} instance is not fitted yet: call 'fit' first.")
        return self.model_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __getstate__(self) -> dict[str, Any]:
        """A trained model is kept as its file: what learns it may hold memory that can't be copied."""
        state = dict(self.__dict__)
        if "model_" in state:
            state["model_"] = model_file.write(state["model_"].file)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        if "model_" in state:
            self.model_ = Model.read(state["model_"])


def column_of_labels(y: Any, rows: int, name: str) -> npt.NDArray[Any]:
    """(rows,). Raises ValueError."""
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    labels = np.asarray(y)
    if labels.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{labels}\n")
    if labels.ndim == 2 and labels.shape[1] == 1:  # noqa: PLR2004 - a column
        _warn_of_column()
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {labels.shape} instead.")
    if len(labels) != rows:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[rows, len(labels)]}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("Input y contains NaN or infinity.")
    return labels


def _warn_of_column() -> None:
    text = "A column-vector y was passed when a 1d array was expected: use y.ravel()."
    warnings.warn(text, _theirs("DataConversionWarning", UserWarning), stacklevel=5)


def _not_fitted(text: str) -> Exception:
    kind: type[Exception] = _theirs("NotFittedError", _NotFitted)
    return kind(text)


class _NotFitted(ValueError, AttributeError):
    """As scikit-learn's NotFittedError, where there is no scikit-learn."""


def _theirs(name: str, otherwise: type[Any]) -> type[Any]:
    """scikit-learn's own class where the caller has loaded it: its tools tell errors by their class."""
    loaded = sys.modules.get("sklearn.exceptions")
    return otherwise if loaded is None else getattr(loaded, name)


def _feature(name: str, categorical: bool, transform: Transform) -> Feature:
    if categorical:
        return Feature(name=name, kind=Kind.CATEGORICAL)
    return Feature(name=name, kind=Kind.NUMERIC, transform=transform)


def _column(frame: Frame, name: str, categorical: bool) -> npt.NDArray[Any]:
    values = frame.columns[name]
    return codes(values) if categorical else numbers(values)


def _categorical(encoder: FeatureEncoder) -> set[tuple[str, str]]:
    document = encoder.to_document()
    schemes = {scheme.value for scheme in Scheme}
    return {
        (field["party"], field["name"])
        for field in document["fields"]
        if field["mapping"]["scheme"] in schemes
    }
