"""SeaweedFS on loopback: an STS that verifies our tokens' signatures, and an S3 that verifies what it vended.

One process, its data in a directory of the test, every port chosen free and bound to 127.0.0.1.
"""

import base64
import json
import secrets
import socket
from pathlib import Path

import boto3
from botocore.config import Config

from .bootstrap import VENV_PYTHON
from .kubelet import ACCOUNT, AUDIENCE, NAMESPACE
from .processes import Failed, bare_environment, free_ports, start, until

REGION = "us-east-1"
BUCKET = "demo"
ROLE = "arn:aws:iam::111122223333:role/app"
CHAINED_ROLE = "arn:aws:iam::444455556666:role/target"

START_SECONDS = 60.0
_PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")


def role(arn: str, action: str, principal: dict, condition: dict | None = None) -> dict:
    statement = {"Effect": "Allow", "Principal": principal, "Action": [action]}
    if condition:
        statement["Condition"] = condition
    return {
        "roleName": arn.rsplit("/", 1)[1],
        "roleArn": arn,
        "maxSessionDuration": 43200,
        "attachedPolicies": ["everything"],
        "trustPolicy": {"Version": "2012-10-17", "Statement": [statement]},
    }


def _iam(issuer_url: str) -> dict:
    """Two roles: one that trusts our service account's tokens, one that trusts whoever holds a session."""
    subject = {"StringEquals": {"oidc:sub": f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"}}
    everything = {"Effect": "Allow", "Action": ["s3:*", "sts:*"], "Resource": ["*"]}
    return {
        "sts": {
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
            "issuer": "seaweedfs-sts",
            "signingKey": base64.b64encode(secrets.token_bytes(32)).decode(),
        },
        "providers": [{"name": "cluster", "type": "oidc", "enabled": True, "config": {"issuer": issuer_url, "clientId": AUDIENCE}}],
        "policies": [{"name": "everything", "document": {"Version": "2012-10-17", "Statement": [everything]}}],
        "roles": [
            role(ROLE, "sts:AssumeRoleWithWebIdentity", {"Federated": "cluster"}, subject),
            role(CHAINED_ROLE, "sts:AssumeRole", {"AWS": "*"}),
        ],
    }


class SeaweedFS:
    """A running server with one bucket; a context manager."""

    def __init__(self, directory: Path, issuer_url: str) -> None:
        directory.mkdir(parents=True)
        self.log = directory / "weed.log"
        # The same for administration and for what long-term keys may ask of STS.
        self.user, self.user_secret = "admin", secrets.token_hex(16)
        admin = {"name": "admin", "credentials": [{"accessKey": self.user, "secretKey": self.user_secret}], "actions": ["Admin"], "policyNames": ["everything"]}
        (directory / "s3.json").write_text(json.dumps({"identities": [admin]}))
        (directory / "iam.json").write_text(json.dumps(_iam(issuer_url)))
        (directory / "data").mkdir()
        ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self.port, self._ports = ports["s3.port"], list(ports.values())
        self.url = f"http://127.0.0.1:{self.port}"
        self.role = ROLE
        self.process = start(self._command(directory, ports), self.log, bare_environment(directory), cwd=directory)
        try:
            self._await_bucket()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> "SeaweedFS":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the process at once: what it stored is worth nothing, and SIGTERM takes it longer than 2 s."""
        self.process.kill()
        self.process.wait()
        for port in self._ports:  # its gRPC sockets, which it puts there whatever TMPDIR says
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)

    @staticmethod
    def _command(directory: Path, ports: dict[str, int]) -> list[str]:
        settings = {
            "dir": directory / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            **ports,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.config": directory / "s3.json",
            "s3.iam.config": directory / "iam.json",
            "volume.max": 8,
            "volume.preStopSeconds": 0,
            "master.volumeSizeLimitMB": 64,
            "master.telemetry": "false",
        }
        weed = str(VENV_PYTHON.parent / "weed")
        return [weed, "-logtostderr=true", "server", "-s3", *(f"-{name}={value}" for name, value in settings.items())]

    def admin(self):
        """An S3 client with the server's own static key. Impatient: while it starts, the server leaves writes hanging."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.user,
            aws_secret_access_key=self.user_secret,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1),
        )

    def _await_bucket(self) -> None:
        until("SeaweedFS accepts connections", self._accepts, START_SECONDS)
        until("SeaweedFS stores an object", self._stores, START_SECONDS)

    def _alive(self) -> None:
        if self.process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"SeaweedFS ended with {self.process.returncode}:\n{tail}")

    def _accepts(self) -> bool:
        self._alive()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _stores(self) -> bool:
        """The S3 port is open before the first volume can be written, so only a written object proves it."""
        self._alive()
        client = self.admin()
        try:
            if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="hello.txt", Body=b"hello")
        except Exception:  # whatever it says while it starts: the deadline decides
            return False
        return True
