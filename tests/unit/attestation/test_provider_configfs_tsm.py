import io
import pathlib
import shutil

import pytest

from confide.attestation.providers.configfs_tsm import ConfigfsTsmQuoter
from confide.core.errors import EvidenceUnavailable


class FakeConfigfs(type(pathlib.Path())):
    """A folder that behaves as configfs-tsm: mkdir makes the attributes, a write counts, rmdir takes all."""

    provider = "tdx_guest\n"
    quote = b"quote over "
    intruder = False
    entries = 0

    def mkdir(self, *arguments, **keywords):
        super().mkdir(*arguments, **keywords)
        type(self).entries += 1
        for name, content in {"provider": self.provider, "generation": "0\n"}.items():
            (self / name).write_text(content)

    def rmdir(self):
        type(self).entries -= 1
        shutil.rmtree(self)

    def open(self, mode="r", *arguments, **keywords):
        if self.name == "outblob":
            generation = self.parent / "generation"
            if self.intruder:
                generation.write_text("2\n")
            return io.BytesIO(self.quote + (self.parent / "inblob").read_bytes())
        if self.name == "inblob" and "w" in mode:
            (self.parent / "generation").write_text("1\n")
        return super().open(mode, *arguments, **keywords)


@pytest.fixture
def reports(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeConfigfs, "entries", 0)
    return FakeConfigfs(tmp_path)


def test_quote_and_nothing_left_behind(reports):
    assert ConfigfsTsmQuoter(reports).quote(b"r" * 64) == b"quote over " + b"r" * 64
    assert FakeConfigfs.entries == 0
    assert list(reports.iterdir()) == []


def test_another_writer(reports, monkeypatch):
    monkeypatch.setattr(FakeConfigfs, "intruder", True)
    with pytest.raises(EvidenceUnavailable, match="another writer"):
        ConfigfsTsmQuoter(reports).quote(bytes(64))
    assert FakeConfigfs.entries == 0


def test_another_kind_of_machine(reports, monkeypatch):
    monkeypatch.setattr(FakeConfigfs, "provider", "sev_guest\n")
    with pytest.raises(EvidenceUnavailable, match="sev_guest"):
        ConfigfsTsmQuoter(reports).quote(bytes(64))
    assert FakeConfigfs.entries == 0


def test_a_quote_without_end(reports, monkeypatch):
    monkeypatch.setattr(FakeConfigfs, "quote", bytes(10**6))
    with pytest.raises(EvidenceUnavailable, match="quote of"):
        ConfigfsTsmQuoter(reports).quote(bytes(64))


def test_outside_a_confidential_machine(tmp_path):
    with pytest.raises(EvidenceUnavailable, match="configfs-tsm"):
        ConfigfsTsmQuoter(tmp_path / "nothing").quote(bytes(64))
