"""Sealed transfer of prepared data, party to enclave, against plain TLS 1.3, both over loopback.

    python bench/transfer.py [--mib 1024] [--repeat 5] [--format json]

Theirs: one process sends to another through Python's `ssl` (OpenSSL), large sends, nothing else done with the
bytes. Ours: the upload as a task does it, in two processes with the product's own scripts: a party reads its
prepared blocks from disk, seals them and sends them over pinned mutual TLS and gRPC; the enclave opens and
judges them and holds them against the committed digests. Timed from PASS until the party has heard RECEIVED.
Repetitions take turns; the fastest of each side counts.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import socket
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fakes.ports import FakeClock, SeededRandomness
from fakes.world import Authority, World, train_task
from rows import Row, Scale

from confide.app.allocation import keep_block_memory, keep_piece_memory
from confide.app.system import SystemRandomness
from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.enclave_config import der_of_pem
from confide.core.features import Feature, Kind
from confide.core.platform_api import TaskKind
from confide.crypto.certificates import enclave_certificate
from confide.data.arrow import give_memory_back
from confide.data.blocks import arrow_schema, encode_block
from confide.data.dataset import MANIFEST_NAME, PreparedDataset, block_name
from confide.data.manifest import BlockEntry, Column, Manifest, SourceEntry
from confide.data.schema import IdColumn, IdType, LabelColumn
from confide.enclave.coordination.coordinator import Coordinator
from confide.enclave.serving.door import Door
from confide.enclave.serving.driver import Driver
from confide.enclave.serving.inbox import Inbox
from confide.enclave.work import Outcome, Step
from confide.party.initiator import Job
from confide.protocol import terms
from confide.protocol.kinds import Kind as Spoke
from confide.protocol.receipts import PrivatePart, RowCounts
from confide.protocol.roles import Role
from confide.session.conversation import converse
from confide.session.join import join
from confide.transport.enclave_client import PinnedEnclave
from confide.transport.enclave_server import serve_enclave
from confide.transport.pinned import fetch_certificate

FORK, SPAWN = multiprocessing.get_context("fork"), multiprocessing.get_context("spawn")
PARTIES = ("a", "b")
NUMBERS, CATEGORIES = 7, 13
KEYS = IdColumn("id", IdType.INTEGER), LabelColumn("label")
SEND_BYTES, RECEIVE_BYTES = 1 << 20, 1 << 18
SUITES = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256")


# --- prepared data ------------------------------------------------------------------------------------


def columns():
    found = [Column(f"n{at:02}", Kind.NUMERIC) for at in range(NUMBERS)]
    return (*found, *(Column(f"c{at:02}", Kind.CATEGORICAL) for at in range(CATEGORIES)))


def block_of(index, schema, rows, ids=None):
    """One block of the shape that `prepare` writes: skewed categories as hashes, whole numbers, a label."""
    drawn = np.random.default_rng(index)
    ids = drawn.permutation(rows) + index * rows if ids is None else ids
    arrays = []
    for field in schema:
        if pa.types.is_uint64(field.type):
            ranks = np.exp(drawn.random(rows) * 11.5).astype(np.uint64)
            arrays.append(ranks * np.uint64(0x9E3779B97F4A7C15))
        elif field.name == "label":
            arrays.append((drawn.random(rows) < 0.25).astype(np.float64))
        elif pa.types.is_floating(field.type):
            arrays.append(np.floor(np.expm1(drawn.random(rows) * 5)))
        else:
            arrays.append(ids)
    return encode_block(pa.record_batch([pa.array(array) for array in arrays], schema=schema))


def write_dataset(folder, mib, rows=limits.BLOCK_ROWS):
    """A prepared dataset of at least `mib` MiB."""
    folder.mkdir()
    entries = []
    while sum(entry.bytes for entry in entries) < mib * 2**20:
        entries.append(write_block(folder, len(entries), block_of(len(entries), schema(), rows), rows))
    write_manifest(folder, entries)


def schema():
    return arrow_schema(*KEYS, columns())


def write_block(folder, index, block, rows):
    (folder / block_name(index)).write_bytes(block)
    return BlockEntry(rows=rows, bytes=len(block), sha384=sha384_hex(block))


def write_manifest(folder, entries):
    total, (id_column, label) = sum(entry.rows for entry in entries), KEYS
    manifest = Manifest(
        id=id_column,
        label=label,
        columns=columns(),
        rows=total,
        blocks=tuple(entries),
        source=SourceEntry(sha384=sha384_hex(b""), bytes=0, rows=total),
        quarantined={},
    )
    (folder / MANIFEST_NAME).write_bytes(manifest.encode())


# --- ours: the upload of a task -----------------------------------------------------------------------


class NoWork:
    """Implements enclave.work.Work: what was uploaded is all that is wanted."""

    received = 0.0
    """Processor seconds of the enclave's process when everything had been received."""

    def run(self, _agreement, _model, shelves, randomness, _checkpoints):
        self.received = time.process_time()
        report = PrivatePart(salt=randomness.bytes(32), metrics={}, curve=())
        counts = {party: unmatched(shelf.manifest.rows) for party, shelf in shelves.items()}
        yield Step(outcome=Outcome(data=b"none", rows=counts, report=report))


