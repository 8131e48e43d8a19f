"""An STS and S3 in the cluster that trust the cluster's own tokens: SeaweedFS behind the gate of tests/clients/go.

SeaweedFS fetches the issuer's keys and verifies signature, audience and subject. The gate in front speaks TLS with a
CA of ours, has a port for S3 and several for STS (lanes), each of which can be closed or left hanging by itself, and
counts what passes.
"""

import base64
import contextlib
import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from real.processes import until
from real.seaweed import role as role_of_seaweed

from . import images
from .cluster import Cluster, Refusal

NAMESPACE = "e2e-store"
HOST = f"store.{NAMESPACE}.svc.cluster.local"
S3 = f"https://{HOST}:8443"
BUCKET = "demo"
REGION = "us-east-1"
# Lane 0 is everybody's; the others belong to scenarios that play an outage.
LANES = [8451, 8452, 8453, 8454, 8455, 8456]
BINDING = "e2e-issuer-discovery"
CONFIG_MAP = "e2e-ca"
ACCOUNT = "app"
START_SECONDS = 90


def endpoint(lane: int) -> str:
    """The STS endpoint of a lane."""
    return f"https://{HOST}:{LANES[lane]}"


def arn(name: str) -> str:
    """A role's ARN."""
    return f"arn:aws:iam::111122223333:role/{name}"


def report_url(name: str) -> str:
    """Where an application leaves its last words."""
    return f"http://{HOST}:9000/reports/{name}"


@dataclass(frozen=True)
class Role:
    """A role and the ServiceAccount that it trusts."""

    name: str
    namespace: str
    account: str = ACCOUNT


