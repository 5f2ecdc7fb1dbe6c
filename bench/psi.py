"""Private set intersection through the host's relay against the same linked directly; the enclave's join.

    python bench/psi.py [--part ratio] [--part scale] [--part unbalanced] [--part join]
        [--ids 1000000] [--large 10000000] [--few 10000] [--protocol rr22] [--repeats 2] [--out FILE]

Host and both parties are processes of their own; half of the ids are common. A time is that of the slower
party, from its ids to its rows: file, tunnel, intersection, outcome; linked directly, without the time that
the library takes to find its peer. A party's memory is its process's peak plus its worker's. Parts (all but
`scale` where none is named):

    ratio        `--ids` each, through the tunnel and linked directly
    scale        `--ids` each and `--large` each, through the tunnel
    unbalanced   `--few` ids against `--ids`, all of the few common: RR22; and unbalanced, where the
                 provider's ids are evaluated for the first time, and the next time
    join         the enclave's: in any order, of integers and of texts, and its check of the agreed order
"""

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
from rows import Row, Scale, Skipped

from confide.app.system import SystemClock, SystemRandomness
from confide.core import limits
from confide.core.errors import MpcUnavailable
from confide.core.platform_api import Caller, Role
from confide.crypto.ca import init_ca, issue
from confide.crypto.cache_key import CacheKey
from confide.crypto.certificates import verify_certificate, verify_role
from confide.crypto.identity import IdentityRole, request_identity
from confide.crypto.keys import KeyKind, PrivateKey
from confide.data.alignment.agreed_order import first_out_of_order, order_of
from confide.data.alignment.join import join
from confide.mpc.cache import Cache
from confide.mpc.end_to_end import Ends, SecureLink
from confide.mpc.greeting import KEPT, Greeting
from confide.mpc.intersection import Settings, intersecting
from confide.mpc.tunnel import Tunnel
from confide.mpc.worker_process import check_library
from confide.platform.relay import Relay
from confide.transport.host_client import HostClient
from confide.transport.host_server import serve_host

ROOT = Path(__file__).resolve().parent.parent
TASK = "0" * 32
NAMES = ("alice", "bob")
KIND = KeyKind.P_384
SMALL, FULL, LARGE, FEW = 200_000, 1_000_000, 10_000_000, 10_000
MIB = 1 << 20


@dataclass(frozen=True)
class Identity:
    """As bytes, for another process."""

    key: bytes
    certificate: bytes
    ca: bytes

    @property
    def tls(self):
        key = PrivateKey.from_der(bytearray(self.key)).to_pem_unencrypted()
        return {"key_pem": key, "certificate_pem": self.certificate, "ca_pem": self.ca}


def identities():
    now, randomness = SystemClock().now(), SystemRandomness()
    ca_key, ca_pem = init_ca("bench-ca", KIND, now, randomness)

    def made(name, role, hosts=()):
        key = PrivateKey.generate(KIND)
        request = request_identity(key, name, role, hosts)
        return Identity(key.to_der(), issue(ca_key, ca_pem, request, now, randomness), ca_pem)

    parties = {name: made(name, IdentityRole.PARTY) for name in NAMES}
    return made("cloud", IdentityRole.PLATFORM, ("127.0.0.1",)), parties


def python():
    """Of the environment with the library: our own, or that of `make install-mpc`."""
    for candidate in (
        os.environ.get("CONFIDE_MPC_PYTHON", ""),
        str(ROOT / ".venv-mpc" / "bin" / "python"),
        "",
    ):
        with contextlib.suppress(MpcUnavailable):
            check_library(candidate)
            return candidate
    raise Skipped("spu is not installed: make install-mpc")


# --- processes ----------------------------------------------------------------------------------------


class OnlyRelaying:
    """The host's relay, without tasks: who may use it is decided before any byte of it."""

    def __init__(self):
        self._relay = Relay()

    def relay(self, caller, request, leg):
        return self._relay.carry(request.task, caller.name, request.peer, leg)


def host(identity, pipe):
    def identify(certificate):
        found = verify_certificate(certificate, identity.ca, SystemClock().now())
        return Caller(name=found.name, role=Role(found.role.value), certificate=certificate)

    with serve_host("127.0.0.1:0", OnlyRelaying(), identify=identify, **identity.tls) as server:
        pipe.send(server.address)
        pipe.recv()


