"""The host keeps the enclave's standard error: no text of an error or log record may reach it."""

import subprocess
import sys

PROGRAM = """
import logging, threading
from confide.enclave.serving import faults_log

faults_log.replace_hooks()

def fail():
    raise ValueError("canary-4711")

thread = threading.Thread(target=fail)
thread.start()
thread.join()
logging.getLogger("x").error("about %s", "canary-4711")
try:
    fail()
except ValueError:
    logging.getLogger("x").exception("canary-4711")
fail()
"""


def test_types_and_places_are_written_and_nothing_else():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "canary" not in done.stdout + done.stderr
    assert done.stderr.count("internal failure: ValueError") == 3
    assert "fail" in done.stderr
