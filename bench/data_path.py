"""Rows per second and peak memory of each stage between text files and encoded arrays.

    python bench/data_path.py [--rows 1000000] [--data FOLDER] [--out bench/out/data_path.json]

`--data`: where generate_rows.py has written (or shall write) a.tsv and b.tsv. Each stage runs in a process of
its own, so that its peak is its own; the round has three: an enclave with real gRPC, mutual TLS and sealed
messages on the loopback, and two parties, all with the product's own scripts. Training is left out.
"""

import argparse
import json
import multiprocessing
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import generate_rows
import numpy as np
import zipf
from engine import fast
from rows import Row, Scale

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fakes.ports import FakeClock, SeededRandomness
from fakes.world import Authority, World, train_task

from confide.algorithms.afm import AfmParameters
from confide.algorithms.base import Batch
from confide.algorithms.engine.network import Engine
from confide.app.system import SystemRandomness
from confide.core.enclave_config import der_of_pem
from confide.core.features import Feature
from confide.core.platform_api import TaskKind
from confide.crypto.certificates import enclave_certificate
from confide.data import schema as schemas
from confide.data.arrow import give_memory_back
from confide.data.dataset import PreparedDataset
from confide.data.encoding import FeatureEncoder
from confide.data.prepare import prepare
from confide.data.projection import project
from confide.data.split import holdout
from confide.data.vocabulary import Scheme, Vocabulary
from confide.enclave.coordination.coordinator import Coordinator
from confide.enclave.rows.opened import fields_of, open_shelves
from confide.enclave.serving.door import Door
from confide.enclave.serving.driver import Driver
from confide.enclave.serving.inbox import Inbox
from confide.enclave.storage.forecast import forecast
from confide.enclave.work import Outcome, Step
from confide.party.initiator import Job
from confide.protocol.kinds import Kind
from confide.protocol.receipts import PrivatePart
from confide.protocol.roles import Role
from confide.protocol.terms import Encoding, IdColumn, IdType, Label
from confide.session.conversation import converse
from confide.session.join import join
from confide.transport.enclave_client import PinnedEnclave
from confide.transport.enclave_server import serve_enclave
from confide.transport.pinned import fetch_certificate

FORK = multiprocessing.get_context("fork")
PARTIES = ("a", "b")
HASH_BITS = 18