def ids_of(place, count):
    """Half of them are the other's, too; in an order of its own."""
    ids = np.arange(count, dtype=np.int64) + place * (count // 2)
    return np.random.default_rng(place).permutation(ids * 7_919)


@contextlib.contextmanager
def direct(target, ports, place):
    """No tunnel: the peer's address is the peer's."""
    ports[place].put(target())
    heard = [KEPT, Greeting(found=False, fresh=f"{1 - place}" * 32).encode()]
    yield SimpleNamespace(
        port=ports[1 - place].get(),
        over=False,
        error=None,
        sent=0,
        received=0,
        say=lambda _: None,
        hear=lambda _: heard.pop(),
    )


@contextlib.contextmanager
def through_host(target, address, place, identity):
    peer = NAMES[1 - place]

    def check(certificate):
        found = verify_role(certificate, identity.ca, SystemClock().now(), IdentityRole.PARTY)
        if found.name != peer:
            raise SystemExit(f"{found.name} at the other end")

    with HostClient(address, **identity.tls) as client:
        leg = client.relay(TASK, peer)
        leg.receive(60)
        ends = Ends(
            key=PrivateKey.from_der(bytearray(identity.key)),
            certificate_pem=identity.certificate,
            ca_pem=identity.ca,
            check_peer=check,
            client=place == 0,
            purpose=hashlib.sha384(b"bench").hexdigest(),
            randomness=SystemRandomness(),
        )
        with Tunnel(SecureLink(leg, ends), target, first=place == 0) as tunnel:
            yield tunnel


def party(place, counts, how, started, pipe):
    """One side of one intersection. `counts`: of ids at each side."""
    ids, expected = brought(place, counts)
    identity = PrivateKey.from_der(bytearray(how["identities"][NAMES[place]].key))
    caches = Path(how["caches"]) / NAMES[place]
    settings = Settings(
        protocol=how["protocol"],
        both_learn=True,
        receiver=place == 0,
        name="bench",
        folder=Path(how["folder"]) / NAMES[place],
        python=how["python"],
        cache=Cache(caches, CacheKey(identity, NAMES[place]), SystemRandomness()),
    )

    def opened(target):
        if "ports" in how:
            return direct(target, how["ports"], place)
        return through_host(target, how["address"], place, how["identities"][NAMES[place]])

    started.wait()
    began = time.perf_counter()
    with intersecting(
        ids,
        settings,
        randomness=SystemRandomness(),
        tell=lambda *_: None,
        cancelled=threading.Event(),
    ) as attempts:
        found = attempts.attempt(opened, lambda _: None)
    seconds = time.perf_counter() - began
    if len(found.rows) != expected:
        raise SystemExit(f"{len(found.rows)} ids in common, {expected} expected")
    own, worker = (
        resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    # Until its port listens a direct peer refuses, and the library waits before it tries again: not our gain.
    waited = found.linking if "ports" in how else 0
    traffic = found.sent + found.received
    pipe.send({"seconds": seconds - waited, "bytes": own + worker, "traffic": traffic})


def brought(place, counts):
    """(ids, how many of them are common): half of as many, or all of the few."""
    few, many = min(counts), max(counts)
    if few == many:
        return pa.array(ids_of(place, many)), many - many // 2
    ids = ids_of(0, many)
    return pa.array(ids if counts[place] == many else ids[:few]), few


def both(context, counts, how):
    """The slower side's seconds, the larger peak, the bytes that went through the tunnel."""
    started, pipes, processes = context.Barrier(2), [], []
    for place in (0, 1):
        ours, theirs = context.Pipe()
        process = context.Process(target=party, args=(place, counts, how, started, theirs))
        process.start()
        pipes.append(ours)
        processes.append(process)
    found = []
    for pipe, process in zip(pipes, processes, strict=True):
        while not pipe.poll(1):
            if process.exitcode is not None and not pipe.poll(0):
                raise SystemExit(f"a party ended with {process.exitcode}")
        found.append(pipe.recv())
    for process in processes:
        process.join()
    return {
        "seconds": max(side["seconds"] for side in found),
        "bytes": max(side["bytes"] for side in found),
        "traffic": found[0]["traffic"],
    }


@contextlib.contextmanager
def world(protocol):
    """How to intersect, directly and through a host that runs."""
    interpreter = python()
    context = multiprocessing.get_context("spawn")
    cloud, parties = identities()
    ours, theirs = context.Pipe()
    relay = context.Process(target=host, args=(cloud, theirs))
    relay.start()
    address = ours.recv()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        stack.callback(relay.join)
        stack.callback(ours.send, None)
        common = {
            "python": interpreter,
            "folder": folder,
            "caches": f"{folder}-caches",
            "identities": parties,
        }
        stack.callback(shutil.rmtree, common["caches"], ignore_errors=True)
        linked = {**common, "ports": (context.Queue(), context.Queue())}
        tunnelled = {**common, "address": address}

        def run(counts, how, chosen=protocol):
            ways = tunnelled if how == "tunnel" else linked
            return both(context, counts, {**ways, "protocol": chosen})

        yield run


# --- the enclave's side -------------------------------------------------------------------------------


def join_seconds(count):
    """The best of three of each: join in any order, check of the agreed order; all ids are common to both."""
    numbers = ids_of(0, count)
    shuffled = np.random.default_rng(5).permutation(count)
    found = {"rows": count}
    for kind, ids in (("integer", pa.array(numbers)), ("text", texts(numbers))):
        tables = {"alice": pa.table({"id": chunks(ids)}), "bob": pa.table({"id": chunks(ids.take(shuffled))})}
        found[f"join_{kind}"] = min(seconds_of(lambda tables=tables: joined(tables, count)) for _ in range(3))
    whole = pa.array(numbers)
    ordered = whole.take(pa.array(order_of(whole)))
    found["order"] = min(seconds_of(lambda: in_order(ordered)) for _ in range(3))
    return found


def texts(numbers):
    return pa.array(numbers).cast(pa.string())


def chunks(ids):
    """As blocks bring them."""
    return pa.chunked_array(
        [ids.slice(at, limits.BLOCK_ROWS) for at in range(0, len(ids), limits.BLOCK_ROWS)]
    )


def seconds_of(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def joined(tables, count):
    if join(tables, dict.fromkeys(tables, "id")).size != count:
        raise SystemExit("rows are missing")


def in_order(ids):
    if any(first_out_of_order(ids) is not None for _ in NAMES):
        raise SystemExit("out of order")


def repeated(intersected, count, repeats):
    """The best of some runs of each, taking turns."""
    found = {"direct": [], "tunnel": []}
    for _ in range(repeats):
        for how, times in found.items():
            times.append(intersected((count, count), how))
    return {how: min(times, key=lambda done: done["seconds"]) for how, times in found.items()}


def unbalanced(intersected, few, many):
    """RR22 knows no side; unbalanced: with no cache, and with what the run before has left."""
    return {
        "rr22": intersected((few, many), "tunnel", "rr22"),
        "first": intersected((few, many), "tunnel", "unbalanced"),
        "again": intersected((few, many), "tunnel", "unbalanced"),
    }


def rows(scale):
    count = FULL if scale is Scale.FULL else SMALL
    with world("rr22") as intersected:
        best = repeated(intersected, count, 2)
        direct_seconds, tunnel = best["direct"]["seconds"], best["tunnel"]
        yield Row(
            f"PSI of {count:,} ids: through the tunnel, directly", tunnel["seconds"], direct_seconds, "s"
        )
        if scale is Scale.FULL:
            large = intersected((LARGE, LARGE), "tunnel")
            yield Row(
                f"PSI through the tunnel: {LARGE:,} ids, {count:,} ids",
                large["seconds"],
                tunnel["seconds"],
                "s",
            )
            yield Row(f"PSI of {LARGE:,} ids: peak of a party", large["bytes"] / MIB, None, "MiB")
        found = unbalanced(intersected, FEW, count)
        first, again = (found[name]["seconds"] for name in ("first", "again"))
        yield Row(f"PSI of {FEW:,} ids with {count:,}: RR22, first", found["rr22"]["seconds"], first, "s")
        yield Row(f"PSI of {FEW:,} ids with {count:,}: RR22, again", found["rr22"]["seconds"], again, "s")
    found = join_seconds(LARGE if scale is Scale.FULL else FULL)
    of = f"{found['rows']:,} ids at each of two parties"
    yield Row(
        f"enclave: agreed order checked, join in any order, {of}", found["order"], found["join_integer"], "s"
    )
    yield Row(
        f"enclave: join in any order, texts, integers, {of}", found["join_text"], found["join_integer"], "s"
    )


PARTS = ("ratio", "scale", "unbalanced", "join")


def measured(given, parts, found):
    """Part by part, into `found`."""
    with world(given.protocol) as intersected:
        if "ratio" in parts:
            found["ratio"] = repeated(intersected, given.ids, given.repeats)
            tunnel, direct_ = (found["ratio"][how]["seconds"] for how in ("tunnel", "direct"))
            yield f"through the tunnel / linked directly: {tunnel / direct_:.2f}"
        if "scale" in parts:
            sizes = {name: (count, count) for name, count in (("ids", given.ids), ("large", given.large))}
            found["scale"] = {name: intersected(counts, "tunnel") for name, counts in sizes.items()}
            small, large = (found["scale"][name] for name in sizes)
            yield f"large / ids: {large['seconds'] / small['seconds']:.1f}"
            yield f"peak of a party: {large['bytes'] / MIB:.0f} MiB"
        if "unbalanced" in parts:
            found["unbalanced"] = unbalanced(intersected, given.few, given.ids)
            rr22, first, again = (run["seconds"] for run in found["unbalanced"].values())
            yield f"unbalanced / RR22: first {first / rr22:.2f}, again {again / rr22:.2f}"
    if "join" in parts:
        found["join"] = join_seconds(given.large if "scale" in parts else given.ids)
        integers, texts, order = (found["join"][name] for name in ("join_integer", "join_text", "order"))
        yield f"join of integers {integers:.2f} s, of texts {texts:.2f} s; check of the order {order:.2f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--ids", type=int, default=FULL)
    parser.add_argument("--large", type=int, default=LARGE)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--protocol", default="rr22")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = {}
    for line in measured(given, given.part or [part for part in PARTS if part != "scale"], found):
        print(line, flush=True)
    print(json.dumps(found, indent=2))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
