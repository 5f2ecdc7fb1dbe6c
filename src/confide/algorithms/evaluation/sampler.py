"""Which parameters the next trial of a tuning takes: a grid, random draws, or Optuna's TPE."""

import importlib.util
import itertools
import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from confide.core.errors import ParameterInvalid
from confide.protocol.evaluation import Choices, Range, Tuning


class Sampler(Protocol):
    """Asked before each trial, told after it."""

    def ask(self) -> dict[str, Any] | None:
        """Values of the tuned parameters; None: there are no more to try."""
        ...

    def tell(self, loss: float | None) -> None:
        """The validation loss of the values asked for last; None: that trial failed."""
        ...


def sampler(tuning: Tuning) -> Sampler:
    """Raises ParameterInvalid: the method needs a library that is not installed here."""
    check_method(tuning)
    if tuning.method == "tpe":
        return _Tpe(tuning)
    return _Listed(_grid(tuning) if tuning.method == "grid" else _random(tuning))


def check_method(tuning: Tuning) -> None:
    """Raises ParameterInvalid: the method needs a library that is not installed here."""
    if tuning.method == "tpe" and importlib.util.find_spec("optuna") is None:
        raise ParameterInvalid(
            "tuning by 'tpe' needs Optuna, which this enclave's image does not hold (confide[tuning]); "
            "'random' and 'grid' are always there"
        )


def searched(tuning: Tuning) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Each tuned parameter with values that must be valid for all to be: its choices, or its range's ends."""
    for name, choices in sorted(tuning.choices.items()):
        yield name, choices.values
    for name, space in sorted(tuning.ranges.items()):
        ends = (space.low, space.high)
        yield name, tuple(map(int, ends)) if space.integer else ends


class _Listed:
    """Values that do not depend on what came of earlier ones."""

    def __init__(self, values: Iterator[dict[str, Any]]) -> None:
        self._values = values

    def ask(self) -> dict[str, Any] | None:
        """See Sampler."""
        return next(self._values, None)

    def tell(self, loss: float | None) -> None:
        """See Sampler."""


def _grid(tuning: Tuning) -> Iterator[dict[str, Any]]:
    """All combinations, the last parameter (by name) changing fastest."""
    names = sorted(tuning.choices)
    for values in itertools.product(*(tuning.choices[name].values for name in names)):
        yield dict(zip(names, values, strict=True))


def _random(tuning: Tuning) -> Iterator[dict[str, Any]]:
    random = np.random.Generator(np.random.PCG64(tuning.seed))
    space: dict[str, Choices | Range] = {**tuning.choices, **tuning.ranges}
    while True:
        yield {name: _draw(space[name], random) for name in sorted(space)}


def _draw(space: Choices | Range, random: np.random.Generator) -> Any:
    if isinstance(space, Choices):
        return space.values[int(random.integers(len(space.values)))]
    if not space.log:
        if space.integer:
            return int(random.integers(int(space.low), int(space.high) + 1))
        return float(random.uniform(space.low, space.high))
    drawn = math.exp(random.uniform(math.log(space.low), math.log(space.high)))
    drawn = min(max(drawn, space.low), space.high)
    return round(drawn) if space.integer else drawn


class _Tpe:
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011); deterministic for its seed."""

    def __init__(self, tuning: Tuning) -> None:
        import optuna  # noqa: PLC0415 - an extra: only where it is asked for

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        chosen = optuna.samplers.TPESampler(seed=tuning.seed % (1 << 32))
        self._study = optuna.create_study(sampler=chosen, direction="minimize")
        self._failed = optuna.trial.TrialState.FAIL
        self._choices = tuning.choices
        self._space = {name: _distribution(optuna, space) for name, space in sorted(tuning.ranges.items())}
        for name, choices in sorted(tuning.choices.items()):
            places = tuple(range(len(choices.values)))
            self._space[name] = optuna.distributions.CategoricalDistribution(places)
        self._trial: Any = None

    def ask(self) -> dict[str, Any] | None:
        """See Sampler."""
        self._trial = self._study.ask(self._space)
        drawn = dict(self._trial.params)
        return {
            name: self._choices[name].values[value] if name in self._choices else value
            for name, value in drawn.items()
        }

    def tell(self, loss: float | None) -> None:
        """See Sampler."""
        if loss is None:
            self._study.tell(self._trial, state=self._failed)
        else:
            self._study.tell(self._trial, loss)


def _distribution(optuna: Any, space: Range) -> Any:
    if space.integer:
        return optuna.distributions.IntDistribution(int(space.low), int(space.high), log=space.log)
    return optuna.distributions.FloatDistribution(space.low, space.high, log=space.log)
