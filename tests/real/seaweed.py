"""SeaweedFS on loopback: an STS that verifies our tokens' signatures, and an S3 that verifies what it vended.

One process, its data in a directory of the test, every port chosen free and bound to 127.0.0.1.
"""

import base64
import json
import secrets
import socket
from pathlib import Path

from .bootstrap import VENV_PYTHON
from .kubelet import ACCOUNT, AUDIENCE, NAMESPACE
from .processes import bare_environment, free_ports, until
from .store import START_SECONDS, Store

ROLE = "arn:aws:iam::111122223333:role/app"
CHAINED_ROLE = "arn:aws:iam::444455556666:role/target"

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
    """Two roles: one that trusts our service account's tokens, one that trusts any session."""
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


class SeaweedFS(Store):
    """A running server with one bucket."""

    NAME = "SeaweedFS"

    def __init__(self, directory: Path, issuer_url: str) -> None:
        (directory / "data").mkdir(parents=True)
        ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        super().__init__(directory, ports["s3.port"], directory / "weed.log")
        # The same for administration and for what long-term keys may ask of STS.
        self.administrator = self.user, self.user_secret = "admin", secrets.token_hex(16)
        admin = {"name": "admin", "credentials": [{"accessKey": self.user, "secretKey": self.user_secret}], "actions": ["Admin"], "policyNames": ["everything"]}
        (directory / "s3.json").write_text(json.dumps({"identities": [admin]}))
        (directory / "iam.json").write_text(json.dumps(_iam(issuer_url)))
        self._ports = list(ports.values())
        self.role = ROLE
        self.run(self._command(directory, ports), bare_environment(directory))

    def come_up(self) -> None:
        until("SeaweedFS accepts connections", self._accepts, START_SECONDS)
        until("SeaweedFS stores an object", self.stores, START_SECONDS)

    def stop(self) -> None:
        super().stop()
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

    def _accepts(self) -> bool:
        self.alive()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
