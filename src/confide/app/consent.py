"""How a provider decides: by a policy file, or by asking a person. Both end in a Consent with limits."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, UnsetType

from confide.app.party_config import LoadedConfig, read_toml
from confide.core import limits
from confide.core.errors import ConfigurationError, OfferDeclined
from confide.core.platform_api import TaskKind
from confide.core.ports import Clock
from confide.data.dataset import PreparedDataset
from confide.data.projection import project
from confide.party.ports import Yes
from confide.protocol.evaluation import Evaluation
from confide.protocol.messages import Offer
from confide.protocol.statistics import Figure, Statistics
from confide.protocol.terms import (
    Consent,
    Intersection,
    Released,
    Task,
    columns_of,
    crosses_of,
    evaluation_of,
)

DAY = 86_400
DEFAULT_DAYS = 30


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One [[allow]] of a consent policy: everything that is given must fit."""

    initiator: str
    kind: TaskKind
    columns: tuple[str, ...]
    """The most that a task may use of our columns."""
    purpose: str | None = None
    """Word for word; not given: any."""
    algorithms: tuple[str, ...] = ()
    """Empty: any that the enclave lists."""
    data: str | None = None
    """The prepared dataset to bring, relative to the policy file; default: [data] of confide.toml."""
    days: Annotated[int, Meta(ge=1, le=3650)] = DEFAULT_DAYS
    releases: tuple[Released, ...] = (Released.MODEL, Released.METRICS, Released.PREDICTIONS)
    """The most that may leave the enclave, to the initiator."""
    statistics: dict[str, tuple[Figure, ...]] = {}
    """Of each of our columns the figures that may be told, where `releases` allows statistics."""
    groups: tuple[str, ...] = ()
    """Our columns by whose values rows may be grouped or held out; their figures are told as they are."""
    minimum_rows: Annotated[int, Meta(ge=limits.MIN_STATISTIC_ROWS)] = 100
    """And both only where the task's `minimum_rows` (of its statistics, its groups) is not below this."""
    crosses: bool = False
    """Whether our columns may be crossed: the model then knows which of their categories go with which."""
    membership: bool = False
    """Whether the initiator may learn which of its ids we have, too: a task with a table [alignment]."""
    minimum_intersection: Annotated[int, Meta(ge=1)] = 1
    """And then only where the task ends with fewer ids in common than this."""
    predictions: Annotated[int, Meta(ge=0)] = 0
    """How many predictions may follow in the same enclave."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A consent policy file. Without a rule that fits, the answer is no."""

    allow: Annotated[tuple[Rule, ...], Meta(min_length=1)]


Ask = Callable[[Offer, str], bool]
"""Shows the offer to a person (who we are is the second argument) and returns the answer."""


class ByPolicy:
    """Implements party.ports.Decide from a file."""

    def __init__(self, path: Path, me: str, config: LoadedConfig, clock: Clock) -> None:
        """Raises ConfigurationError."""
        self._policy = read_toml(path, Policy)
        self._base = path.resolve().parent
        self._me, self._config, self._clock = me, config, clock

    def names(self, initiator: str) -> bool:
        """Whether there is a rule for `initiator` at all; without one, all that it asks is declined."""
        return any(rule.initiator == initiator for rule in self._policy.allow)

    def __call__(self, offer: Offer, measurement: str) -> Yes:
        """See party.ports.Decide."""
        reasons = []
        for rule in self._policy.allow:
            reason = _mismatch(rule, offer, self._me)
            if reason is None:
                path = self._base / rule.data if rule.data else default_dataset(self._config, offer)
                until = self._clock.now() + rule.days * DAY
                return _yes(
                    offer, self._me, measurement, path, expires_at=until, predictions=rule.predictions
                )
            reasons.append(reason)
        raise OfferDeclined(f"the consent policy has no rule for it ({'; '.join(dict.fromkeys(reasons))})")


