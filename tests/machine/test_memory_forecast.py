"""A task that can't fit into the enclave's memory is refused when the manifests are known."""

from fakes.outcomes import completed, heard
from fakes.shop import world

from confide.core.errors import LimitExceeded
from confide.protocol.kinds import Kind


def test_a_task_that_can_not_fit_is_refused_before_any_work_and_nobody_is_blamed():
    ran = world()
    ran.enclave._context.memory = 1 << 20
    ran.run()
    for name in ("enclave", "shop", "media"):
        assert isinstance(ran.errors[name], LimitExceeded), ran.errors
        assert not ran.errors[name].blame
        assert "the enclave has 1.0 MiB of memory" in ran.errors[name].message
    assert not heard(ran, "shop", Kind.PROGRESS)
    # Before any data is sent: what is wanted is only said when all have opened their commitments.
    assert not any(heard(ran, name, Kind.WANTED) for name in ("shop", "media"))


def test_a_task_that_fits_runs():
    ran = world()
    ran.enclave._context.memory = 1 << 30
    ran.run()
    completed(ran)
