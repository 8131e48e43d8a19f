"""Where the test tools are, and how a script gets to run inside their Python environment.

Uses the standard library only: it runs before anything is installed.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where cargo builds, and where everything is installed that the tests need.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()
TOOLS = TARGET / "tools"
INSTALL = ROOT / "tests" / "tools" / "install"
VENV_PYTHON = TOOLS / "venv" / "bin" / "python3"
NODE_MODULES = TOOLS / "node" / "node_modules"
GO_CLIENTS = TARGET / "clients" / "go"
MINIO = TOOLS / "minio" / "minio"
RUST_CLIENTS = TARGET / "clients" / "debug" / "sdk-clients"

# One case, or the start of the servers.
CASE_SECONDS = 600


def agent_binary() -> Path:
    """The binary under test: STSIDECAR_BIN, else the debug build."""
    binary = Path(os.environ.get("STSIDECAR_BIN") or TARGET / "debug" / "stsidecar")
    if not binary.exists():
        sys.exit(f"there is no {binary}: run `cargo build`, or set STSIDECAR_BIN")
    return binary.absolute()


def all_tiers() -> bool:
    """Whether a tier that cannot run here is a failure, as in CI."""
    return os.environ.get("ALL_TIERS") == "1"


def install(*groups: str) -> str | None:
    """Installs groups of tools. Returns None, or in one line why it could not and the command to try again."""
    lines = []
    with subprocess.Popen([sys.executable, INSTALL, *groups], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        for line in running.stderr:
            if line.startswith("installing "):
                print(line.rstrip(), file=sys.stderr, flush=True)
            elif line.strip():
                lines.append(line.strip())
    return "; ".join([*lines[:2], *lines[2:][-1:]]) if running.returncode else None


class OutOfTime(Exception):
    """A case did not end by itself."""


@contextlib.contextmanager
def limit(what: str):
    """Ends what hangs, through its `with` blocks, so that nothing is left running. It measures nothing: the slowest
    machine that was tried needs a tenth of it."""

    def out_of_time(*_: object) -> None:
        raise OutOfTime(f"{what} did not end within {CASE_SECONDS} s")

    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(CASE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def inside_venv(*groups: str) -> None:
    """Returns inside the environment that has `groups`: installs them and starts this script again there."""
    if Path(sys.prefix) == VENV_PYTHON.parents[1]:
        return
    failure = subprocess.run([sys.executable, INSTALL, *groups], stdout=sys.stderr).returncode
    if failure:
        sys.exit(failure)
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])
