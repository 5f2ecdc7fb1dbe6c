"""Before and after: one task's operations in one log, and the `after` of those that an error ended."""

from collections.abc import Iterator
from contextlib import contextmanager

from confide.audit.entry import DONE, Event, Moment, Object, Operation
from confide.audit.log import AuditLog
from confide.core.errors import ConfideError


class Recorder:
    """Tells a log what happens in one task (or outside of any). One thread at a time."""

    def __init__(self, log: AuditLog, task: str | None = None) -> None:
        self.log = log
        self.task = task
        self.agreement: str | None = None
        """Digest of the agreement block in force; goes into every entry."""
        self._begun: dict[Operation, str] = {}

    @property
    def enclave(self) -> str:
        """The enclave as an actor: what it did is known from what it told."""
        return f"enclave as told to {self.log.actor}"

    def before(self, operation: Operation, what: Object | None = None, *, actor: str = "") -> None:
        """Raises AuditUnavailable, AuditInvalid: then `operation` must not take place."""
        self._begun[operation] = actor or self.log.actor
        self._append(operation, Moment.BEFORE, None, what, self._begun[operation])

    def after(
        self, operation: Operation, what: Object | None = None, *, outcome: str = DONE, actor: str = ""
    ) -> None:
        """Raises AuditUnavailable, AuditInvalid."""
        begun_by = self._begun.pop(operation, self.log.actor)
        self._append(operation, Moment.AFTER, outcome, what, actor or begun_by)

    def has_begun(self, operation: Operation) -> bool:
        """Whether `operation` is under way."""
        return operation in self._begun

    def failed(self, code: str) -> None:
        """An error ended everything that is under way."""
        for operation in tuple(self._begun):
            self.after(operation, outcome=code)

    @contextmanager
    def doing(self, operation: Operation, what: Object | None = None) -> Iterator[list[Object]]:
        """Around an operation; an object put into the list stands in its `after`."""
        result: list[Object] = []
        self.before(operation, what)
        try:
            yield result
        except ConfideError as error:
            self.after(operation, outcome=error.code)
            raise
        self.after(operation, result[0] if result else None)

    def _append(
        self, operation: Operation, moment: Moment, outcome: str | None, what: Object | None, actor: str
    ) -> None:
        self.log.append(
            Event(
                actor=actor,
                operation=operation,
                moment=moment,
                outcome=outcome,
                task=self.task,
                agreement=self.agreement,
                object=what,
            )
        )
