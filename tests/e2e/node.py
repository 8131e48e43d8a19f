"""The cluster: one node of our own, or whatever KUBECONFIG points at."""

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

from real.bootstrap import ROOT, TOOLS
from real.processes import Failed, free_ports

from .versions import Version

# Pods reach the API server by this name; the issuer's keys are fetched from there.
ISSUER = "https://kubernetes.default.svc.cluster.local"
UP_SECONDS = 180
# For a cluster that brings none of its own version.
KUBECTL = TOOLS / "helm4" / "kubectl"


class NotRun(Exception):
    """A scenario cannot run here; the text says why, and what would help."""


def _run(command: list[str | Path], environment: dict[str, str], seconds: float) -> str:
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    if done.returncode != 0:
        raise Failed(f"`{' '.join(map(str, command))}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


class OneNode:
    """A Kubernetes of one node, made by the scripts in `folder`; a context manager that takes it down."""

    name = "one node of its own"

    def __init__(self, folder: Path, version: Version) -> None:
        self._folder = folder
        # Not below target/: containerd's socket has a path of 107 characters at most. One for each version, so that
        # the logs of one that failed are still there when the next one has run.
        self._home = Path(f"/tmp/stsidecar-e2e-{zlib.crc32(str(ROOT).encode()):08x}-{version.version or 'named'}")
        (port,) = free_ports(1)
        self._environment = {**os.environ, "KUBE_HOME": str(self._home), "KUBE_PORT": str(port), "KUBE_ISSUER": ISSUER}
        if version.file:
            self._environment["KUBE_BIN"] = str(folder / "bin" / version.file)
        self.kubeconfig = self._home / "kubeconfig"
        # Of the cluster's own version: others are one minor version apart at most.
        self.kubectl = self._home / "bin" / "kubectl"

    def __enter__(self) -> "OneNode":
        self._lock = open(self._home.with_name(f"{self._home.name}.lock"), "w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as locked:
            raise Failed(f"another run uses {self._home}") from locked
        self._script("down", seconds=60)  # what a run that was killed left behind
        try:
            self._script("up", seconds=UP_SECONDS)
        except BaseException:
            self._script("down", seconds=60)
            raise
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._script("down", seconds=60)
        if kind is None:
            shutil.rmtree(self._home)
        else:
            print(f"the cluster's logs are in {self._home / 'log'}", file=sys.stderr, flush=True)
        self._lock.close()

    def _script(self, name: str, *arguments: str | Path, seconds: float) -> str:
        return _run([self._folder / name, *arguments], self._environment, seconds)

    def load(self, archive: Path) -> None:
        """Makes an image known to the node."""
        self._script("image", archive, seconds=120)

    def restart_kubelet(self) -> None:
        """Renews every projected token, and probes every container anew."""
        self._script("restart", "kubelet", seconds=30)

    def set_gate(self, gate: str, on: bool) -> bool:
        """Turns a feature gate of the kubelet on, or leaves it to the kubelet, from its next start on. Whether that can be done."""
        configuration, line = self._home / "conf" / "kubelet.yaml", f"featureGates: {{{gate}: true}}\n"
        if not configuration.exists():
            return False
        text = configuration.read_text().replace(line, "")
        configuration.write_text(text + line if on else text)
        return True


class GivenCluster:
    """A cluster that is given: we install and remove, and touch its nodes only by the hooks that are given too."""

    name = "the cluster of KUBECONFIG"
    kubectl = KUBECTL

    def __init__(self, kubeconfig: Path, load: str) -> None:
        self.kubeconfig = kubeconfig
        self._load = load

    def __enter__(self) -> "GivenCluster":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def load(self, archive: Path) -> None:
        _run(shlex.split(self._load.replace("{archive}", shlex.quote(str(archive)))), dict(os.environ), 300)

    def restart_kubelet(self) -> None:
        hook = os.environ.get("E2E_RESTART_KUBELET")
        if not hook:
            raise NotRun("set E2E_RESTART_KUBELET to a command that restarts every kubelet")
        _run(shlex.split(hook), dict(os.environ), 120)

    def set_gate(self, gate: str, on: bool) -> bool:
        """Cannot be done: its owner configures its kubelets."""
        return False


def chosen(version: Version) -> OneNode | GivenCluster | str:
    """The cluster that the environment names, or in one line what is missing."""
    if kubeconfig := os.environ.get("KUBECONFIG"):
        if load := os.environ.get("E2E_LOAD"):
            return GivenCluster(Path(kubeconfig), load)
        return "KUBECONFIG is set; set E2E_LOAD too, to a command that loads an image: 'kind load image-archive {archive}'"
    folder = os.environ.get("KUBE_NODE")
    if not folder or not (Path(folder) / "up").exists():
        return "set KUBECONFIG and E2E_LOAD='kind load image-archive {archive}', or KUBE_NODE to a folder with up, image, restart, down"
    if os.geteuid() != 0:
        return "a node of our own needs root; or set KUBECONFIG and E2E_LOAD"
    if version.file and not (binary := Path(folder) / "bin" / version.file).exists():
        return f"there is no {binary}"
    return OneNode(Path(folder).resolve(), version)
