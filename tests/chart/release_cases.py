"""A second release in one cluster: what `lookup` of a scripted API server finds, and what Helm then says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product

from .helm import CHART, HELMS, NAMESPACE, Refused, helm

GROUP = "admissionregistration.k8s.io"
CONFIGURATIONS = "mutatingwebhookconfigurations"


def answers(found: list[dict], deployments: list[str]) -> dict[str, dict]:
    """What the API server answers to each path."""

    def group(name: str) -> dict:
        version = {"groupVersion": f"{name}/v1", "version": "v1"}
        return {"name": name, "versions": [version], "preferredVersion": version}

    def resources(version: str, name: str, kind: str, namespaced: bool) -> dict:
        resource = {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}
        return {"kind": "APIResourceList", "groupVersion": version, "resources": [resource]}

    path = f"/apis/{GROUP}/v1"
    listed = {"kind": "MutatingWebhookConfigurationList", "apiVersion": f"{GROUP}/v1", "metadata": {}, "items": found}
    known = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(GROUP), group("apps")]},
        path: resources(f"{GROUP}/v1", CONFIGURATIONS, "MutatingWebhookConfiguration", namespaced=False),
        f"{path}/{CONFIGURATIONS}": listed,
        "/apis/apps/v1": resources("apps/v1", "deployments", "Deployment", namespaced=True),
    }
    for name in deployments:
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE}}
        known[f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}"] = deployment
    return known


@contextmanager
def cluster(found: list[dict], deployments: list[str] | None = None) -> Iterator[str]:
    """An API server that has these webhook configurations; its address."""
    known = answers(found, deployments or [])
    missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            body = json.dumps(known.get(path, missing)).encode()
            self.send_response(200 if path in known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def configuration(name: str, release: str | None, namespace: str | None, webhook: str = "pods.stsidecar.dev") -> dict:
    """A webhook configuration as the API server has it; without a release it is not Helm's."""
    metadata: dict = {"name": name, "labels": {"app.kubernetes.io/name": "stsidecar", "app.kubernetes.io/instance": release or "byhand"}}
    if release:
        metadata["annotations"] = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    return {"apiVersion": f"{GROUP}/v1", "kind": "MutatingWebhookConfiguration", "metadata": metadata, "webhooks": [{"name": webhook}]}


def asked(major: str, address: str, *arguments: str, release: str = "stsidecar") -> str:
    """What Helm would apply to that cluster, or what it says instead."""
    # Helm 4 checks what it has rendered with the API server's schemas, which this one has not.
    server = ("--dry-run=server", "--disable-openapi-validation", f"--kube-apiserver={address}")
    try:
        return helm(major, "template", release, str(CHART), f"--namespace={NAMESPACE}", *server, *arguments)
    except Refused as refused:
        return f"REFUSED {refused}"


OTHER = configuration("one-stsidecar-injector", "one", "team-a")
OWN = configuration("stsidecar-injector", "stsidecar", NAMESPACE)


def refused():
    """A second release is refused at install, and the message says what is there and what to do"""
    seen = 0
    for major, (found, words) in product(
        HELMS,
        [
            (OTHER, ["one-stsidecar-injector", "release one in namespace team-a", "helm uninstall one --namespace team-a"]),
            # Of the same name elsewhere: Helm itself would only say that some ClusterRole exists.
            (configuration("stsidecar-injector", "stsidecar", "team-a"), ["release stsidecar in namespace team-a"]),
            (configuration("by-hand", None, None), ["by-hand", "no release of Helm"]),
        ],
    ):
        with cluster([OWN | {"metadata": {"name": "strangers"}, "webhooks": [{"name": "a.example.com"}]}, found]) as address:
            said = asked(major, address)
            assert said.startswith("REFUSED"), f"{major}: {found['metadata']} is not seen"
            for word in [*words, "injector.enabled=false", "injector.allowOtherReleases=true"]:
                assert word in said, f"{major}: {word} is not in: {said}"
            # What was left behind is named with what removes it, by the labels that it has.
            labels = found["metadata"]["labels"]["app.kubernetes.io/instance"]
            assert f"kubectl delete {CONFIGURATIONS}" in said and f"app.kubernetes.io/instance={labels}" in said, said
            assert "\n" not in said.removeprefix("REFUSED ").split("Use --debug")[0].strip(), said
        seen += 1
    return f"{seen} refusals"


def admitted():
    """The same release is never refused, nor one without webhooks of its own"""
    seen = 0
    upgrade, off = ("--is-upgrade",), ("--set=injector.enabled=false",)
    for major, (found, deployments, arguments) in product(
        HELMS,
        [
            ([], [], ()),
            ([OWN], [], ()),
            ([OWN], ["stsidecar-injector"], upgrade),
            # Two that were there before this was checked, and one whose webhook configuration was deleted.
            ([OWN, OTHER], ["stsidecar-injector"], upgrade),
            ([OTHER], ["stsidecar-injector"], upgrade),
            ([OTHER], [], off),
            ([OTHER], [], (*upgrade, *off)),
            ([OTHER], [], ("--set=injector.allowOtherReleases=true",)),
            # Made by hand under our own name: Helm refuses it by itself, unless --take-ownership adopts it.
            ([configuration("stsidecar-injector", None, None)], [], ()),
        ],
    ):
        with cluster(found, deployments) as address:
            said = asked(major, address, *arguments)
            # Helm 4 goes on to look up every kind that it has rendered, and this API server has three.
            assert not said.startswith("REFUSED") or "resource mapping not found" in said, f"{major} {[one['metadata']['name'] for one in found]} {arguments}: {said}"
        seen += 1
    # Where the injector is switched on beside another's, a release is a second one too.
    with cluster([OTHER]) as address:
        assert asked("helm4", address, *upgrade).startswith("REFUSED"), "an upgrade that brings a second injector"
    return f"{seen} renderings"


CASES = [refused, admitted]
