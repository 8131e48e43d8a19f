"""The chart on the cluster, by Helm 3 and 4, as its users install it."""

import base64
import hashlib
import json
import os
import re
import subprocess
import time
from pathlib import Path

import yaml

from real.bootstrap import ROOT, TOOLS
from real.processes import Failed, until

from . import store
from .cluster import Cluster, Refusal
from .workloads import PREFIX

CHART = ROOT / "charts" / "stsidecar"
HELMS = {major: TOOLS / major / "helm" for major in ("helm3", "helm4")}
NAME = "stsidecar"
NAMESPACE = "stsidecar-system"
INJECTOR = "stsidecar-injector"
WEBHOOKS = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{INJECTOR}"
SECRET = f"{INJECTOR}-tls"  # as certificate.yaml names it
READY_SECONDS = 90


def certificates(encoded: str) -> set[str]:
    """The certificates of a bundle as an object holds it, in base 64 once more."""
    return set(re.findall("-BEGIN CERTIFICATE-+([^-]+)-", base64.b64decode(encoded).decode()))


def image_values() -> list[str]:
    """What a user adds to the README's command to run an image of their own."""
    name, _, tag = os.environ.get("IMAGE", "localhost/stsidecar:dev").rpartition(":")
    return ["--set", "image.registry=", "--set", f"image.repository={name}", "--set", f"image.tag={tag}"]


def values_file(directory: Path) -> Path:
    """The values of the release that the scenarios use."""
    values = {
        "agent": {
            "region": store.REGION,
            "stsEndpoint": store.endpoint(0),
            "sessionDuration": "15m",
            "awsCaBundle": {"configMap": store.CONFIG_MAP},
            # A scenario's incident takes half a minute.
            "incidentProbe": {"periodSeconds": 5},
            # Sessions of a real STS live 15 minutes at least; this way each scenario sees renewals.
            "extraEnv": [{"name": "STSIDECAR_REFRESH_AT", "value": "5s"}],
        },
        # Under load on a machine of two cores, 10m would be all that the injector gets of it.
        "injector": {"resources": {"requests": {"cpu": "300m", "memory": "24Mi"}}},
        "validatingPolicies": {"workloads": {"enabled": True}},
    }
    file = directory / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


class Release:
    """One release of the chart, by one Helm."""

    def __init__(self, cluster: Cluster, major: str) -> None:
        self._cluster = cluster
        self.major = major

    def helm(self, *arguments: str, seconds: float = 180) -> str:
        """What Helm prints; fails with what it said on standard error."""
        command = [HELMS[self.major], *arguments, f"--namespace={NAMESPACE}"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=self._cluster.environment, timeout=seconds, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            shown = self._cluster.try_kubectl("-n", NAMESPACE, "describe", "pods").stdout[-1500:]
            logs = self._cluster.try_kubectl("-n", NAMESPACE, "logs", "-l", "app.kubernetes.io/name=stsidecar", "--tail=20").stdout
            raise Failed(f"{self.major} {' '.join(arguments)}: {done.stderr.strip()}\n{shown}\n{logs}")
        return done.stdout

    def install(self, *arguments: str) -> float:
        """`helm install` to ready, and until the API server reaches the webhook; how long it took."""
        began = time.monotonic()
        self.helm("install", NAME, str(CHART), "--create-namespace", "--wait", f"--timeout={READY_SECONDS}s", *image_values(), *arguments)
        self._reached()
        return time.monotonic() - began

    def _reached(self) -> None:
        """Ready is said of the pods; kube-proxy learns of the Service's new endpoints a moment later."""
        until("the webhook is reached", self._answers, 20)

    def _answers(self) -> bool:
        """Whether the webhook itself refuses a pod with a mistake."""
        metadata = {"name": "mistake", "namespace": "default", "annotations": {"stsidecar.dev/inject": "yes"}}
        spec = {"containers": [{"name": "app", "image": "none"}]}
        try:
            self._cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, "?dryRun=All")
        except Refusal as refusal:
            return "denied the request" in refusal.message
        return False

    def upgrade(self, *arguments: str) -> None:
        self.helm("upgrade", NAME, str(CHART), "--wait", f"--timeout={READY_SECONDS}s", *image_values(), *arguments)

    def force(self, directory: Path, *flags: str) -> None:
        """An upgrade that replaces every object instead of patching it."""
        changed = ("--set", "injector.webhook.annotations.e2e=forced")
        self.helm("upgrade", NAME, str(CHART), *image_values(), f"--values={values_file(directory)}", *changed, *flags)

    def test(self) -> str:
        """`helm test`; what it says. The log of a pod that succeeded is gone with it."""
        return self.helm("test", NAME, "--timeout=60s")

    def uninstall(self) -> None:
        self.helm("uninstall", NAME, "--wait", f"--timeout={READY_SECONDS}s")

    def injectors(self) -> list[dict]:
        """The injector's pods that are not on their way out."""
        pods = self._cluster.objects("Pod", NAMESPACE, "app.kubernetes.io/component=injector")
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def leaving(self) -> dict[str, str]:
        """When each CA, by its SHA-256, leaves caBundle unless an injector that needs it crosses that out, as they wrote it."""
        annotations = self._cluster.get(WEBHOOKS)["metadata"].get("annotations", {})
        record = json.loads(annotations.get(f"{PREFIX}trusted-cas", "{}"))
        return {ca: entry["until"] for ca, entry in record.items() if "until" in entry}

    def staying(self) -> list[set[str]]:
        """The same as ca_bundles, without those that are on record to leave: what was wiped of these may stay away."""
        going = self.leaving()
        return [
            {ca for ca in bundle if hashlib.sha256(base64.b64decode(ca)).hexdigest() not in going} for bundle in self.ca_bundles()
        ]

    def ca_bundles(self) -> list[set[str]]:
        """The certificates in the caBundle of each webhook; their order means nothing."""
        configuration = self._cluster.get(WEBHOOKS)
        bundles = [webhook["clientConfig"].get("caBundle", "") for webhook in configuration["webhooks"]]
        return [certificates(bundle) for bundle in bundles]

    def secret(self) -> dict[str, str]:
        """The data of the Secret with the CA."""
        return self._cluster.object("Secret", NAMESPACE, SECRET).get("data", {})

    def roll(self) -> None:
        """`kubectl rollout restart`, to its end."""
        self._cluster.kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{INJECTOR}")
        self.rolled_out()

    def rolled_out(self) -> None:
        """Waits until the injector's pods are the ones that are wanted, and reached."""
        self._cluster.kubectl(
            "-n", NAMESPACE, "rollout", "status", f"deployment/{INJECTOR}", f"--timeout={READY_SECONDS}s", seconds=READY_SECONDS + 10
        )
        self._reached()
