"""From the first byte of an upload to the model: learning begins with the first blocks, or with the last.

    python bench/early_training.py [--blocks 32] [--rate 100] [--repeat 2] [--format json]

An enclave and two parties, each a process of its own, over pinned mutual TLS; the rows stand in the agreed
order, as an intersection leaves them: 40 fields, AFM with K = T = 16, one pass. Both ways end with the same
model, to the bit: that is checked. `--rate` slows each link to so many Mbit/s, by a proxy in between that
takes no more; it is measured at full speed, too. Ways take turns; the fastest of each counts.
"""

import argparse
import dataclasses
import json
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fakes.ports import FakeClock
from fakes.world import Authority, World, train_task
from rows import Row, Scale
from transfer import FORK, PARTIES, block_of, received, schema, serve, speak, write_block, write_manifest

from confide.algorithms import model_file
from confide.core.digest import digest_of, sha384_hex
from confide.core.features import Feature
from confide.core.platform_api import TaskKind
from confide.data.alignment.agreed_order import order_of
from confide.data.dataset import PreparedDataset
from confide.enclave.coordination import rounds
from confide.enclave.storage.plan import choose
from confide.party.initiator import Job
from confide.protocol import terms
from confide.protocol.kinds import Kind as Spoke

ROWS = 32_768
"""Of a block."""
PARAMETERS = {"epochs": 1, "embedding_size": 16, "attention_size": 16}
WAYS = ("early", "late")
PIECE = 16_384
MEGABIT = 125_000


# --- the parties' data --------------------------------------------------------------------------------


def write_both(folder, blocks):
    """Everybody has the same ids, in the agreed order."""
    ids = np.arange(blocks * ROWS)
    ids = ids[order_of(pa.array(ids))]
    for place, name in enumerate(PARTIES):
        (folder / name).mkdir()
        entries = []
        for index in range(blocks):
            own = ids[index * ROWS : (index + 1) * ROWS]
            block = block_of(place * blocks + index, schema(), ROWS, own)
            entries.append(write_block(folder / name, index, block, ROWS))
        write_manifest(folder / name, entries)


def world_of(folder):
    datasets = {name: PreparedDataset.open(folder / name) for name in PARTIES}
    task = train_task(
        *PARTIES[:1],
        PARTIES[1:],
        id=terms.IdColumn(name="id", type=terms.IdType.INTEGER),
        label=terms.Label(name="label", owner=PARTIES[0]),
        features={
            name: tuple(Feature(name=column.name, kind=column.kind) for column in dataset.manifest.columns)
            for name, dataset in datasets.items()
        },
        encoding=terms.Encoding(vocabulary="hashed", bits=14),
        alignment=terms.Intersection(block_rows=ROWS),
        baselines=(),
    )
    authority = Authority(FakeClock(int(time.time())))  # noqa: TID251 - TLS reads the real clock
    for name in PARTIES:
        authority.identity(name)
    jobs = [Job(task, "afm", PARAMETERS, datasets[PARTIES[0]])]
    return World(authority, jobs, {PARTIES[1]: {TaskKind.TRAIN: datasets[PARTIES[1]]}})


# --- a slow link --------------------------------------------------------------------------------------


def carry(source, target, rate):
    """Bytes per second at most; None: as they come."""
    due = time.monotonic()
    try:
        while piece := source.recv(PIECE):
            target.sendall(piece)
            if rate is not None:
                due = max(due, time.monotonic() - PIECE / rate) + len(piece) / rate
                time.sleep(max(0.0, due - time.monotonic()))
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def slowed(where, rate):
    """The address of a proxy to `where` in a process of its own, which takes `rate` bytes per second."""
    listener = socket.socket()
    # Small, so that nothing is gained by bytes that wait in the system.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * PIECE)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    process = FORK.Process(target=proxy, args=(listener, where, rate), daemon=True)
    process.start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def proxy(listener, where, rate):
    host, _, port = where.rpartition(":")
    while True:
        near, _ = listener.accept()
        far = socket.create_connection((host, int(port)))
        for source, target, most in ((near, far, rate), (far, near, None)):
            threading.Thread(target=carry, args=(source, target, most), daemon=True).start()


