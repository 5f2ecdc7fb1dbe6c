import resource
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from confide.app import allocation
if len(sys.argv) > 2 and not getattr(allocation, sys.argv[2])():
    sys.exit(3)
size, kept = int(sys.argv[1]) << 20, []
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for turn in range(60):
    if turn == 10:
        begun = faults()
    kept = [*kept[-3:], bytes([turn]) * size]
    if turn % 8 == 7:
        kept.clear()
print(faults() - begun)
"""


def faults(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, *map(str, arguments)], capture_output=True, check=False
    )
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    return int(done.stdout)


def test_memory_of_blocks_is_used_again():
    """Fifty blocks of 5 MiB, four at a time: new memory for four, not for each."""
    pages = (5 << 20) // resource.getpagesize()
    assert faults(5, "keep_block_memory") < 8 * pages < faults(5)


def test_an_enclave_uses_memory_of_pieces_again_and_gives_that_of_blocks_back():
    pages = (1 << 20) // resource.getpagesize()
    assert faults(1, "keep_piece_memory") < 8 * pages < faults(1)
    assert faults(5, "keep_piece_memory") > 40 * 5 * pages