def peak():
    """MiB, of this process since it was forked."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def apart(work, *arguments):
    """Run `work` in a process of its own; what it returns."""
    results = FORK.SimpleQueue()
    process = FORK.Process(target=lambda: results.put(work(*arguments)))
    process.start()
    found = results.get()
    process.join()
    return found


def measured(stage, rows, seconds, mib):
    return {
        "stage": stage,
        "rows": rows,
        "seconds": seconds,
        "rows_per_second": rows / seconds,
        "peak_mib": mib,
    }


def prepared(folder, party):
    started = time.perf_counter()
    schema = schemas.load(folder / f"{party}.schema.toml")
    manifest = prepare(folder / f"{party}.tsv", schema, folder / party)
    return measured(f"prepare ({party})", manifest.rows, time.perf_counter() - started, peak())


def projected(folder):
    started = time.perf_counter()
    dataset = PreparedDataset.open(folder / "a")
    names = [column.name for column in dataset.manifest.columns]
    part = project(dataset, [*names[1:], "label"])
    rows = part.manifest.rows
    return measured("project all but one column (a)", rows, time.perf_counter() - started, peak())


class MeasuredWork:
    """Implements enclave.work.Work: everything up to the encoded arrays."""

    def __init__(self):
        self.stages = []
        self.started = 0.0

    def run(self, agreement, _model, shelves, randomness, _checkpoints):
        task = agreement.block.task
        rows = sum(shelf.manifest.rows for shelf in shelves.values()) // len(shelves)
        size = sum(entry.bytes for shelf in shelves.values() for entry in shelf.manifest.blocks)
        begun = time.perf_counter()
        stage = measured("seal, send, open, check", rows, begun - self.started, peak())
        self.stages.append({**stage, "bytes_per_second": size / stage["seconds"]})
        opened = open_shelves(task, shelves)
        joined = time.perf_counter()
        self.stages.append(measured("join", rows, joined - begun, peak()))
        chosen = holdout(opened.alignment.size, 0.2, 0)
        fields, vocabulary = fields_of(task, PARTIES), Vocabulary(scheme=Scheme.HASHED, bits=HASH_BITS)
        opened.reorder(np.concatenate(chosen))
        columns = opened.columns(fields)
        _, encoded = FeatureEncoder.fit_encode(fields, columns, len(chosen[0]), vocabulary)
        self.stages.append(measured("decode and encode", rows, time.perf_counter() - joined, peak()))
        report = PrivatePart(salt=randomness.bytes(32), metrics={"features": encoded.features}, curve=())
        yield Step(outcome=Outcome(data=b"none", rows=opened.counts, report=report))


class TimedCoordinator(Coordinator):
    """Starts the clock when the first party opens its commitment."""

    def hear(self, party, spoken):
        if spoken.message.kind is Kind.OPENING and not self._work.started:
            self._work.started = time.perf_counter()
        yield from super().hear(party, spoken)


def world_of(folder):
    datasets = {party: PreparedDataset.open(folder / party) for party in PARTIES}
    task = train_task(
        "a",
        ("b",),
        id=IdColumn(name="id", type=IdType.STRING),
        label=Label(name="label", owner="a"),
        features={
            party: tuple(Feature(name=column.name, kind=column.kind) for column in dataset.manifest.columns)
            for party, dataset in datasets.items()
        },
        encoding=Encoding(vocabulary="hashed", bits=HASH_BITS),
        baselines=(),
    )
    authority = Authority(FakeClock(int(time.time())))  # noqa: TID251 - TLS reads the real clock
    for party in PARTIES:
        authority.identity(party)
    job = Job(task, "linear", {"epochs": 1}, datasets["a"])
    world = World(authority, [job], {"b": {TaskKind.TRAIN: datasets["b"]}}, work=MeasuredWork())
    world.enclave = TimedCoordinator(world.enclave._context, world.enclave._work)  # noqa: SLF001
    return world, job, datasets


def enclave(world, address):
    give_memory_back()
    inbox = Inbox()
    now = world.clock.now()
    certificate = enclave_certificate(world.key, ["127.0.0.1"], now, SystemRandomness())
    with serve_enclave(
        "127.0.0.1:0",
        key_pem=world.key.to_pem_unencrypted(),
        certificate_pem=certificate,
        ca_pem=world.authority.pem,
        attest=lambda _: None,
        on_channel=Door(world.enclave._context, world.attested, world.hpke, inbox).serve,  # noqa: SLF001
    ) as server:
        for _ in PARTIES:
            address.put(server.address)
        driver = Driver(world.enclave, inbox, lambda *_: None, threading.Event())
        error = driver.run()
        server.stop(5)
    return {"error": None if error is None else str(error), "stages": world.enclave._work.stages}  # noqa: SLF001


def party(world, name, address):
    key, pem = world.authority.identity(name)
    where = address.get()
    found = fetch_certificate(where).encode()
    tls = {"key_pem": key.to_pem_unencrypted(), "certificate_pem": pem}
    with PinnedEnclave(where, found, **tls) as pinned:
        link = pinned.open_channel()
        envelope, channel = join(
            world.attested,
            party=name,
            role=Role.A if name == "a" else Role.B,
            certificate=der_of_pem(pem.decode()),
            signer=key,
            randomness=SeededRandomness(name),
        )
        link.send(envelope)
        script, never = world.scripts[name], threading.Event()
        converse(link, channel, script, note=lambda *_: None, cancelled=never, us=name)
        link.close()
    return peak()


def round_of(folder):
    """One round, in three processes."""
    world, job, datasets = world_of(folder)
    address, results = FORK.SimpleQueue(), FORK.SimpleQueue()
    roles = {"enclave": (enclave, world, address)} | {name: (party, world, name, address) for name in PARTIES}
    processes = [
        FORK.Process(target=lambda who=who, role=role: results.put((who, role[0](*role[1:]))))
        for who, role in roles.items()
    ]
    for process in processes:
        process.start()
    found = dict(results.get() for _ in roles)
    for process in processes:
        process.join()
    manifests = {name: dataset.manifest for name, dataset in datasets.items()}
    algorithm = world.enclave._context.listing[0]  # noqa: SLF001
    expected = forecast(job.task, _chosen(algorithm), manifests)
    return {
        "error": found["enclave"]["error"],
        "stages": found["enclave"]["stages"],
        "party_peak_mib": {name: found[name] for name in PARTIES},
        "forecast_mib": {stage: size / 2**20 for stage, size in expected.stages.items()},
    }


def _chosen(listed):
    from confide.protocol.terms import Algorithm  # noqa: PLC0415

    return Algorithm(name=listed.name, version=listed.version, digest=listed.digest, parameters={})


def shown(stages):
    print(f"{'stage':34} {'rows/s':>12} {'s':>8} {'peak MiB':>9}")
    for stage in stages:
        speed, seconds, mib = stage["rows_per_second"], stage["seconds"], stage["peak_mib"]
        print(f"{stage['stage']:34} {speed:12,.0f} {seconds:8.2f} {mib:9,.0f}")


def run(folder, rows):
    if not (folder / "b.tsv").is_file():
        generate_rows.write(folder, rows)
    stages = [apart(prepared, folder, name) for name in PARTIES]
    stages.append(apart(projected, folder))
    found = round_of(folder)
    return {**found, "stages": [*stages, *found["stages"]]}


def training_speed():
    """Rows per second that the compiled core learns from, at the seed's shape: 39 fields, K = T = 16."""
    indices, values, labels, features = zipf.rows(32_768)
    parameters = AfmParameters(embedding_size=16, attention_size=16)
    return fast(parameters, Batch(indices, values, labels), features, Engine.fastest(), 2)[0]


def rows(scale):
    """See rows.py. Above 1: the stage is faster than the training that waits for it."""
    count = 2_000_000 if scale is Scale.FULL else 200_000
    trained = training_speed()
    with tempfile.TemporaryDirectory(prefix="confide-data-path-") as folder:
        found = run(Path(folder), count)
    if found["error"] is not None:
        raise RuntimeError(found["error"])
    for stage in found["stages"]:
        title = f"data path, {stage['stage']}, against training"
        yield Row(title, stage["rows_per_second"], trained, "rows/s")


def main():
    parser = argparse.ArgumentParser(description="Rows per second and peak memory of the data path.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    folder = given.data or Path(tempfile.mkdtemp(prefix="confide-data-path-"))
    try:
        found = run(folder, given.rows)
    finally:
        if given.data is None:
            shutil.rmtree(folder)
    shown(found["stages"])
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps({name: value for name, value in found.items() if name != "stages"}))


if __name__ == "__main__":
    main()
