"""Peak memory and processor time of processes, as the kernel keeps them (proc(5)): VmHWM of
/proc/PID/status, in MiB, and utime and stime of /proc/PID/stat, in seconds.

Not ru_maxrss: a process inherits that from the one that forked it, whatever it executes then.
"""

import os
import threading
from pathlib import Path

LOOK_SECONDS = 0.2


def peak_of(pid):
    """Raises OSError when there is no such process, or no longer."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = next((line for line in lines if line.startswith("VmHWM")), None)
    if found is None:
        raise ProcessLookupError(pid)
    return int(found.split()[1]) / 1024


def seconds_of(pid):
    """Of all its threads so far, in user and in system mode. Raises OSError."""
    return sum(map(int, _facts(Path(f"/proc/{pid}"))[11:13])) / os.sysconf("SC_CLK_TCK")


def own_peak():
    return peak_of(os.getpid())


class Watch:
    """Peaks and seconds of the processes below this one, by the name that `name_of(pid, arguments)` gives.

    Both only rise, so of each process nothing is missed but its last LOOK_SECONDS. Under a name that several
    processes have: the highest peak, the sum of the seconds. None is no name.
    """

    def __init__(self, name_of):
        self.peaks, self._seconds = {}, {}
        self._name_of, self._done = name_of, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def seconds(self):
        """Processor seconds by name."""
        found = dict.fromkeys(self.peaks, 0.0)
        for (name, _), seconds in self._seconds.items():
            found[name] += seconds
        return found

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _run(self):
        while not self._done.wait(LOOK_SECONDS):
            for pid in descendants(os.getpid()):
                self._look(pid)

    def _look(self, pid):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            name, peak, seconds = self._name_of(pid, arguments), peak_of(pid), seconds_of(pid)
        except OSError:
            return  # it has ended since
        if name is not None:
            self.peaks[name] = max(self.peaks.get(name, 0), peak)
            self._seconds[name, pid] = seconds


def descendants(pid):
    """Ids of the children, their children, and so on."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            children.setdefault(_parent(entry), []).append(int(entry.name))
    found, unseen = [], [pid]
    while unseen:
        below = children.get(unseen.pop(), [])
        found += below
        unseen += below
    return found


def _facts(entry):
    """The fields of its stat from the third on; the name before them may hold anything, and ends with ")"."""
    return (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _parent(entry):
    try:
        return int(_facts(entry)[1])
    except OSError:
        return None  # it has ended since
