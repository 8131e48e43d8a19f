"""The programs that the tests put into the cluster, as images: the application, and the store with its gate."""

import subprocess
import sys
from pathlib import Path

from real.bootstrap import GO_CLIENTS, ROOT, TARGET, VENV_PYTHON

ARCHIVES = TARGET / "e2e"
APP = "localhost/stsidecar-e2e-app:1"
STORE = "localhost/stsidecar-e2e-store:1"
BUILD_SECONDS = 120


def build() -> list[Path]:
    """Makes the images of what tests/tools/install has built, where they are older. Returns the archives."""
    weed = VENV_PYTHON.parent / "weed"
    return [_archive("app.tar", APP, GO_CLIENTS / "app"), _archive("store.tar", STORE, weed, GO_CLIENTS / "gate")]


def _archive(file: str, name: str, *programs: Path) -> Path:
    archive = ARCHIVES / file
    newest = max(program.stat().st_mtime for program in (*programs, ROOT / "deploy" / "image"))
    if not archive.exists() or archive.stat().st_mtime < newest:
        command = [sys.executable, ROOT / "deploy" / "image", "--name", name, "--output", archive, *programs]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=BUILD_SECONDS)
    return archive
