"""Packages of the registries, as pinned in `packages.json`: downloaded by the registries' own clients, kept below target/.

Owns where they lie and that their digests are right. Nothing of a package is installed; pip reads the metadata of a
source package by its build backend. Proxies and mirrors are taken from the clients' own settings.
"""

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from real import bootstrap

FOLDER = bootstrap.TOOLS / "field"
# A client that gets no answer. It guards against hanging: building metadata takes it half a minute at most.
SECONDS = 300
# Larger ones are definitions of custom resources, which hold no pods.
LARGEST = 3_000_000


class Unavailable(Exception):
    """A package cannot be had here; the text says why."""


@dataclass(frozen=True)
class Package:
    """A file of a registry, and the project that it is from."""

    project: str
    registry: str
    name: str
    version: str
    file: str
    sha256: str

    def path(self) -> Path:
        """The file, downloaded unless it is there, with the digest that is pinned."""
        path = FOLDER / self.file
        if not (path.exists() and digest(path) == self.sha256):
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            CLIENTS[self.registry](self)
            if not path.exists():
                raise Unavailable(f"{self.name} {self.version} came without {self.file}")
            if digest(path) != self.sha256:
                path.unlink()
                raise AssertionError(f"{self.file} is not the file that packages.json pins")
        return path

    def manifests(self) -> Iterator[tuple[str, bytes]]:
        """Every file that speaks of kinds and containers, with its path in the package."""
        for name, content in members(self.path()):
            if b"kind" in content and b"container" in content:
                yield name, content


def pinned() -> list[Package]:
    """All of them."""
    return [Package(**package) for package in json.loads(Path(__file__).with_name("packages.json").read_text())]


def digest(path: Path) -> str:
    """SHA-256, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """The YAML and JSON files of an archive."""

    def is_manifest(name: str, size: int) -> bool:
        return name.endswith((".yaml", ".yml", ".json")) and size <= LARGEST

    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if is_manifest(member.filename, member.file_size):
                    yield member.filename, archive.read(member)
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and is_manifest(member.name, member.size):
                yield member.name, archive.extractfile(member).read()


def run(command: list[str]) -> None:
    """Runs a registry's client where the packages lie."""
    try:
        done = subprocess.run(command, cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
    except OSError as missing:
        raise Unavailable(f"{command[0]} is not installed") from missing
    except subprocess.TimeoutExpired as silent:
        raise Unavailable(f"{command[0]} did not end") from silent
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise Unavailable(f"{command[0]}: {lines[-1]}")


def pip(package: Package, *options: str) -> None:
    """By pip, for the platform of the file that is pinned."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", "."]
    run([*command, *options, f"{package.name}=={package.version}"])


def wheel(package: Package) -> None:
    """A wheel."""
    platform = re.search(r"-(\w+)\.whl$", package.file)[1]
    pip(package, "--only-binary=:all:", "--python-version=3.11", *([] if platform == "any" else [f"--platform={platform}"]))


def npm(package: Package) -> None:
    """An npm package; no script of it is run."""
    run(["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"])


def debian(package: Package) -> None:
    """A source package, from where the machine's own lists of sources have binary ones."""
    apt = FOLDER / "apt"
    (apt / "sources").mkdir(parents=True, exist_ok=True)
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    system = Path("/etc/apt")
    for path in [system / "sources.list", *(system / "sources.list.d").glob("*")]:
        if path.suffix == ".sources" and path.is_file():
            (apt / "sources" / path.name).write_text(re.sub(r"(?m)^Types:.*", "Types: deb-src", path.read_text()))
        elif path.suffix == ".list" and path.is_file():
            lines = [re.sub("^deb ", "deb-src ", line) for line in path.read_text().splitlines()]
            (apt / "sources" / path.name).write_text("\n".join(line for line in lines if line.startswith("deb-src ")) + "\n")
    places = {"Etc::sourcelist": "/dev/null", "Etc::sourceparts": apt / "sources", "State::lists": apt / "lists", "Cache": apt / "cache"}
    options = [f"-oDir::{key}={value}" for key, value in places.items()]
    run(["apt-get", *options, "--quiet", "update"])
    # The newest revision of Debian's: their archive of what the project released is the same one.
    run(["apt-get", *options, "--quiet", "source", "--download-only", "--only-source", package.name])


CLIENTS = {
    "pypi": wheel,
    "pypi-source": lambda package: pip(package, "--no-binary=:all:"),
    "npm": npm,
    "debian": debian,
}