class ByAsking:
    """Implements party.ports.Decide with a person."""

    def __init__(self, ask: Ask, me: str, config: LoadedConfig, clock: Clock) -> None:
        self._ask, self._me, self._config, self._clock = ask, me, config, clock

    def __call__(self, offer: Offer, measurement: str) -> Yes:
        """See party.ports.Decide."""
        path = default_dataset(self._config, offer)
        if not self._ask(offer, self._me):
            raise OfferDeclined("declined by a person")
        predictions = 1 if offer.task.kind is TaskKind.TRAIN else 0
        until = self._clock.now() + DEFAULT_DAYS * DAY
        return _yes(offer, self._me, measurement, path, expires_at=until, predictions=predictions)


def _mismatch(rule: Rule, offer: Offer, me: str) -> str | None:
    """Why the rule does not fit, in words that may be told to the initiator; None if it fits."""
    task = offer.task
    asked = set(columns_of(task, me))
    if rule.initiator != task.initiator:
        return "another initiator"
    if rule.kind is not task.kind:
        return "another kind of task"
    if rule.purpose is not None and rule.purpose != task.purpose:
        return "another purpose"
    if rule.algorithms and offer.algorithm.name not in rule.algorithms:
        return "another algorithm"
    leaving = {release.what for release in task.releases}
    return (
        _beyond("columns", asked, rule.columns)
        or _beyond("releases", leaving, rule.releases)
        or _crosses_mismatch(rule, task, me)
        or _groups_mismatch(rule, evaluation_of(task), me)
        or _statistics_mismatch(rule, task.statistics, me)
        or _intersection_mismatch(rule, task.alignment)
    )


def _beyond(what: str, asked: Collection[str], allowed: Collection[str]) -> str | None:
    more = sorted(set(asked) - set(allowed))
    return f"{what} that are not allowed: {', '.join(more)}" if more else None


def _crosses_mismatch(rule: Rule, task: Task, me: str) -> str | None:
    crossed = [cross.name for cross in crosses_of(task) if me in dict(cross.of)]
    return f"crosses that are not allowed: {', '.join(crossed)}" if crossed and not rule.crosses else None


def _groups_mismatch(rule: Rule, asked: Evaluation, me: str) -> str | None:
    ours = {column.name for column in asked.columns if column.owner == me}
    told = asked.groups if asked.groups is not None and asked.groups.column.owner == me else None
    if told is not None and told.minimum_rows < rule.minimum_rows:
        return f"figures of groups of fewer than {rule.minimum_rows} rows"
    return _beyond("figures by the values of columns", ours, rule.groups)


def _statistics_mismatch(rule: Rule, asked: Statistics | UnsetType, me: str) -> str | None:
    if not isinstance(asked, Statistics):
        return None
    if asked.minimum_rows < rule.minimum_rows:
        return f"statistics of fewer than {rule.minimum_rows} rows"
    told = {(name, figure) for name, figures in asked.of(me).items() for figure in figures}
    allowed = {(name, figure) for name, figures in rule.statistics.items() for figure in figures}
    named = [f"{figure} of {name}" for name, figure in sorted(told - allowed)]
    return f"statistics that are not allowed: {', '.join(named)}" if named else None


def _intersection_mismatch(rule: Rule, alignment: str | Intersection) -> str | None:
    if not isinstance(alignment, Intersection):
        return None
    if not rule.membership:
        return "an intersection of ids, which is not allowed"
    if alignment.minimum_size < rule.minimum_intersection:
        return f"an intersection of fewer than {rule.minimum_intersection} ids"
    return None


def default_dataset(config: LoadedConfig, offer: Offer) -> Path:
    """The dataset that confide.toml names for this kind of task. Raises ConfigurationError."""
    entry = config.config.data
    relative = entry.train if offer.task.kind is TaskKind.TRAIN else entry.predict
    if relative is None:
        raise ConfigurationError(f"[data] of confide.toml names no dataset to {offer.task.kind} with")
    return config.path(relative)


def _yes(offer: Offer, me: str, measurement: str, path: Path, *, expires_at: int, predictions: int) -> Yes:
    columns = columns_of(offer.task, me)
    consent = Consent(
        columns=columns,
        purpose=offer.task.purpose,
        measurement=measurement,
        expires_at=expires_at,
        predictions=predictions,
    )
    return Yes(consent, project(PreparedDataset.open(path), columns))
