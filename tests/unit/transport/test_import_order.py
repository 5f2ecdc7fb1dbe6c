"""gRPC reads its cipher list once: whoever imports it before us must not get TLS 1.2 by that."""

import os
import subprocess
import sys

import pytest

CIPHERS = "GRPC_SSL_CIPHER_SUITES"


def python(program, **environment):
    clean = {name: value for name, value in os.environ.items() if name != CIPHERS}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("ciphers", [{}, {CIPHERS: "ECDHE-ECDSA-AES256-GCM-SHA384"}])
def test_grpc_before_us_is_refused(ciphers):
    ended = python("import grpc, confide.transport", **ciphers)
    assert ended.returncode == 1
    assert "grpc was imported before confide.transport" in ended.stderr


def test_grpc_after_us():
    assert python("import confide.transport, grpc, confide.transport.serving").returncode == 0


def test_another_cipher_list_of_the_environment_does_not_count():
    program = f"import confide.transport, os; print(os.environ['{CIPHERS}'])"
    assert (
        python(program, **{CIPHERS: "ECDHE-ECDSA-AES256-GCM-SHA384"}).stdout == "ECDHE-PSK-AES256-CBC-SHA\n"
    )
