"""A running pod in trouble: the trust of its role is revoked, and kubectl shows it before the application does."""

import json

from real.processes import until

from .cluster import Cluster, is_ready, seconds_until, statuses
from .context import Context
from .workloads import Place, expect, holds

LANE = 4
EVENT = "Liveness probe failed: "
MOMENTS = ["half of the time that was left is gone", "credentials end soon", "no credentials are vended"]


def trust(context: Context) -> str:
    """The trust of a running pod's role is revoked: events, log and status say so before the end, and nothing restarts"""
    cluster = context.cluster
    context.store.set_lane(LANE, "brief")
    place = context.place("trust", lane=LANE)
    place.start(annotations={"readiness-probe": "true"})
    expect("the headline before", headline(place), "ready")
    context.store.set_lane(LANE, "revoked")
    try:
        before, warned = seconds_until("an event that warns", lambda: line(cluster, place, "credentials end "), 60, every=0.3)
        status = headline(place)
        holds("the pod is ready, and status says what is coming", status.startswith("ready, refreshes failing for "), status)
        holds("and when", ", credentials end in " in status, status)
        after, ended = seconds_until("the event of the end", lambda: line(cluster, place, "credentials ended "), 60, every=0.3)
        shown = show(place, after)
        cluster.pod_until("is out of its Services", place.namespace, "app", lambda pod: not is_ready(pod), 30)
        sidecar = statuses(cluster.object("Pod", place.namespace, "app"))["stsidecar"]
        expect("restarts of the sidecar", sidecar["restartCount"], 0)
        events = incident_events(cluster, place)
        holds("no moment has two events", sum(event.get("count", 1) for event in events) <= len(MOMENTS), events)
        seen = errors(place)
        expect("what the log says at ERROR, each once", seen, [moment for moment in MOMENTS if moment in seen])
        holds("among it the end", MOMENTS[-1] in seen, seen)
    finally:
        context.store.set_lane(LANE, "open")
    cluster.ready(place.namespace, "app")
    expect("the headline after the repair", until("ready again", lambda: headline(place) == "ready" and "ready", 30), "ready")
    return f"first event {warned:.0f} s after the revocation, end {ended:.0f} s later; status: {status}; {shown}; {before[:60]}..., 0 restarts"


def ending(context: Context) -> str:
    """A pod that is deleted while it waits leaves no event of its end, and its first event comes within seconds"""
    place = context.place("ending")
    place.create(place.pod())
    running = lambda pod: statuses(pod).get("stsidecar", {}).get("state", {}).get("running")  # noqa: E731
    context.cluster.pod_until("its sidecar runs", place.namespace, "app", running, 60)
    first, seconds = seconds_until("the first event", lambda: startup_events(context.cluster, place), 60, every=0.2)
    message = first[0]["message"]
    for part in ("AccessDenied", "trust policy"):
        holds(f"the event has {part!r}", part in message, message)
    context.cluster.delete("Pod", place.namespace, "app")
    context.cluster.gone("Pod", place.namespace, "app", 30)
    later = startup_events(context.cluster, place)
    expect("what the events say after the end", {event["message"] for event in later}, {message})
    return f"first event {seconds:.0f} s after the sidecar's start: {message}; none of the end"


def headline(place: Place) -> str:
    """What `stsidecar status` says first, without the version; its exit code is 1 while the pod is not ready."""
    done = place.cluster.try_kubectl("-n", place.namespace, "exec", "app", "-c", "stsidecar", "--", "/stsidecar", "status")
    return (done.stdout.splitlines() or [""])[0].partition(": ")[2]


def incident_events(cluster: Cluster, place: Place) -> list[dict]:
    found = [event for event in cluster.objects("Event", place.namespace) if event["reason"] == "Unhealthy"]
    return [event for event in found if event["message"].startswith(EVENT)]


def startup_events(cluster: Cluster, place: Place) -> list[dict]:
    found = [event for event in cluster.objects("Event", place.namespace) if event["reason"] == "Unhealthy"]
    return [event for event in found if event["message"].startswith("Startup probe failed: ")]


def line(cluster: Cluster, place: Place, part: str) -> str | None:
    """The event that has this part; it is whole, and as short as promised."""
    message = next((event["message"] for event in incident_events(cluster, place) if part in event["message"]), None)
    if message is not None:
        for wanted in ("default: role ", place.role, ": AccessDenied: ", "trust policy"):
            holds(f"the event has {wanted!r}", wanted in message, message)
        holds("it is shorter than 200 characters", len(message.removeprefix(EVENT)) < 200, message)
    return message


def show(place: Place, message: str) -> str:
    """What the two commands of an operator show; both must have the event's text."""
    described = place.cluster.kubectl("-n", place.namespace, "describe", "pod", "app")
    listed = place.cluster.kubectl("-n", place.namespace, "get", "events")
    for name, text in (("describe pod", described), ("get events", listed)):
        holds(f"kubectl {name} shows the event", message in text, text)
    return f"describe and get events: {message}"


def errors(place: Place) -> list[str]:
    """The lines at ERROR, without what they all begin with."""
    logs = place.cluster.kubectl("-n", place.namespace, "logs", "app", "-c", "stsidecar")
    lines = [json.loads(text) for text in logs.splitlines() if text.startswith("{")]
    found = [one["message"].removeprefix("refreshes keep failing: ") for one in lines if one["level"] == "ERROR"]
    return found