# --- processes ----------------------------------------------------------------------------------------


def enclave(world, way, address, results):
    def chosen(*given, **named):
        plan = choose(*given, **named)
        if not plan.starts_early:
            raise SystemExit("this task does not start early")
        return dataclasses.replace(plan, starts_early=way == "early")

    with mock.patch.object(rounds, "choose", chosen):
        error = serve(world, address)
    results.put(("enclave", None if error is None else str(error)))


def party(world, name, rate, address, results):
    moments = {}

    def note(_what, message, _state):
        moments.setdefault(message.kind, time.monotonic())

    where = address.get()
    speak(world, name, where if rate is None else slowed(where, rate), note)
    model = [model_file.read(data).arrays for _, _, _, data in world.kept[name].results]
    results.put((name, {"moments": moments, "model": digest_of(numbers(model[0])) if model else None}))


def numbers(arrays):
    return {name: sha384_hex(array.tobytes()) for name, array in arrays.items()}


def seconds(folder, way, rate):
    """(until the last block had been sent, until the initiator was told that there is a model, the model)."""
    world = world_of(folder)
    address, results = FORK.SimpleQueue(), FORK.SimpleQueue()
    processes = [FORK.Process(target=enclave, args=(world, way, address, results))]
    processes += [FORK.Process(target=party, args=(world, name, rate, address, results)) for name in PARTIES]
    for process in processes:
        process.start()
    found = dict(received(results, processes) for _ in processes)
    for process in processes:
        process.join()
    if found["enclave"] is not None:
        raise SystemExit(found["enclave"])
    first = min(found[name]["moments"][Spoke.DATA_BLOCK] for name in PARTIES)
    sent = max(found[name]["moments"][Spoke.RECEIVED] for name in PARTIES)
    return sent - first, found[PARTIES[0]]["moments"][Spoke.RESULT] - first, found[PARTIES[0]]["model"]


def measure(blocks, rate, repeat):
    """{at: {way: [(seconds of the upload, seconds in all)]}}; `rate` in Mbit/s."""
    folder = Path(tempfile.mkdtemp(prefix="confide-early-"))
    try:
        write_both(folder, blocks)
        found = {f"{rate} Mbit/s": {way: [] for way in WAYS}, "full speed": {way: [] for way in WAYS}}
        models = set()
        for _ in range(repeat):
            for at, most in zip(found, (rate * MEGABIT, None), strict=True):
                for way in WAYS:
                    *times, model = seconds(folder, way, most)
                    found[at][way].append(times)
                    models.add(model)
        if len(models) != 1:
            raise SystemExit("the models differ")
        return found
    finally:
        shutil.rmtree(folder)


def compared(blocks, rate, repeat):
    """(row, all times) for each speed of the link."""
    for at, ways in measure(blocks, rate, repeat).items():
        best = {way: min(total for _, total in times) for way, times in ways.items()}
        title = (
            f"first byte to model of {blocks * ROWS:,} rows, {at}: begun with the first blocks, with the last"
        )
        yield Row(title, best["early"], best["late"], "s"), ways


def rows(scale):
    """See rows.py."""
    given = (32, 100, 3) if scale is Scale.FULL else (6, 100, 1)
    return (row for row, _ in compared(*given))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=32)
    parser.add_argument("--rate", type=int, default=100, help="Mbit/s of each party's link")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    given = parser.parse_args()
    found = list(compared(given.blocks, given.rate, given.repeat))
    if given.format == "json":
        print(json.dumps([row.document() | {"times": times} for row, times in found]))
        return
    for row, ways in found:
        print(f"{row.name}: {row.ours:.2f} against {row.theirs:.2f} s: {row.ratio:.2f}")
        for way, times in ways.items():
            print(f"  {way:6}", *(f"{total:.2f} (sent after {sent:.2f})" for sent, total in times))


if __name__ == "__main__":
    main()
