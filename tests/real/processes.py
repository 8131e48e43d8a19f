"""Children that never outlive us, free loopback ports, and waiting that always ends."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Loaded here, because between fork and exec nothing may be imported.
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """Something was not as promised; the text says what was seen."""


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start(command: Sequence[str | Path], log: Path, environment: dict[str, str], cwd: Path | None = None) -> subprocess.Popen:
    """Starts a child that writes to `log` and is killed by the kernel when we end, however we end.

    Call it from the main thread: the kernel means the thread that started the child.
    """
    with open(log, "ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=cwd, preexec_fn=_die_with_parent
        )


def stop(process: subprocess.Popen, grace: float = 5.0) -> int:
    """SIGTERM, then SIGKILL after `grace` seconds. Returns the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def until(what: str, probe: Callable[[], T | None], seconds: float, every: float = 0.02) -> T:
    """The first true answer of `probe`; fails, naming `what` was awaited, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:g} s")
        time.sleep(every)


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def bare_environment(home: Path) -> dict[str, str]:
    """What every child gets: no AWS setting, no proxy and no home of the user who runs the tests."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(home)}


def listening_addresses(pid: int, ports: Collection[int]) -> set[str]:
    """The addresses on which a process listens with TCP, as the kernel has them.

    Sees every socket of the process; where it may not look at them (the agent is not dumpable, and only root may
    then), the sockets on `ports`.
    """
    try:
        inodes = set(_socket_inodes(pid))
    except PermissionError:
        inodes = None
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            ours = int(port, 16) in ports if inodes is None else fields[9] in inodes
            if fields[3] == "0A" and ours:
                found.add(_address(family, address))
    return found


def _socket_inodes(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                yield target[len("socket:[") : -1]


def _address(family: int, text: str) -> str:
    """An address of /proc/net/tcp: words of 32 bits, each with its bytes in the machine's (little) order."""
    raw = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    return socket.inet_ntop(family, raw)
