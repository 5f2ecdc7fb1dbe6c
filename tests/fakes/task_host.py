"""The host of a World: its real service, store and registrar; in place of a process, the World's enclave."""

from dataclasses import dataclass, replace

from fakes.host_alone import caller
from fakes.world import TASK_ID

from confide.core.errors import PlatformFailed
from confide.core.platform_api import TaskRequest, TaskState
from confide.core.task_store import ProcessMark
from confide.enclave.coordination import release
from confide.platform import tasks
from confide.platform.enclaves import Enclaves
from confide.platform.ending import Registrar
from confide.platform.service import PlatformService
from confide.platform.status_lines import parse
from confide.storage.memory import MemoryTaskStore


class _TaskId:
    """Implements core.ports.Randomness: the task gets the id that its World has."""

    def bytes(self, count):
        return bytes.fromhex(TASK_ID)[:count]


class _Signer:
    """The registrar's signature is not what these tests are about."""

    def sign(self, context, message):
        return b"signed"


@dataclass
class NoProcesses:
    """Implements what the service asks of `Enclaves`."""

    store: MemoryTaskStore

    def start(self, task, config, age=0):
        self.store.update(task, lambda record: tasks.starting(record, ProcessMark(pid=0, started=0)))
        self.store.update(task, lambda record: tasks.running(record, "127.0.0.1:40000"))

    def no_room_since(self, _task):
        return None


class _Recovering(Enclaves):
    """The real one, but for the process that it would start."""

    def start(self, task, config, age=0):
        NoProcesses(self._store).start(task, config, age)


class TaskHost:
    """Up or down. Its database outlives it."""

    def __init__(self, world):
        self.world, self.up = world, True
        self._store = MemoryTaskStore()
        self._registrar = Registrar(
            store=self._store, clock=world.clock, signer=_Signer(), platform="cloud", certificate_pem=""
        )
        self._service = PlatformService(
            store=self._store,
            enclaves=NoProcesses(self._store),
            heads=None,
            clock=world.clock,
            randomness=_TaskId(),
            platform="cloud",
            software="0",
            ca_pem=world.authority.pem.decode(),
        )
        first = world.config
        request = TaskRequest(
            name="clicks", kind=first.kind, initiator=first.initiator, providers=first.providers
        )
        self._service.create_task(caller(first.initiator), request)

    def status(self, name):
        """What a participant is told. Raises PlatformFailed, as its software does, for what has ended."""
        status = self._service.get_task(caller(name), TASK_ID)
        if status.state is TaskState.ENDED:
            raise PlatformFailed(
                f"the enclave of task {TASK_ID} has ended: {status.outcome}", blame="platform"
            )
        return status

    @property
    def outcome(self):
        return self._store.get(TASK_ID).status.outcome

    def hear(self, phase, waiting):
        """A status line, through the enclave's own writer and the host's own parser."""
        since = min(waiting.values(), default=None)
        line = release.status_line("state", state=phase, waiting_for=list(waiting), waiting_since=since)
        if self.up and self.outcome is None:
            self._store.update(TASK_ID, lambda record: tasks.reported(record, parse(line)))

    def end(self, outcome):
        """The enclave's process has ended."""
        if self.up:
            self._registrar.end(TASK_ID, outcome)

    def take_up(self):
        """The enclave's process has died without a word: whether another one has taken its place."""
        record = self._store.get(TASK_ID)
        if not self.up or not tasks.may_be_taken_up(record):
            return False
        taken_up = self._store.update(TASK_ID, tasks.taken_up)
        NoProcesses(self._store).start(TASK_ID, self._service.config_of(taken_up))
        return True

    def kill(self):
        self.up = False

    def restart(self):
        """As `confide platform serve` does first: take up what a killed host has left.

        Returns whether there is a fresh enclave.
        """
        self.up = True
        recovering = _Recovering(
            launcher=None, store=self._store, registrar=self._registrar, clock=self.world.clock
        )
        # The process of the record is none of this machine.
        self._store.update(TASK_ID, lambda record: replace(record, process=None))
        return recovering.recover(self._service.config_of) > 0 and self.outcome is None
