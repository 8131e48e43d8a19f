"""What the kubelet does to a projected service account token volume: the token's claims and the atomic swap.

The steps of the swap and their order are those of Kubernetes' pkg/volume/util/atomic_writer.go.
"""

import os
import shutil
import tempfile
import threading
import time
import uuid
from pathlib import Path

from .issuer import Issuer, SigningKey

AUDIENCE = "sts.amazonaws.com"
NAMESPACE, ACCOUNT, POD = "demo", "app", "app-5d9c7b6f4-x2x7k"
POD_UID, ACCOUNT_UID, NODE_UID = (str(uuid.uuid4()) for _ in range(3))


def mint(
    issuer: Issuer, *, audience: str = AUDIENCE, account: str = ACCOUNT, lifetime: int = 3600, age: int = 0, key: SigningKey | None = None
) -> str:
    """A token of the pod, as TokenRequest returns it; `age` seconds old, `lifetime` seconds long."""
    issued = int(time.time()) - age
    claims = {
        "aud": [audience],
        "exp": issued + lifetime,
        "iat": issued,
        "iss": issuer.url,
        "jti": str(uuid.uuid4()),
        "kubernetes.io": {
            "namespace": NAMESPACE,
            "node": {"name": "node-1", "uid": NODE_UID},
            "pod": {"name": POD, "uid": POD_UID},
            "serviceaccount": {"name": account, "uid": ACCOUNT_UID},
        },
        "nbf": issued,
        "sub": f"system:serviceaccount:{NAMESPACE}:{account}",
    }
    return (key or issuer.key).sign(claims)


class TokenVolume:
    """A projected volume with one file, `token`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "token"
        self.swaps = 0
        directory.mkdir(parents=True)

    def write(self, token: str) -> None:
        """Replaces the content in one rename of `..data`. Nothing is touched when it is the same."""
        data = self.directory / "..data"
        old = os.readlink(data) if data.is_symlink() else None
        if old is not None and self.file.read_text() == token:
            return
        fresh = Path(tempfile.mkdtemp(prefix=time.strftime("..%Y_%m_%d_%H_%M_%S."), dir=self.directory))
        fresh.chmod(0o755)
        (fresh / "token").write_text(token)  # no newline, as the kubelet
        (fresh / "token").chmod(0o644)
        if not self.file.is_symlink():
            self.file.symlink_to("..data/token")
        (self.directory / "..data_tmp").symlink_to(fresh.name)
        os.rename(self.directory / "..data_tmp", data)
        if old is not None:
            shutil.rmtree(self.directory / old)
        self.swaps += 1


class Rotation:
    """Writes a new token every few seconds until the end of the `with` block."""

    def __init__(self, volume: TokenVolume, issuer: Issuer, seconds: float) -> None:
        self._volume, self._issuer, self._seconds = volume, issuer, seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._rotate, daemon=True)

    def __enter__(self) -> "Rotation":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _rotate(self) -> None:
        while not self._ended.wait(self._seconds):
            self._volume.write(mint(self._issuer))
