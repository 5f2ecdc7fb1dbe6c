import resource
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from confide.app.allocation import keep_block_memory
if len(sys.argv) > 1 and not keep_block_memory():
    sys.exit(3)
size, kept = 5 << 20, []
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
    done = subprocess.run([sys.executable, "-c", FAULTS, *arguments], capture_output=True, check=False)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    return int(done.stdout)


def test_memory_of_blocks_is_used_again():
    """Fifty blocks of 5 MiB, four at a time: new memory for four, not for each."""
    pages = (5 << 20) // resource.getpagesize()
    assert faults("keep") < 8 * pages < faults()
