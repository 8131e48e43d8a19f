"""The guides, followed from their first command to the last: clients, guides, inject, notes, plain, resources."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from real.bootstrap import ROOT, TARGET
from real.processes import Failed, until

from . import images, pages, store
from .cluster import Refusal
from .context import Context
from .following import Following
from .install_cases import swept
from .load import injected
from .node import NotRun
from .release import NAME, NAMESPACE, image_values, values_file
from .runbook_cases import admitted, deployment, pod_of
from .workloads import PREFIX, Place, container, expect, holds

SPACE = "my-app"
# Of the chart's README, whose namespace NOTES want to create.
LATER = "e2e-later"
# The image under test instead of the published one, and the cluster's own STS.
IMAGE = " ".join(image_values())
STS = f"agent.stsEndpoint={store.endpoint(0)},agent.awsCaBundle.configMap={store.CONFIG_MAP}"
CHART_README = "charts/stsidecar/README.md"


def notes(context: Context) -> str:
    """The chart's README and its NOTES, from helm install to the removal of docs/removal.md"""
    cluster = context.cluster
    with swept(context, SPACE, LATER), Following(context, "notes") as following:
        install = {"--set agent.region=eu-central-1": f"--set agent.region={store.REGION},{STS} {IMAGE}"}
        readme = following.page(CHART_README, install)
        readme.run("stsidecar", "helm", seconds=180)
        cluster.kubectl("create", "namespace", LATER)
        cluster.kubectl("-n", LATER, "create", "serviceaccount", LATER)
        typed = {one: followed_notes(context, following, *settings) for one, settings in NOTED.items()}
        of_readme = following.page(CHART_README, {f" {SPACE} ": f" {LATER} ", f"-n {SPACE}": f"-n {LATER}"})
        of_readme.run("stsidecar", "kubectl")
        named = excluded(context)
        left = [one for one in pages.notes() if not any(matches(one, line) for lines in typed.values() for line in lines)]
        expect("commands of NOTES.txt that were not run", left, [])
        removal = following.page("docs/removal.md")
        holds("the pod that was injected is listed", SPACE in removal.run("What keeps working", "kubectl get"))
        removal.run("What keeps working", "helm", seconds=120)
        removal.run("What keeps working", "kubectl delete", seconds=120)
    return (
        f"{sum(map(len, typed.values()))} commands of NOTES run in {len(typed)} shapes, {len(following.ran)} of the pages; "
        f"with a list of roles helm test says {named!r}"
    )


# The values for which NOTES end in another command; the first leaves the release as it is.
NOTED = {"tests": (), "no tests": ("tests.enabled=false",), "no injector": ("injector.enabled=false",)}


def excluded(context: Context) -> str:
    """What `helm test` says when injector.allowedRoleArns leaves out its role; NOTES have warned of it."""
    listed = 'injector.allowedRoleArns=[{"namespaces":["my-*"],"roleArns":["*"]}]'
    own = ("--set=injector.enabled=true,tests.enabled=true", "--set-json", listed)
    context.release.helm("upgrade", NAME, str(pages.NOTES.parents[1]), "--reuse-values", "--wait", *own)
    context.release.rolled_out()
    noted = context.release.helm("get", "notes", NAME)
    holds("NOTES warn of the role", "does not allow tests.roleArn" in noted, noted)
    try:
        context.release.test()
    except Failed as failure:
        said = str(failure)
    else:
        raise Failed("helm test succeeded with a role that the list leaves out")
    holds("it names the value to set", "tests.roleArn" in said, said[:3000])
    return re.search(r"injector\.allowedRoleArns does not allow [^;]*; fix: [^,(]*", said)[0]


def matches(template: str, line: str) -> bool:
    """Whether a line of the rendered NOTES was this one."""
    parts = re.split(r"\{\{.*?\}\}", template)
    return re.fullmatch(".*".join(map(re.escape, parts)), line) is not None


def followed_notes(context: Context, following: Following, *settings: str) -> list[str]:
    """Runs what NOTES say after an upgrade with `settings`; a namespace is made once only."""
    if settings:
        context.release.helm("upgrade", NAME, str(pages.NOTES.parents[1]), "--reuse-values", "--wait", *(f"--set={one}" for one in settings))
    text = context.release.helm("get", "notes", NAME)
    lines = [line.strip() for line in text.splitlines() if re.match(r"  (kubectl|helm) ", line)]
    holds("NOTES have commands", lines, text)
    wanted = lines[-1:] if settings else lines
    for line in wanted:
        # Public images and AWS are not to be had here.
        typed = line.replace("--image=amazon/aws-cli", f"--image={images.APP}").replace("-- sts get-caller-identity", "-- token")
        done = following.shell(typed, "notes", 150)
        if done.returncode != 0:
            raise Failed(f"`{line}` ends with {done.returncode}: {done.stdout[-2000:]}\n{context.cluster.describe(SPACE, SPACE)}")
        if " annotate " in line:
            context.cluster.kubectl("-n", SPACE, "create", "configmap", store.CONFIG_MAP, f"--from-literal=ca.crt={context.store.ca}")
    return wanted


