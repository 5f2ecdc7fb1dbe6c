"""The host's signed word on how a task ended."""

import dataclasses
from dataclasses import dataclass

from confide.core import limits
from confide.core.platform_api import END_RECORD_CONTEXT, EndRecord
from confide.core.ports import Clock, Signer
from confide.core.task_store import TaskRecord, TaskStore
from confide.platform import tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrar:
    """Ends tasks in the store, once each, under the platform's identity key."""

    store: TaskStore
    clock: Clock
    signer: Signer
    platform: str
    certificate_pem: str

    def end(
        self, task: str, outcome: str, *, exit_code: int | None = None, receipt_digest: str | None = None
    ) -> TaskRecord:
        """Record the end. A task that has ended already keeps its first record."""
        unsigned = EndRecord(
            task=task,
            outcome=outcome[: limits.MAX_OUTCOME_LENGTH],
            exit_code=exit_code,
            ended_at=self.clock.now(),
            receipt_digest=receipt_digest,
            platform=self.platform,
            certificate=self.certificate_pem,
        )
        signature = self.signer.sign(END_RECORD_CONTEXT, unsigned.message())
        signed = dataclasses.replace(unsigned, signature=signature)
        return self.store.update(task, lambda record: tasks.ended(record, signed))
