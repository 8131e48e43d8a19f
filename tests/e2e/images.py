"""The programs that the tests put into the cluster, as images: the application, and the store with its gate."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from real.bootstrap import ROOT, VENV_PYTHON
from real.processes import Failed

SOURCE = ROOT / "tests" / "clients" / "go"
PROGRAMS = ROOT / "target" / "clients" / "go"
ARCHIVES = ROOT / "target" / "e2e"
APP = "localhost/stsidecar-e2e-app:1"
STORE = "localhost/stsidecar-e2e-store:1"
GO = shutil.which("go") or "/usr/local/go/bin/go"
BUILD_SECONDS = 600


def missing() -> str | None:
    """In one line, why the programs cannot be built here."""
    return None if Path(GO).exists() else "go is not installed; see https://go.dev/doc/install"


def build() -> list[Path]:
    """Builds the programs (nothing to do: 1 s) and their images. Returns the archives."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "CGO_ENABLED": "0"}
    command = [GO, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", f"{PROGRAMS}/", "./app", "./gate"]
    done = subprocess.run(command, cwd=SOURCE, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS)
    if done.returncode != 0:
        raise Failed(f"cannot build tests/clients/go: {done.stderr.strip()}")
    weed = VENV_PYTHON.parent / "weed"
    return [_archive("app.tar", APP, PROGRAMS / "app"), _archive("store.tar", STORE, weed, PROGRAMS / "gate")]


def _archive(file: str, name: str, *programs: Path) -> Path:
    archive = ARCHIVES / file
    newest = max(program.stat().st_mtime for program in (*programs, ROOT / "deploy" / "image"))
    if not archive.exists() or archive.stat().st_mtime < newest:
        command = [sys.executable, ROOT / "deploy" / "image", "--name", name, "--output", archive, *programs]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=BUILD_SECONDS)
    return archive