def plain(context: Context) -> str:
    """deploy/ by kubectl apply -k, and the restart that takes a change of its ConfigMap"""
    with swept(context), Following(context, "plain") as following:
        (following.folder / "deploy").unlink()
        name, tag = (value.partition("=")[2] for value in image_values()[3::2])
        for file in (ROOT / "deploy").glob("*.yaml"):
            own = f"images: [{{name: ghcr.io/stsidecar/stsidecar, newName: {name}, newTag: {tag}}}]\n"
            following.write(f"deploy/{file.name}", file.read_text() + (own if file.stem == "kustomization" else ""))
        page = following.page("deploy/README.md")
        try:
            page.run("Without Helm", "kubectl apply", seconds=120)
            page.run("Without Helm", "kubectl -n stsidecar-system rollout restart")
            context.release.rolled_out()
        finally:
            following.shell("kubectl delete -k deploy --ignore-not-found --timeout=60s", "plain", 90)
    return f"{len(following.ran)} commands run; the injector answers after kubectl apply -k and after its restart"


def guides(context: Context) -> str:
    """docs/annotations.md and aws.md: their commands, in a namespace of their own"""
    place = context.place("guides", labels={}, account={})
    expected = {"NAMESPACE=my-app SERVICE_ACCOUNT=my-app": f"NAMESPACE={place.namespace} SERVICE_ACCOUNT={store.ACCOUNT}"}
    issuer = context.cluster.kubectl("get", "--raw", "/.well-known/openid-configuration")
    (named,) = re.findall(r'"issuer":"([^"]+)"', issuer)
    role = {"role/my-app": f"role/{place.role}"}
    with Following(context, "guides") as following:
        aws = following.page("docs/aws.md", {**expected, "https://oidc.example.com/my-cluster": named, **role}, POD="app")
        for section in ("Letting AWS trust your cluster", "Issuer on any other cluster", "Role"):
            aws.run(section)
        place.start()
        aws.run("When it does not work")
        configured(following, place)
        page = following.page("docs/annotations.md", NAMESPACE=place.namespace, POD="app")
        page.run("What the injector writes")
        page.run("The hash of what decided")
    return f"{len(following.ran)} commands of the guides run"


def configured(following: Following, place: Place) -> None:
    """A workload with a configuration file; its log has the hash of what it has read."""
    text = f"profiles:\n  default:\n    webIdentity:\n      roleArn: {store.arn(place.role)}\n"
    metadata = {"name": "settings", "namespace": place.namespace}
    place.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config.yaml": text}})
    place.create(deployment(place, "configured", annotations={"config": "settings"}))
    pod = pod_of(place, "configured")
    place.cluster.ready(place.namespace, pod)
    names = {"NAMESPACE": place.namespace, "CONFIGMAP": "settings", "POD": pod, "DEPLOYMENT": "configured"}
    said = following.page("docs/annotations.md", **names).run("Settings")
    digests = re.findall(r"\b[0-9a-f]{64}\b", said)
    holds("the log has the hash of the ConfigMap", len(digests) >= 2 and len(set(digests)) == 1, said)


# A user's chart, as `helm template web charts/web` wants it.
WEB = {"charts/web/Chart.yaml": "{apiVersion: v2, name: web, version: 0.1.0}\n", "charts/web/templates/web.yaml": ""}


