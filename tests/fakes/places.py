"""A provider's service whose tasks last until the test ends: their initiators propose nothing."""

from types import SimpleNamespace

from confide.app.provide import ProviderService
from confide.core.platform_api import TaskKind, TaskState, TaskStatus


def running(number, initiator):
    """A task that waits for bob."""
    return TaskStatus(
        id=f"{number:032x}",
        name="clicks",
        kind=TaskKind.TRAIN,
        state=TaskState.RUNNING,
        initiator=initiator,
        providers=("bob",),
        created_at=number,
        enclave_address="127.0.0.1:1",
    )


class Taking(ProviderService):
    """Bob, who notes whose tasks he takes up."""

    def __init__(self, folder, known=None):
        entry = SimpleNamespace(records="records")
        config = SimpleNamespace(config=entry, path=lambda name: folder / name)
        super().__init__(SimpleNamespace(me="bob", config=config), None, None, known=known)
        self.taken = []

    def _take_part(self, status, stop):
        self.taken.append(status.initiator)
        stop.wait()

    def look(self, statuses, stop, times=3):
        """Whose tasks are under way, after the host was asked so often; `statuses`: oldest first."""
        host = SimpleNamespace(list_tasks=lambda: tuple(reversed(statuses)))
        for _ in range(times):
            self._look(host, stop)
        return sorted(self.taken)
