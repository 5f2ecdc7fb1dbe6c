"""What stands in the place of a plain file."""

import os
import socket
from pathlib import Path

from bad_input.samples import Sample, add_file, text


def _link_to(target):
    def write(path):
        path.symlink_to(target)

    return write


def _link_to_file(path):
    target = path.with_suffix(".real")
    target.write_bytes(text())
    path.symlink_to(target)


def _closed(path):
    path.write_bytes(text())
    path.chmod(0)


def _socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


add_file("symbolic-link", "No plain file", "a symbolic link to a file", _link_to_file)
add_file("absent", "No plain file", "no such file", lambda path: None, usable=False)
add_file("directory", "No plain file", "a directory", lambda path: path.mkdir(), usable=False)
add_file("link-to-nothing", "No plain file", "a symbolic link to nothing", _link_to("nowhere"), usable=False)
add_file(
    "link-to-itself",
    "No plain file",
    "a symbolic link to itself",
    lambda path: path.symlink_to(path.name),
    usable=False,
)
add_file("pipe", "No plain file", "a named pipe that nobody writes to", os.mkfifo, usable=False)
add_file("socket", "No plain file", "a socket", _socket, usable=False)
add_file("device", "No plain file", "an endless device", _link_to("/dev/zero"), usable=False)

FOR_USERS = Sample("unreadable", "No plain file", "a file without permission to read", _closed, usable=False)
"""Root may read it all the same."""
