"""What `--store` costs, where the enclave leaves each block sealed on disk: uploads with it and without.

    python bench/storing.py [--mib 512] [--repeat 3]

The upload is that of transfer.py, two processes over loopback, timed from PASS to RECEIVED; repetitions take
turns, the fastest of each counts. Then a fresh enclave's way is timed: all blocks read back, opened and held
against their digests, instead of being sent again.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fakes.world import TASK_ID
from rows import Row, Scale
from transfer import sealed_upload, write_dataset

from confide.core.digest import sha384_hex
from confide.crypto.storage_key import StorageKey
from confide.data.dataset import PreparedDataset
from confide.enclave.storage.store import BlockStore, StoredBlocks

KEY = bytes(32)


def taken_up(folder, blocks):
    """MB/s at which what lies there comes back, checked."""
    bound = StorageKey(KEY, task=TASK_ID, party="a", commitment="c")
    stored = StoredBlocks(folder, bound)
    for index in range(len(blocks.manifest.blocks)):
        stored.put(index, blocks.block(index))
    started = time.perf_counter()
    for index, entry in enumerate(blocks.manifest.blocks):
        if sha384_hex(stored.get(index)) != entry.sha384:
            raise SystemExit("a block came back as another")
    seconds = time.perf_counter() - started
    return sum(entry.bytes for entry in blocks.manifest.blocks) / seconds / 1e6


def measured(mib, repeat):
    """Both ways' repetitions, and the speed of taking up."""
    base = Path(tempfile.mkdtemp(prefix="confide-storing-"))
    try:
        write_dataset(base / "a", mib)
        write_dataset(base / "b", 0.01, rows=256)
        without, storing = [], []
        for _ in range(repeat):
            without.append(sealed_upload(base))
            storing.append(sealed_upload(base, BlockStore(base / "store", TASK_ID)))
        back = taken_up(base / "back", PreparedDataset.open(base / "a"))
    finally:
        shutil.rmtree(base)
    return without, storing, back


def compared(mib, repeat):
    without, storing, back = measured(mib, repeat)
    fastest, slower = (max(one["speed"] for one in many) for many in (without, storing))
    plain, sealed = (min(one["receiver_ns"] for one in many) for many in (without, storing))
    yield Row("upload with --store, against without", slower, fastest, "MB/s")
    yield Row("the enclave's processor time with --store, against without", sealed, plain, "ns/byte")
    yield Row("taking up stored blocks, against sending them again", back, fastest, "MB/s")


def rows(scale):
    """See rows.py."""
    return compared(*((512, 3) if scale is Scale.FULL else (128, 2)))


def main():
    parser = argparse.ArgumentParser(description="Uploads with and without stored blocks.")
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    for row in compared(given.mib, given.repeat):
        print(f"{row.name}: {row.ours:,.2f} against {row.theirs:,.2f} {row.unit}: {row.ratio:.0%}")


if __name__ == "__main__":
    main()
