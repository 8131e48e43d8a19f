"""MinIO on loopback: a second STS and S3, by others, which verifies tokens by the issuer's keys.

One process, its data in a directory of the test. It differs from AWS in what an agent for any STS must not care
about: partition `minio`, no account, access keys that do not begin with ASIA, an empty ARN of the assumed role.
"""

import secrets
from pathlib import Path

from minio import MinioAdmin
from minio.credentials import StaticProvider

from .bootstrap import MINIO
from .kubelet import AUDIENCE
from .processes import bare_environment, free_ports, until
from .store import START_SECONDS, Store


class MinIO(Store):
    """A running server with one bucket and one user."""

    NAME = "MinIO"
    PATIENCE = 3

    def __init__(self, directory: Path, issuer_url: str) -> None:
        (directory / "data").mkdir(parents=True)
        port, console = free_ports(2)
        super().__init__(directory, port, directory / "minio.log")
        self.administrator = "root-of-the-tests", secrets.token_hex(16)
        self.user, self.user_secret = "AKIAUSEROFTHETESTS", secrets.token_hex(16)
        root, secret = self.administrator
        variables = {
            **bare_environment(directory),
            "MINIO_ROOT_USER": root,
            "MINIO_ROOT_PASSWORD": secret,
            "MINIO_IDENTITY_OPENID_CONFIG_URL": f"{issuer_url}/.well-known/openid-configuration",
            "MINIO_IDENTITY_OPENID_CLIENT_ID": AUDIENCE,
            "MINIO_IDENTITY_OPENID_ROLE_POLICY": "readwrite",
            "MINIO_UPDATE": "off",
        }
        addresses = ["--address", f"127.0.0.1:{port}", "--console-address", f"127.0.0.1:{console}"]
        self.run([MINIO, "server", *addresses, directory / "data"], variables)

    def come_up(self) -> None:
        until("MinIO stores an object", self.stores, START_SECONDS, every=0.1)
        self.role = until("MinIO names its role", self._named_role, START_SECONDS)
        self._add_user()

    def _add_user(self) -> None:
        root = StaticProvider(*self.administrator)
        administration = MinioAdmin(endpoint=f"127.0.0.1:{self.port}", credentials=root, secure=False)
        administration.user_add(self.user, self.user_secret)
        administration.policy_set("readwrite", user=self.user)

    def _named_role(self) -> str | None:
        """The ARN that it makes for the issuer, as it prints it."""
        words = self.log.read_text(errors="replace").split()
        return next((word.strip(",;") for word in words if word.startswith("arn:minio:iam:::role/")), None)
