"""MinIO on loopback: a second STS and S3, by others, which verifies tokens by the issuer's keys.

One process, its data in a directory of the test. It differs from AWS in what an agent for any STS must not care
about: partition `minio`, no account, access keys that do not begin with ASIA, an empty ARN of the assumed role.
"""

import secrets
from pathlib import Path

import boto3
from botocore.config import Config
from minio import MinioAdmin
from minio.credentials import StaticProvider

from .bootstrap import MINIO
from .kubelet import AUDIENCE
from .processes import Failed, bare_environment, free_ports, start, until
from .seaweed import BUCKET, REGION

START_SECONDS = 60.0


class MinIO:
    """A running server with one bucket and one user; a context manager."""

    def __init__(self, directory: Path, issuer_url: str) -> None:
        (directory / "data").mkdir(parents=True)
        self.log = directory / "minio.log"
        self._root, self._secret = "root-of-the-tests", secrets.token_hex(16)
        self.user, self.user_secret = "AKIAUSEROFTHETESTS", secrets.token_hex(16)
        self.port, console = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        variables = {
            **bare_environment(directory),
            "MINIO_ROOT_USER": self._root,
            "MINIO_ROOT_PASSWORD": self._secret,
            "MINIO_IDENTITY_OPENID_CONFIG_URL": f"{issuer_url}/.well-known/openid-configuration",
            "MINIO_IDENTITY_OPENID_CLIENT_ID": AUDIENCE,
            "MINIO_IDENTITY_OPENID_ROLE_POLICY": "readwrite",
            "MINIO_UPDATE": "off",
        }
        addresses = ["--address", f"127.0.0.1:{self.port}", "--console-address", f"127.0.0.1:{console}"]
        self.process = start([MINIO, "server", *addresses, directory / "data"], self.log, variables, cwd=directory)
        try:
            until("MinIO stores an object", self._stores, START_SECONDS, every=0.1)
            self.role = until("MinIO names its role", self._named_role, START_SECONDS)
            self._add_user()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> "MinIO":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the process at once: what it stored is worth nothing."""
        self.process.kill()
        self.process.wait()

    def admin(self):
        """An S3 client with the root user's key."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self._root,
            aws_secret_access_key=self._secret,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=2),
        )

    def _add_user(self) -> None:
        root = StaticProvider(self._root, self._secret)
        administration = MinioAdmin(endpoint=f"127.0.0.1:{self.port}", credentials=root, secure=False)
        administration.user_add(self.user, self.user_secret)
        administration.policy_set("readwrite", user=self.user)

    def _named_role(self) -> str | None:
        """The ARN that it makes for the issuer, as it prints it."""
        words = self.log.read_text(errors="replace").split()
        return next((word.strip(",;") for word in words if word.startswith("arn:minio:iam:::role/")), None)

    def _stores(self) -> bool:
        if self.process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"MinIO ended with {self.process.returncode}:\n{tail}")
        client = self.admin()
        try:
            if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="hello.txt", Body=b"hello")
        except Exception:  # whatever it says while it starts: the deadline decides
            return False
        return True