class Store:
    """The store in the cluster. `ca` holds the certificate that its clients must trust."""

    def __init__(self, cluster: Cluster, directory: Path, roles: list[Role]) -> None:
        self._cluster = cluster
        self._directory = directory
        self._roles = roles
        self.ca = ""

    def install(self) -> None:
        """Creates it and waits until an object is stored."""
        self._cluster.apply(self._manifests())
        until("the store holds an object", self._ready, START_SECONDS, every=0.2)

    def remove(self) -> None:
        """Removes what is not in a namespace."""
        self._cluster.try_kubectl("delete", "clusterrolebinding", BINDING)

    def set_lane(self, lane: int, state: str) -> None:
        """`open`, `closed` (connections are refused), `hanging` (requests are taken and never answered), `brief`
        (sessions of 45 s) or `revoked` (STS is asked for the role `NAME-revoked`, whose trust policy names another)."""
        self._control("POST", f"/lanes/{LANES[lane]}/{state}")

    def seen(self, role: str, lane: int = 0) -> dict:
        """What the gate counted for a role: calls, errors, code, tokens, firstVended, requests, keys."""
        nothing = {"calls": 0, "errors": 0, "code": "", "tokens": 0, "requests": 0, "keys": 0}
        return json.loads(self._control("GET", "/seen"))["roles"].get(f"{LANES[lane]} {arn(role)}", nothing)

    def role_of_key(self, access_key: str) -> str:
        """The role for which STS gave out an access key."""
        return json.loads(self._control("GET", "/seen"))["keys"].get(access_key, "").rsplit("/", 1)[-1]

    def report(self, name: str) -> dict | None:
        """An application's last words."""
        text = self._control("GET", f"/reports/{name}")
        return json.loads(text) if text else None

    def _control(self, method: str, path: str) -> str:
        return self._cluster.through_pod(NAMESPACE, "store", 9000, path, method)

    def _ready(self) -> bool:
        with contextlib.suppress(Refusal):
            self._control("GET", "/ready")
            return True
        return False

    def _manifests(self) -> list[dict]:
        issuer = json.loads(self._cluster.kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
        secret = secrets.token_hex(16)
        self.ca, certificate, key = certificates(self._directory)
        admin = {"name": "admin", "credentials": [{"accessKey": "admin", "secretKey": secret}], "actions": ["Admin"]}
        files = {
            "s3.json": json.dumps({"identities": [admin]}),
            "iam.json": json.dumps(self._iam(issuer)),
            "tls.crt": certificate,
            "tls.key": key,
            "admin": secret,
        }
        metadata = {"name": "store", "namespace": NAMESPACE}
        ports = [{"name": f"p{port}", "port": port} for port in (8443, 9000, *LANES)]
        return [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            _anyone_may_read_the_issuers_keys(),
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": files},
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": "store"}, "ports": ports}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "labels": {"app": "store"}}, "spec": _pod()},
        ]

    def _iam(self, issuer: str) -> dict:
        everything = {"Effect": "Allow", "Action": ["s3:*", "sts:*"], "Resource": ["*"]}
        key = base64.b64encode(secrets.token_bytes(32)).decode()

        def trusting(role: Role) -> dict:
            subject = {"StringEquals": {"oidc:sub": f"system:serviceaccount:{role.namespace}:{role.account}"}}
            return role_of_seaweed(arn(role.name), "sts:AssumeRoleWithWebIdentity", {"Federated": "cluster"}, subject)

        return {
            "sts": {"tokenDuration": "1h", "maxSessionLength": "12h", "issuer": "seaweedfs-sts", "signingKey": key},
            "providers": [
                {"name": "cluster", "type": "oidc", "enabled": True, "config": {"issuer": issuer, "clientId": "sts.amazonaws.com"}}
            ],
            "policies": [{"name": "everything", "document": {"Version": "2012-10-17", "Statement": [everything]}}],
            "roles": [trusting(role) for role in self._roles],
        }


def _anyone_may_read_the_issuers_keys() -> dict:
    """As AWS, which has no account in the cluster, must be able to."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": BINDING},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:service-account-issuer-discovery"},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:unauthenticated"}],
    }


def _pod() -> dict:
    settings = {
        "dir": "/data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.port": 8333,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": "/etc/store/s3.json",
        "s3.iam.config": "/etc/store/iam.json",
        "volume.max": 8,
        "volume.preStopSeconds": 0,
        "master.volumeSizeLimitMB": 64,
        "master.telemetry": "false",
    }
    config = {"name": "config", "mountPath": "/etc/store", "readOnly": True}
    weed = {
        "name": "weed",
        "image": images.STORE,
        "args": ["-logtostderr=true", "server", "-s3", *(f"-{name}={value}" for name, value in settings.items())],
        # Go trusts the file and the directory: an issuer inside the cluster, and a public one.
        "env": [
            {"name": "SSL_CERT_FILE", "value": "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"},
            {"name": "SSL_CERT_DIR", "value": "/etc/ssl/certs"},
        ],
        "volumeMounts": [config, {"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],
    }
    gate = {
        "name": "gate",
        "image": images.STORE,
        "command": ["/gate", f"-sts={','.join(f':{port}' for port in LANES)}"],
        "env": [{"name": "ADMIN_SECRET", "valueFrom": {"secretKeyRef": {"name": "store", "key": "admin"}}}],
        "volumeMounts": [config],
    }
    volumes = [{"name": "config", "secret": {"secretName": "store"}}, *({"name": name, "emptyDir": {}} for name in ("data", "tmp"))]
    return {"terminationGracePeriodSeconds": 0, "containers": [weed, gate], "volumes": volumes}


def certificates(directory: Path) -> tuple[str, str, str]:
    """A CA, and the store's certificate and key by it, as PEM."""
    directory.mkdir(parents=True, exist_ok=True)
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"]
    leaf = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"subjectAltName=DNS:{HOST}"]
    for name, subject, by in (("ca", "/CN=e2e-ca", []), ("tls", "/CN=store", leaf)):
        command = [*new, *by, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.crt"]
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=30)
    ca, certificate, key = ((directory / name).read_text() for name in ("ca.crt", "tls.crt", "tls.key"))
    return ca, certificate, key
