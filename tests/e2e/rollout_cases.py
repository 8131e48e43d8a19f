"""What an upgrade leaves in effect, and a registration that is gone: new4, new3, unregistered."""

import time
from concurrent.futures import ThreadPoolExecutor

from real.processes import Failed, until

from . import store
from .admission_cases import injector_metrics
from .cluster import Refusal, is_ready, metric
from .context import Context
from .following import Following
from .load import NOWHERE, Load
from .release import INJECTOR, NAMESPACE, Release, values_file
from .workloads import PREFIX, Place, expect, holds

# More at a time than the API server keeps connections, so that old injectors are asked too if any is left.
PODS = 40
AT_ONCE = 8
REGISTRATION = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{INJECTOR}"
REGISTERED = "stsidecar_injector_webhook_registered"


def new4(context: Context) -> str:
    """By Helm 4: no pod has the old values once `helm upgrade --wait` returned, and none failed on the way"""
    return changed(context, "helm4")


def new3(context: Context) -> str:
    """The same by Helm 3, which returns before the old injectors have been asked to stop"""
    return changed(context, "helm3")


def changed(context: Context, major: str) -> str:
    """Two upgrades with a changed value under 50 admissions/s: there and back."""
    place, values = context.place(f"new-{major}"), f"--values={values_file(context.directory)}"
    if context.release.major != major:
        context.release.uninstall()
        context.release = Release(context.cluster, major)
        context.release.install(values)
    seen = []
    with Load(place, 50) as load:
        for region in ("eu-west-1", store.REGION):
            answered = load.answered
            until("admissions before", lambda answered=answered: load.answered >= answered + 25, 30)
            context.release.upgrade(values, "--set", f"agent.region={region}")
            returned = time.monotonic()
            found = regions(place)
            took = time.monotonic() - returned
            expect(f"regions of {PODS} pods created within {took:.2f} s after helm upgrade --wait", found, {region})
            seen.append(f"{took:.2f} s")
    expect("failed admissions", load.failures[:3], [])
    reloads = {metric(text, "stsidecar_injector_configuration_reloads_total", outcome="error") for text in injector_metrics(context)}
    expect("configurations that could not be read", reloads, {0})
    return f"{major}: {load.answered} admissions at 50/s, 0 failed; after each of 2 upgrades {PODS} pods within {', '.join(seen)}, all new"


def regions(place: Place) -> set[str]:
    """The regions that pods get which are created now, as dry runs."""

    def one(number: int) -> str:
        pod = place.cluster.create(place.pod(f"new-{number}", nodeSelector=NOWHERE), "?dryRun=All")
        sidecar = next(one for one in pod["spec"]["initContainers"] if one["name"] == "stsidecar")
        return next((one["value"] for one in sidecar["env"] if one["name"] == "AWS_REGION"), "none")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return set(pool.map(one, range(PODS)))


def unregistered(context: Context) -> str:
    """The webhook configuration is deleted: injectors say so, keep serving, create nothing; helm upgrade brings it back"""
    place, cluster = context.place("unregistered"), context.cluster
    until("every injector is registered", lambda: registered(context) == {1}, 30)
    cluster.request("DELETE", REGISTRATION)
    until("every injector sees it", lambda: registered(context) == {0}, 30)
    # Nothing the injectors do may bring it back: that right cannot be limited to a name. Two looks of each.
    time.sleep(9)
    try:
        raise Failed(f"it was made again: {cluster.get(REGISTRATION)['metadata']}")
    except Refusal as refusal:
        expect("status of the registration", refusal.status, 404)
    pods = context.release.injectors()
    expect("ready injectors", [is_ready(pod) for pod in pods], [True, True])
    for pod in pods:
        name = pod["metadata"]["name"]
        log = cluster.kubectl("-n", NAMESPACE, "logs", name)
        errors = [line for line in log.splitlines() if "pods start without credentials" in line]
        holds("one ERROR line says what it means", len(errors) == 1 and '"level":"ERROR"' in errors[0], errors)
        page = cluster.through_pod(NAMESPACE, name, 9912, "/readyz?verbose")
        holds("/readyz?verbose shows it", f"[!]webhook: MutatingWebhookConfiguration {INJECTOR} does not exist" in page, page)
    bare = cluster.create(place.pod("bare", annotations={"inject": "true"}, nodeSelector=NOWHERE), "?dryRun=All")
    holds("pods start without credentials meanwhile", f"{PREFIX}status" not in bare["metadata"].get("annotations", {}))
    with Following(context, "unregistered") as following:
        runbook = following.runbook("StsidecarWebhookNotRegistered")
        for section in ("Look", "Fix", "Over"):
            runbook.run(section, seconds=90)
    until("every injector is registered again", lambda: registered(context) == {1}, 30)
    context.release.rolled_out()
    with Load(place, 20) as load:
        until("admissions", lambda: load.answered >= 20, 30)
    expect("failed admissions", load.failures[:3], [])
    return "deleted: metric 0 and one ERROR line in both injectors, which stay ready; helm upgrade: 1 again, pods are injected"


def registered(context: Context) -> set[float]:
    """What the injectors say of their registration."""
    return {metric(text, REGISTERED) for text in injector_metrics(context)}