def inject(context: Context) -> str:
    """docs/inject.md: a chart's workload gets its sidecar between helm template and kubectl apply, without the webhook"""
    if not (TARGET / "debug" / "stsidecar").exists():
        raise NotRun("`stsidecar inject` is not in the image: cargo build --bin stsidecar")
    place = context.place("inject", labels={f"{PREFIX}injection": "disabled"})
    web = deployment(place, "web", annotations={"role-arn": store.arn(place.role), "sts-endpoint": store.endpoint(0)})
    with Following(context, "inject") as following:
        for name, text in WEB.items():
            following.write(name, text or yaml.safe_dump(web))
        own = yaml.safe_load(values_file(context.directory).read_text())
        name, tag = (value.partition("=")[2] for value in image_values()[3::2])
        following.write("values.yaml", yaml.safe_dump({**own, "image": {"registry": "", "repository": name, "tag": tag}}))
        page = following.page("docs/inject.md", NAMESPACE=place.namespace, DEPLOYMENT="plain", ROLE_ARN=store.arn(place.role))
        place.create({**deployment(place, "plain")})
        page.run("`stsidecar inject`: the sidecar in manifests")
        made = json.loads((following.folder / "plain.json").read_text())
    holds("the second command prints the sidecar", injected(made["spec"]["template"]), made)
    pod = context.cluster.ready(place.namespace, pod_of(place, "web"))
    holds("the workload of the first runs with its sidecar", injected(pod))
    return f"{len(following.ran)} block run; web runs injected in a namespace that the webhook leaves alone"


def resources(context: Context) -> str:
    """docs/resources.md: each refusal by a quota or a LimitRange, and the annotation that cures it"""
    place = context.place("resources")
    limited = [container(resources={"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}})]
    quota = {"kind": "ResourceQuota", "spec": {"hard": {"limits.cpu": "2"}}}
    ranges = [
        {"kind": "LimitRange", "spec": {"limits": [{"type": "Container", **limits}]}}
        for limits in (
            {"min": {"memory": "64Mi"}},
            {"min": {"cpu": "50m"}},
            {"default": {"cpu": "500m"}, "maxLimitRequestRatio": {"cpu": "10"}},
        )
    ]
    incidents = [("A ResourceQuota", quota), *(("A LimitRange", one) for one in ranges)]
    said: list[str] = []
    with Following(context, "resources") as following:
        page = following.page("docs/resources.md", NAMESPACE=place.namespace, DEPLOYMENT="web")
        rows = [row for section in ("A ResourceQuota", "A LimitRange") for row in page.rows(section)]
        expect("rows with a command", len(rows), len(incidents))
        for (refusal, command), (section, incident) in zip(rows, incidents, strict=True):
            with cured(place, incident):
                asked = lambda: refused_with(place, limited)  # noqa: E731
                text = until(f"the API server says {refusal!r}", lambda: refusal in (text := asked()) and text, 30, every=0.3)
                if not said:
                    place.create(deployment(place, "web", containers=limited))
                    page.run("Requests, limits and quotas")
                page.run(section, command)
                until(f"{command} cures {refusal!r}", lambda: not asked(), 30, every=0.3)
                said.append(text)
            place.cluster.kubectl("annotate", "namespace", place.namespace, *(f"{PREFIX}{key}-" for key in KEYS))
    return f"{len(said)} refusals seen as written and cured: {'; '.join(text[-60:] for text in said)}"


KEYS = ("cpu-limit", "cpu-request", "memory-limit", "memory-request")


@contextmanager
def cured(place: Place, incident: dict) -> Iterator[None]:
    """A quota or range for a while."""
    metadata = {"name": "e2e", "namespace": place.namespace}
    place.cluster.apply([{"apiVersion": "v1", "metadata": metadata, **incident}])
    try:
        yield
    finally:
        place.cluster.kubectl("-n", place.namespace, "delete", incident["kind"].lower(), "e2e")


def refused_with(place: Place, containers: list[dict]) -> str:
    """What the API server says of an injected pod; nothing when it takes it."""
    try:
        place.cluster.create(place.pod("asking", containers=containers), "?dryRun=All")
    except Refusal as refusal:
        return refusal.message
    return ""


def clients(context: Context) -> str:
    """docs/webhook-clients.md: an API server without a certificate is refused, helm test says so, and the way back works"""
    place = context.place("clients")
    with Following(context, "clients") as following:
        page = following.page("docs/webhook-clients.md")
        page.run("An authority of its own")
        try:
            page.run("Then the webhook", "kubectl", seconds=120)
            until("the API server is refused", lambda: not admitted(place), 60, every=0.5)
            refusal = page.run("Then the webhook", "helm test", seconds=90)
        finally:
            page.run("The way back", seconds=120)
        context.cluster.kubectl("-n", NAMESPACE, "delete", "configmap", "stsidecar-webhook-clients")
    line = next(line for line in refusal.splitlines() if "failed calling webhook" in line)
    reasons = ("tls: certificate required", "use of closed network connection")
    expect("the reason is one of the page's", any(reason in line for reason in reasons), True)
    return f"{len(following.ran)} blocks run; without a certificate: {line.strip()[-120:]!r}"