class TimedCoordinator(Coordinator):
    """Notes how much the enclave's process has worked when the first party opens its commitment."""

    begun = 0.0

    def hear(self, party, spoken):
        if spoken.message.kind is Spoke.OPENING:
            self.begun = self.begun or time.process_time()
        yield from super().hear(party, spoken)


def unmatched(rows):
    return RowCounts(
        source=rows, quarantined_while_preparing=0, sent=rows, joined=0, unmatched=rows, quarantined=0
    )


def world_of(folder):
    datasets = {party: PreparedDataset.open(folder / party) for party in PARTIES}
    task = train_task(
        "a",
        ("b",),
        id=terms.IdColumn(name="id", type=terms.IdType.INTEGER),
        label=terms.Label(name="label", owner="a"),
        features={
            party: tuple(Feature(name=column.name, kind=column.kind) for column in dataset.manifest.columns)
            for party, dataset in datasets.items()
        },
        encoding=terms.Encoding(vocabulary="hashed", bits=18),
        baselines=(),
    )
    authority = Authority(FakeClock(int(time.time())))  # noqa: TID251 - TLS reads the real clock
    for party in PARTIES:
        authority.identity(party)
    jobs = [Job(task, "linear", {"epochs": 1}, datasets["a"])]
    world = World(authority, jobs, {"b": {TaskKind.TRAIN: datasets["b"]}}, work=NoWork())
    world.enclave = TimedCoordinator(world.enclave._context, world.enclave._work)  # noqa: SLF001
    return world


def serve(world, address):
    """The enclave's process, to its end. Every party takes its address from the queue."""
    give_memory_back()
    keep_piece_memory()
    inbox = Inbox()
    certificate = enclave_certificate(world.key, ["127.0.0.1"], world.clock.now(), SystemRandomness())
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
        error = Driver(world.enclave, inbox, lambda *_: None, threading.Event()).run()
        server.stop(5)
    return error


def enclave(world, address, results):
    error = serve(world, address)
    worked = world.enclave._work.received - world.enclave.begun  # noqa: SLF001
    results.put(("enclave", {"error": None if error is None else str(error), "processor": worked}))


class Stopwatch:
    """A conversation's note: wall and processor seconds from PASS to RECEIVED."""

    def __init__(self):
        self._moments = {}

    def __call__(self, _what, message, _state):
        self._moments.setdefault(message.kind, (time.perf_counter(), time.process_time()))

    @property
    def upload(self):
        begun, done = self._moments[Spoke.PASS], self._moments[Spoke.RECEIVED]
        return {"seconds": done[0] - begun[0], "processor": done[1] - begun[1]}


def speak(world, name, where, note):
    """A party's whole conversation with the enclave at `where`."""
    key, pem = world.authority.identity(name)
    tls = {"key_pem": key.to_pem_unencrypted(), "certificate_pem": pem}
    with PinnedEnclave(where, fetch_certificate(where).encode(), **tls) as pinned:
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
        converse(link, channel, script, note=note, cancelled=never, us=name)
        link.close()


def party(world, name, address, results):
    keep_block_memory()
    where, watch = address.get(), Stopwatch()
    suite = suite_of(where)
    speak(world, name, where, watch)
    results.put((name, {**watch.upload, "suite": suite}))


