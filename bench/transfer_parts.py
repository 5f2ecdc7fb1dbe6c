"""What each part of a sealed upload costs by itself: nanoseconds of processor time per byte.

    python bench/transfer_parts.py [--mib 128] [--repeat 5]

The product's own functions over blocks as `transfer.py` makes them, one part after another; gRPC with both of
its ends in one process, carrying envelopes that were sealed before. The least of the repetitions counts. The
parts together are less than the upload, where they wait for each other, wake each other and share the caches.
"""

import argparse
import shutil
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from transfer import world_of, write_dataset

from confide.app.allocation import keep_block_memory
from confide.app.system import SystemRandomness
from confide.core import limits
from confide.crypto.certificates import enclave_certificate
from confide.crypto.fresh_memory import fresh
from confide.crypto.sealed import session_keys
from confide.data.block_digests import LANES, digests_of
from confide.data.dataset import PreparedDataset
from confide.transport import wire
from confide.transport.enclave_client import PinnedEnclave
from confide.transport.enclave_server import serve_enclave
from confide.transport.pieces import pieces_of
from confide.transport.pinned import fetch_certificate


def parts_of_work(dataset, carry):
    """Each handles all blocks of `dataset` once."""
    indices = range(len(dataset.manifest.blocks))
    blocks = [dataset.stored_block(index) for index in indices]
    sealed = list(envelopes(blocks))
    return {
        "sender: read from the disk's cache": lambda: each(dataset.stored_block, indices),
        "sender: seal": lambda: each(len, envelopes(blocks)),
        "sender: frame for gRPC": lambda: each(frame, sealed),
        "both: gRPC with its TLS, framing included": lambda: carry(sealed),
        "receiver: open into new pages": lambda: open_all(sealed),
        "receiver: of that, the new pages": lambda: each(fresh, map(len, blocks)),
        "receiver: digests, eight blocks side by side": lambda: each(
            digests_of, (blocks[start : start + LANES] for start in range(0, len(blocks), LANES))
        ),
    }


def each(work, items):
    """What it gives is let go of at once, as it is where blocks pass through."""
    for item in items:
        work(item)


def envelopes(blocks):
    sealing, _ = session_keys(bytes(32), b"bench", side="party")
    return (sealing.seal(b"", 0, block) for block in blocks)


def frame(envelope):
    for piece in pieces_of(envelope):
        wire.encode_envelope(piece)


def open_all(sealed):
    _, opening = session_keys(bytes(32), b"bench", side="enclave")
    for envelope in sealed:
        opening.open(envelope, max_epoch=0)


@contextmanager
def carrying(world):
    """What carries envelopes over pinned mutual TLS, to a handler that lets go of each."""
    come = threading.Semaphore(0)

    def take(_certificate, link):
        while True:
            link.receive()
            come.release()

    certificate = enclave_certificate(world.key, ["127.0.0.1"], world.clock.now(), SystemRandomness())
    key, pem = world.authority.identity("a")
    tls = {"key_pem": key.to_pem_unencrypted(), "certificate_pem": pem}
    with serve_enclave(
        "127.0.0.1:0",
        key_pem=world.key.to_pem_unencrypted(),
        certificate_pem=certificate,
        ca_pem=world.authority.pem,
        attest=lambda _: None,
        on_channel=take,
    ) as server:
        pinned_pem = fetch_certificate(server.address).encode()
        with PinnedEnclave(server.address, pinned_pem, **tls) as pinned:
            link = pinned.open_channel()

            def carry(sealed):
                for envelope in sealed:
                    link.send(envelope)
                if not all(come.acquire(timeout=limits.STALL_SECONDS) for _ in sealed):
                    raise SystemExit("the envelopes did not arrive")

            carry([b"first"])  # connects
            yield carry


def cost(work, size):
    begun = time.process_time()
    work()
    return (time.process_time() - begun) / size * 1e9


def measure(mib, repeat):
    """(part, ns of processor time per byte)."""
    keep_block_memory()
    folder = Path(tempfile.mkdtemp(prefix="confide-parts-"))
    try:
        write_dataset(folder / "a", mib)
        write_dataset(folder / "b", 0.01, rows=256)
        dataset = PreparedDataset.open(folder / "a")
        size = sum(entry.bytes for entry in dataset.manifest.blocks)
        with carrying(world_of(folder)) as carry:
            for name, work in parts_of_work(dataset, carry).items():
                yield name, min(cost(work, size) for _ in range(repeat))
    finally:
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description="What each part of a sealed upload costs.")
    parser.add_argument("--mib", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    for name, nanoseconds in measure(given.mib, given.repeat):
        print(f"{name:48} {nanoseconds:.2f} ns/byte", flush=True)


if __name__ == "__main__":
    main()
