import os

import pytest

from confide.app.enclave_memory import available, parse_size
from confide.core.errors import ConfigurationError

PHYSICAL = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("1KiB", 1024), ("512MiB", 512 << 20), ("6GiB", 6 << 30)]
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "6", "6GB", "-1GiB", "1.5GiB", "0MiB", "GiB", "6GiB\n", "9" * 400])
def test_what_is_no_size(text):
    if text == "6":
        assert parse_size(text) == 6
        return
    with pytest.raises(ConfigurationError, match="--memory"):
        parse_size(text)


@pytest.fixture
def cgroups(tmp_path):
    """A cgroup tree: limits by level, from the root down; gives the arguments of `available`."""

    def make(*levels):
        folder = tmp_path / "cgroup"
        folder.mkdir()
        for number, limit in enumerate(levels):
            if number:
                folder = folder / f"level{number}"
                folder.mkdir()
            if limit is not None:
                (folder / "memory.max").write_text(f"{limit}\n")
        own = tmp_path / "own"
        own.write_text(f"0::/{folder.relative_to(tmp_path / 'cgroup')}\n".replace("/.", "/"))
        return own, tmp_path / "cgroup"

    return make


def test_the_least_limit_of_all_levels(cgroups):
    assert available(*cgroups(None, 1 << 20, "max", 3 << 20)) == 1 << 20


def test_the_root_itself(cgroups):
    assert available(*cgroups(5 << 20)) == 5 << 20


def test_without_a_limit_it_is_the_machine(cgroups, tmp_path):
    assert available(*cgroups(None, "max")) == PHYSICAL
    assert available(tmp_path / "none", tmp_path) == PHYSICAL


@pytest.mark.parametrize("text", ["", "1:name=systemd:/x\n", "0::/../x\n", "nothing", "0::relative\n"])
def test_a_system_that_tells_nothing_of_use(tmp_path, text):
    own = tmp_path / "own"
    own.write_text(text)
    assert available(own, tmp_path) == PHYSICAL
