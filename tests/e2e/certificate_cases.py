"""The webhook's certificate from one source after another, while pods are asked for: certs."""

import base64
import contextlib
import hashlib
import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from real.processes import Failed, until

from .cluster import Cluster
from .context import Context
from .load import Load
from .release import CHART, INJECTOR, NAME, NAMESPACE, READY_SECONDS, SECRET, Release, image_values, values_file
from .workloads import expect, holds

RATE = 50
# As the chart names the one that it asks of cert-manager, and as an operator might name theirs.
ISSUED, OPERATORS = f"{INJECTOR}-cert-manager", "e2e-operator-tls"
# Pods that wait for a Secret never become ready, however long Helm waits.
FAILS_AFTER = 6
SELF = ("--set", "injector.certs.mode=self")
CERT_MANAGER = ("--set", "injector.certs.mode=certManager")
EXTERNAL = ("--set", f"injector.certs.mode=external,injector.certs.external.secretName={OPERATORS}")
KINDS = {"certificates": "Certificate", "issuers": "Issuer"}


def certs(context: Context) -> str:
    """certs.mode in every order under 50 admissions/s, with upgrades to certManager that fail; nothing is refused"""
    cluster, release = context.cluster, context.release
    with known_kinds(cluster), self_at_the_end(context), Load(context.place("certs"), RATE, patient=True) as load:
        steps = Steps(context, load)
        written(cluster, context.directory, OPERATORS)
        steps.take("external", lambda: change(context, *EXTERNAL))
        steps.take("certManager fails", lambda: fails(context))
        steps.take("rollback", lambda: rollback(release, 2))
        written(cluster, context.directory, ISSUED)
        steps.take("certManager", lambda: change(context, *CERT_MANAGER))
        steps.take("self", lambda: change(context, *SELF))
        cluster.delete("Secret", NAMESPACE, ISSUED)
        authority, pods = until("its CA", lambda: release.secret().get("ca.crt"), 20), names(release)
        steps.take("certManager fails", lambda: fails(context))
        holds("Helm removed the Secret of mode self", not exists(cluster, SECRET))
        steps.take("rollback", lambda: rollback(release, 2))
        until("the pods write back what they held", lambda: release.secret().get("ca.crt") == authority, 30)
        expect("pods that served before the failed upgrade, and after it", names(release), pods)
        own = hashlib.sha256(ssl.PEM_cert_to_DER_cert(base64.b64decode(authority).decode())).hexdigest()
        going = {ca: at for ca, at in context.release.leaving().items() if ca != own}
        steps.take("restart", release.roll)
        expect("CAs that leave, and when, after a restart", {ca: at for ca, at in context.release.leaving().items() if ca in going}, going)
        # Of the first mode self, of external and of certManager.
        holds("three CAs leave", len(going) == 3, going)
    expect("failed admissions", load.failures[:3], [])
    holds("few reads were too slow", load.repeated <= load.answered / 100, load.repeated)
    return (
        f"{steps.line()}; {load.answered} admissions, 0 failed, {load.repeated} asked for twice; {len(going)} CAs leave by a "
        "record that survives a restart"
    )


class Steps:
    """What was done, in how many seconds, and how many admissions came and failed meanwhile."""

    def __init__(self, context: Context, load: Load) -> None:
        self._context, self._load, self._done = context, load, []
        until("admissions before", lambda: load.answered >= RATE, 30)

    def take(self, name: str, step) -> None:
        """Takes a step, and a second more of admissions."""
        began, answered, failed = time.monotonic(), self._load.answered, len(self._load.failures)
        step()
        seconds = time.monotonic() - began
        after = self._load.answered
        until("admissions after", lambda: self._load.answered >= after + RATE, 30)
        failed = len(self._load.failures) - failed
        self._done.append(f"{name} {seconds:.0f} s ({self._load.answered - answered} good, {failed} failed)")
        expect(f"failed admissions in the step {name!r}, after {self.line()}", self._load.failures[:3], [])

    def line(self) -> str:
        return ", ".join(self._done)


@contextlib.contextmanager
def known_kinds(cluster: Cluster) -> Iterator[None]:
    """cert-manager's kinds, without the controllers that act on them."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crds = [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.cert-manager.io"},
            "spec": {
                "group": "cert-manager.io",
                "scope": "Namespaced",
                "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}],
            },
        }
        for plural, kind in KINDS.items()
    ]
    names = [crd["metadata"]["name"] for crd in crds]
    cluster.apply(crds)
    try:
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", *names)
        yield
    finally:
        cluster.kubectl("delete", "crd", *names, "--ignore-not-found", "--timeout=30s")


@contextlib.contextmanager
def self_at_the_end(context: Context) -> Iterator[None]:
    """Whatever fails, the scenarios that follow find the release as it was, and kinds that Helm knows."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Failed):
            change(context, *SELF)
        raise
    finally:
        for name in (ISSUED, OPERATORS):
            context.cluster.delete("Secret", NAMESPACE, name)


def change(context: Context, *flags: str, seconds: int = READY_SECONDS) -> None:
    """`helm upgrade --wait`, with the values of the release that the scenarios use."""
    values = f"--values={values_file(context.directory)}"
    context.release.helm("upgrade", NAME, str(CHART), "--wait", f"--timeout={seconds}s", *image_values(), values, *flags)


def fails(context: Context) -> None:
    """An upgrade to certManager whose Secret never comes."""
    try:
        change(context, *CERT_MANAGER, seconds=FAILS_AFTER)
    except Failed:
        waiting = [pod for pod in context.release.injectors() if pod["status"]["phase"] == "Pending"]
        holds("a pod of the new mode waits for its Secret", waiting)
        return
    raise Failed("Helm says that pods are ready which have no Secret")


def rollback(release: Release, by: int) -> None:
    """`helm rollback` to the revision before the failed one."""
    revisions = [entry["revision"] for entry in json.loads(release.helm("history", NAME, "-o", "json"))]
    release.helm("rollback", NAME, str(revisions[-by]), "--wait", f"--timeout={READY_SECONDS}s")
    release.rolled_out()


def written(cluster: Cluster, directory: Path, name: str) -> None:
    """A Secret as cert-manager writes it, with a CA of its own."""
    folder = directory / name
    folder.mkdir(exist_ok=True)
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"]
    leaf = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    for who, more in (("ca", ["-subj", f"/CN={name}"]), ("tls", ["-subj", "/CN=leaf", "-addext", f"subjectAltName=DNS:{INJECTOR}.{NAMESPACE}.svc", *leaf])):
        command = ["openssl", "req", "-x509", *made, "-keyout", folder / f"{who}.key", "-out", folder / f"{who}.crt", *more]
        subprocess.run(command, check=True, capture_output=True, timeout=20)
    data = {file: base64.b64encode((folder / file).read_bytes()).decode() for file in ("ca.crt", "tls.crt", "tls.key")}
    cluster.create({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data})


def exists(cluster: Cluster, name: str) -> bool:
    return any(secret["metadata"]["name"] == name for secret in cluster.objects("Secret", NAMESPACE))


def names(release: Release) -> set[str]:
    """The injector's pods that are ready."""
    return {pod["metadata"]["name"] for pod in release.injectors() if pod["status"]["phase"] == "Running"}
