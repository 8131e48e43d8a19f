"""What `stsidecar status` answers that nothing else shows: who never asked, and what a retry comes to: status."""

import json

from real.processes import Failed, until

from . import store
from .cluster import metric
from .context import Context
from .following import Following
from .workloads import Place, container, expect, holds

LAST = "stsidecar_client_last_request_timestamp_seconds"
# Listens, and never asks for credentials.
IDLE = ["relay", "127.0.0.1:7000=127.0.0.1:7001"]


def status(context: Context) -> str:
    """A container that never asks is named, and a role that refuses is asked again by --retry, also before the start"""
    place = context.place("status")
    place.start(containers=[container(), container("idle", command=IDLE)])
    page = until("the application has asked", lambda: asked(place), 30)
    holds("the container that never asks is named", "idle: never asked since the agent's start" in page, page)
    with Following(context, "status") as following:
        following.runbook("StsidecarClientNeverAsked", NAMESPACE=place.namespace, POD="app", CONTAINER="idle").run("Look")
    metrics = place.metrics()
    expect(f"{LAST} of a container that never asks", metric(metrics, LAST, client="idle"), 0)
    holds(f"{LAST} of the application is a moment of today", metric(metrics, LAST, client="app") > 1.7e9, metrics)
    well = place.exec("app", "stsidecar", "/stsidecar", "status", "--retry")
    holds("what is well is left alone", "retry         default: nothing to retry" in well, well)
    # This role trusts the ServiceAccount of another namespace.
    place.create(place.pod("refused", annotations={"role-arn": store.arn("e2e-d")}))
    until("the waiting pod was refused", lambda: attempts(place, "refused"), 60, every=0.3)
    again = retried(context, place)
    holds("it says that the role refuses", again[0] == 1 and "default: failed again: AccessDenied" in again[1], again)
    soon = retried(context, place)
    holds("a second retry has to wait", soon[0] == 1 and "ask again in" in soon[2], soon)
    return next(line.strip() for line in page.splitlines() if "never asked" in line) + "; " + again[1].strip().splitlines()[-1].strip()


def asked(place: Place) -> str | None:
    """The status page, once the application has asked."""
    page = place.exec("app", "stsidecar", "/stsidecar", "status")
    return page if "app: last asked" in page else None


def attempts(place: Place, pod: str) -> int | None:
    """How often its sidecar was refused; nothing before the sidecar runs."""
    command = ("-n", place.namespace, "exec", pod, "-c", "stsidecar", "--", "/stsidecar", "status", "-o", "json")
    done = place.cluster.try_kubectl(*command)
    try:
        error = json.loads(done.stdout)["profiles"][0]["lastError"]
    except (ValueError, LookupError):
        return None
    return error and error["attempts"]


def retried(context: Context, place: Place) -> tuple[int, str, str]:
    """Exit code, output and error of a retry in the pod that waits."""
    done = context.cluster.try_kubectl("-n", place.namespace, "exec", "refused", "-c", "stsidecar", "--", "/stsidecar", "status", "--retry")
    if "no agent answers" in done.stderr:
        raise Failed(done.stderr)
    return done.returncode, done.stdout, done.stderr
