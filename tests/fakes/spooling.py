"""A World whose enclave works out of core, however small the data is."""

import dataclasses
from unittest import mock

from fakes.ports import SeededRandomness

from confide.enclave.coordination import rounds
from confide.enclave.storage.plan import choose
from confide.enclave.storage.spool import SpoolFolder
from confide.enclave.storage.vault import Vault


def run_out_of_core(ran, folder, shard_rows):
    """Run a World with so many rows in memory at a time; its spools are in `folder`."""
    context = ran.enclave._context
    context.spools, context.memory = SpoolFolder(folder, SeededRandomness("spool")), 1 << 30
    ran.enclave._course.vault = Vault(context.spools)

    def chosen(*given, **named):
        return dataclasses.replace(choose(*given, **named), shard_rows=shard_rows)

    try:
        with mock.patch.object(rounds, "choose", chosen):
            ran.run()
    finally:
        ran.enclave.wipe()