def suite_of(address):
    """The TLS 1.3 cipher suite that the enclave's server chooses when it is offered all of them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain) as secured:
        return secured.cipher()[0]


def sealed_upload(folder, store=None):
    """MB/s (10^6 bytes) of A's upload, the cipher suite below it, and each end's processor time per byte.

    `store`: where the enclave leaves the blocks, too.
    """
    world = world_of(folder)
    world.enclave._context.store = store  # noqa: SLF001
    address, results = FORK.SimpleQueue(), FORK.SimpleQueue()
    processes = [FORK.Process(target=enclave, args=(world, address, results))]
    processes += [FORK.Process(target=party, args=(world, name, address, results)) for name in PARTIES]
    for process in processes:
        process.start()
    found = dict(received(results, processes) for _ in processes)
    for process in processes:
        process.join()
    if found["enclave"]["error"] is not None:
        raise SystemExit(found["enclave"]["error"])
    size = sum(entry.bytes for entry in PreparedDataset.open(folder / "a").manifest.blocks)
    return outcome(found, "a", "enclave", size)


def outcome(found, sender, receiver, size):
    """What one repetition has shown. Processor time, other than speed, hardly depends on a busy machine."""
    return {
        "speed": size / found[sender]["seconds"] / 1e6,
        "suite": found[sender]["suite"],
        "sender_ns": found[sender]["processor"] / size * 1e9,
        "receiver_ns": found[receiver]["processor"] / size * 1e9,
    }


def received(results, processes):
    """What the next process has to tell. A process that failed has told why on standard error."""
    while results.empty():
        if any(process.exitcode for process in processes):
            for process in processes:
                process.kill()
            raise SystemExit("a process failed")
        time.sleep(0.02)
    return results.get()


# --- theirs: plain TLS --------------------------------------------------------------------------------


def tls_receiver(folder, total, ports, results):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(folder / "tls.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ports.put(listener.getsockname()[1])
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as secured:
            left, buffer, begun = total, bytearray(RECEIVE_BYTES), time.process_time()
            while left > 0:
                left -= secured.recv_into(buffer)
            secured.sendall(b"!")
            results.put(("receiver", {"processor": time.process_time() - begun}))


def tls_sender(total, port, results):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    piece = np.random.default_rng(0).bytes(SEND_BYTES)
    plain = socket.create_connection(("127.0.0.1", port))
    with context.wrap_socket(plain) as secured:
        started, begun = time.perf_counter(), time.process_time()
        for _ in range(total // SEND_BYTES):
            secured.sendall(piece)
        secured.recv(1)
        told = {"seconds": time.perf_counter() - started, "processor": time.process_time() - begun}
        results.put(("sender", {**told, "suite": secured.cipher()[0]}))


def plain_tls(folder, mib, suite):
    """As `sealed_upload`. OpenSSL's configuration file chooses the suite: Python's `ssl` can't."""
    configuration = folder / f"{suite}.cnf"
    configuration.write_text(
        f"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nCiphersuites = {suite}\n"
    )
    ports, results = SPAWN.SimpleQueue(), SPAWN.SimpleQueue()
    os.environ["OPENSSL_CONF"] = str(configuration)
    try:
        receiver = SPAWN.Process(target=tls_receiver, args=(folder, mib << 20, ports, results))
        receiver.start()
        sender = SPAWN.Process(target=tls_sender, args=(mib << 20, ports.get(), results))
        sender.start()
    finally:
        del os.environ["OPENSSL_CONF"]
    found = dict(received(results, (receiver, sender)) for _ in range(2))
    for process in (receiver, sender):
        process.join()
    if found["sender"]["suite"] != suite:
        raise SystemExit(f"asked for {suite}, got {found['sender']['suite']}")
    return outcome(found, "sender", "receiver", mib << 20)


def write_tls_identity(folder):
    authority = Authority(FakeClock(int(time.time())))  # noqa: TID251 - TLS reads the real clock
    key, pem = authority.identity("a")
    (folder / "tls.pem").write_bytes(key.to_pem_unencrypted() + pem)


# --- both ---------------------------------------------------------------------------------------------


def measure(mib, repeat):
    """Every repetition, by what was measured."""
    folder = Path(tempfile.mkdtemp(prefix="confide-transfer-"))
    try:
        write_tls_identity(folder)
        write_dataset(folder / "a", mib)
        write_dataset(folder / "b", 0.01, rows=256)
        found = {name: [] for name in ("sealed", *SUITES)}
        for _ in range(repeat):
            for name in SUITES:
                found[name].append(plain_tls(folder, mib, name))
            found["sealed"].append(sealed_upload(folder))
    finally:
        shutil.rmtree(folder)
    return found


def compared(mib, repeat):
    """One entry per comparison: name, ours, theirs, ratio, unit; and all repetitions."""
    found = measure(mib, repeat)
    below = found["sealed"][0]["suite"]
    for name in SUITES:
        title = f"sealed upload against plain TLS 1.3, {name}" + (
            " (the enclave's choice)" if name == below else ""
        )
        row = Row(title, fastest(found["sealed"]), fastest(found[name]), "MB/s")
        yield row, {"ours": found["sealed"], "theirs": found[name]}


def rows(scale):
    """See rows.py."""
    mib, repeat = (1024, 5) if scale is Scale.FULL else (512, 3)
    return (row for row, _ in compared(mib, repeat))


def fastest(repetitions):
    return max(repetition["speed"] for repetition in repetitions)


def main():
    parser = argparse.ArgumentParser(description="Sealed transfer against plain TLS, over loopback.")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    given = parser.parse_args()
    found = list(compared(given.mib, given.repeat))
    if given.format == "json":
        print(json.dumps([row.document() | {"repetitions": repetitions} for row, repetitions in found]))
        return
    for row, both in found:
        print(f"{row.name}: {row.ours:,.0f} against {row.theirs:,.0f} MB/s: {row.ratio:.0%}")
        for side, repetitions in both.items():
            speeds = " ".join(f"{repetition['speed']:6.0f}" for repetition in repetitions)
            costs = [min(r[end] for r in repetitions) for end in ("sender_ns", "receiver_ns")]
            print(f"  {side:6} {speeds}   processor: {costs[0]:.2f} + {costs[1]:.2f} ns/byte")


if __name__ == "__main__":
    main()
