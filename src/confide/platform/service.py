"""The host's RPCs: who may, what is recorded, what is started. No trust is decided here."""

import logging
import threading

from confide.core import digest, limits, names
from confide.core.enclave_config import EnclaveConfig, der_of_pem
from confide.core.errors import (
    AccessDenied,
    ConfigurationError,
    LimitExceeded,
    NotFound,
    PlatformFailed,
    RemoteProtocolError,
    TooManyCalls,
)
from confide.core.platform_api import (
    API_VERSION,
    Caller,
    EndRecord,
    Hello,
    RelayRequest,
    SignedHead,
    TaskRequest,
    TaskState,
    TaskStatus,
)
from confide.core.ports import Clock, Link, Randomness
from confide.core.task_store import TaskRecord, TaskStore
from confide.platform import access, tasks
from confide.platform.enclaves import Enclaves
from confide.platform.heads import HeadDesk
from confide.platform.relay import Relay

_TASK_ID_BYTES = 16
_HOUR = 3600

_log = logging.getLogger(__name__)


class PlatformService:
    """Implements `core.platform_api.HostService`. Called from several threads."""

    def __init__(
        self,
        *,
        store: TaskStore,
        enclaves: Enclaves,
        heads: HeadDesk,
        clock: Clock,
        randomness: Randomness,
        platform: str,
        software: str,
        ca_pem: str,
        idle_seconds: int = limits.IDLE_SECONDS,
    ) -> None:
        self._store = store
        self._enclaves = enclaves
        self._heads = heads
        self._clock = clock
        self._randomness = randomness
        self._hello = Hello(api_version=API_VERSION, software=software, platform=platform)
        self._ca_pem = ca_pem
        self._ca_sha384 = digest.sha384_hex(der_of_pem(ca_pem))
        self._idle_seconds = idle_seconds
        self._creating = threading.Lock()
        self._relay = Relay(self._has_ended)

    def handshake(self, caller: Caller, hello: Hello) -> Hello:
        """Raises RemoteProtocolError when the API versions differ."""
        access.check("Handshake", caller)
        if hello.api_version != API_VERSION:
            raise RemoteProtocolError(
                f"the platform speaks API version {API_VERSION}, the caller {hello.api_version}"
            )
        return self._hello

    def create_task(self, caller: Caller, request: TaskRequest) -> TaskStatus:
        """Record a task and start its enclave; for a token that was used, the task of that time.

        Raises:
            AccessDenied: in another's name.
            ConfigurationError: the request is not valid, or its token stands for another one.
            LimitExceeded: too many tasks run, here or of this initiator.
            TooManyCalls: this initiator has created too many in the last hour.
        """
        access.check("CreateTask", caller)
        access.check_initiator(caller, request.initiator)
        task = self._randomness.bytes(_TASK_ID_BYTES).hex()
        record = tasks.created(request, task=task, now=self._clock.now())
        config = self.config_of(record)
        with self._creating:
            if earlier := self._earlier(request):
                return earlier.status
            self._check_room(request.initiator)
            record = self._store.add(record)
        _log.info("task %s created by %s", task, caller.name)
        self._enclaves.start(task, config)
        return record.status

    def get_task(self, caller: Caller, task: str) -> TaskStatus:
        """Raises NotFound, AccessDenied."""
        return self._permitted("GetTask", caller, task).status

    def list_tasks(self, caller: Caller) -> tuple[TaskStatus, ...]:
        """At most limits.MAX_LISTED_TASKS in which the caller takes part: what has not ended first, so that
        a provider that restarts finds all its tasks; each newest first.
        """
        access.check("ListTasks", caller)
        records = self._store.of_participant(caller.name, most=limits.MAX_LISTED_TASKS)
        return tuple(record.status for record in records)

    def cancel_task(self, caller: Caller, task: str) -> TaskStatus:
        """End the task's enclave. A task that has ended stays as it ended. Raises NotFound, AccessDenied."""
        self._permitted("CancelTask", caller, task)
        _log.info("task %s: cancelled by %s", task, caller.name)
        self._enclaves.cancel(task)
        return self._store.get(task).status

    def end_record(self, caller: Caller, task: str) -> EndRecord:
        """Raises AccessDenied; NotFound, also while the task has not ended."""
        record = self._permitted("EndRecord", caller, task)
        if record.end is None:
            raise NotFound("the task has not ended")
        return record.end

    def exchange_heads(self, caller: Caller, head: SignedHead) -> tuple[SignedHead, ...]:
        """Raises AccessDenied, RemoteProtocolError; NotFound, also some time after the task's end."""
        ended = self._permitted("ExchangeHeads", caller, head.task).status.ended_at
        if ended is not None and self._clock.now() > ended + limits.HEADS_AFTER_END_SECONDS:
            raise NotFound("the task has ended long ago")
        return self._heads.exchange(caller, head)

    def relay(self, caller: Caller, request: RelayRequest, leg: Link) -> int:
        """Until the leg or the peer's ends. Raises NotFound, AccessDenied, and as `Relay.carry`."""
        status = self._permitted("Relay", caller, request.task).status
        if request.peer not in status.participants:
            raise AccessDenied("Relay: only to another of the task's participants")
        if status.state is TaskState.ENDED:
            raise NotFound("the task has ended")
        return self._relay.carry(status.id, caller.name, request.peer, leg)

    def _has_ended(self, task: str) -> bool:
        """A database that can't be read at the moment does not know of an end."""
        try:
            return self._store.get(task).status.state is TaskState.ENDED
        except PlatformFailed:
            return False

    def _permitted(self, method: str, caller: Caller, task: str) -> TaskRecord:
        try:
            record = self._store.get(names.check_task_id(task))
        except ValueError as cause:
            raise NotFound(str(cause)) from None
        access.check(method, caller, record.status)
        return record

    def _earlier(self, request: TaskRequest) -> TaskRecord | None:
        if not request.token:
            return None
        earlier = self._store.find(request.initiator, request.token)
        if earlier is not None and not tasks.same_request(earlier, request):
            raise ConfigurationError("this token was used for another request")
        return earlier

    def _check_room(self, initiator: str) -> None:
        unfinished = self._store.unfinished()
        if len(unfinished) >= limits.MAX_RUNNING_TASKS:
            raise LimitExceeded(f"this platform runs at most {limits.MAX_RUNNING_TASKS} tasks at a time")
        own = sum(record.status.initiator == initiator for record in unfinished)
        if own >= (most := limits.MAX_RUNNING_PER_INITIATOR):
            raise LimitExceeded(f"this platform runs at most {most} tasks of one initiator at a time")
        recent = self._store.created_since(initiator, self._clock.now() - _HOUR)
        if recent >= (most := limits.MAX_CREATED_PER_HOUR):
            raise TooManyCalls(f"an initiator may create {most} tasks in an hour; wait until one is older")

    def config_of(self, record: TaskRecord) -> bytes:
        """The configuration of the enclave that a task has, or is to have, now."""
        status = record.status
        config = EnclaveConfig(
            task=status.id,
            kind=status.kind,
            initiator=status.initiator,
            providers=status.providers,
            ca_sha384=self._ca_sha384,
            ca_pem=self._ca_pem,
            created_at=status.created_at,
            idle_seconds=self._idle_seconds,
            generation=status.generation,
        )
        return config.encode()
