"""Builds the compiled libraries: the core that trains, and the quick steps of the data path.

Everything else about the package stands in pyproject.toml.

They are plain C and know nothing of Python: they are loaded with ctypes, so no header of Python is needed,
and the core picks its instructions when it runs, so one build serves every processor of an architecture. A C
compiler is needed (GCC 12 or newer): $CC, or gcc, or cc. With CONFIDE_WITHOUT_CORE=1 NumPy does the work.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = {
    "confide.algorithms.engine._kernel": Path("src/confide/algorithms/engine/native"),
    "confide.data._hash": Path("src/confide/data/native"),
    "confide.data.prepare._rows": Path("src/confide/data/prepare/native"),
}
"""Each library, and where its C files are."""
FLAGS = "-std=gnu11 -O3 -fPIC -shared -pthread -fno-math-errno -Wall -Wextra -Wl,-z,relro,-z,now"


class BuildCore(build_ext):
    """Compiles the sources of an extension to one shared library, in one run of the compiler."""

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [*compiler(), *shlex.split(FLAGS), *ext.sources, "-o", str(target), "-lm"]
        self.announce(shlex.join(command), level=2)
        subprocess.run(command, check=True)  # noqa: S603 - our own compiler line


def compiler() -> list[str]:
    """As $CC says, or the first that is there."""
    chosen = os.environ.get("CC")
    if chosen:
        return shlex.split(chosen)
    for name in ("gcc", "cc"):
        found = shutil.which(name)
        if found:
            return [found]
    raise SystemExit(
        "Confide's core needs a C compiler (gcc); or set CONFIDE_WITHOUT_CORE=1 and train in NumPy"
    )


LIBRARIES = [
    Extension(
        name,
        sources=sorted(str(source) for source in folder.glob("*.c")),
        depends=sorted(str(header) for other in SOURCES.values() for header in other.glob("*.h")),
    )
    for name, folder in SOURCES.items()
]

setup(
    ext_modules=[] if os.environ.get("CONFIDE_WITHOUT_CORE") else LIBRARIES,
    cmdclass={"build_ext": BuildCore},
)
