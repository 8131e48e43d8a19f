"""The dashboard shows the cluster: agents, injectors, API server."""

import os
import tempfile
import time
from pathlib import Path

from chart import picture
from chart.monitoring_cases import queries_of_dashboard
from chart.prometheus_cases import Prometheus
from real.processes import Failed, until

from .cluster import Refusal
from .context import Context
from .release import NAMESPACE
from .workloads import Place, expect

LANE = 3
# Counted only once it has happened: webhooks that fail open.
NEVER_HERE = "apiserver_admission_webhook_fail_open_count"


def dashboard(context: Context) -> str:
    """Every query of the dashboard has an answer, after an outage, refusals and admissions. DASHBOARD_SVG: its picture"""
    place = context.place("dashboard", lane=LANE)
    place.start(environment={"EVERY_MS": 200})
    proxied = [(place.namespace, "app"), *((NAMESPACE, pod["metadata"]["name"]) for pod in context.release.injectors())]
    paths = [f"/api/v1/namespaces/{namespace}/pods/{pod}:9912/proxy/metrics" for namespace, pod in proxied]
    queries = [(title, query) for title, query in queries_of_dashboard() if NEVER_HERE not in query]
    missing: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="stsidecar-prometheus-") as folder,
        Prometheus(Path(folder) / "prometheus", context.cluster.proxy_port, "/metrics", *paths) as server,
    ):
        began = time.time()

        def answered(wanted: list[tuple[str, str]]) -> bool:
            admit(place)
            missing[:] = [title for title, query in wanted if not server.ask("query", query=query)["result"]]
            return not missing

        try:
            context.store.set_lane(LANE, "closed")
            until("a failure is seen", lambda: answered([pair for pair in queries if pair[0] == "Failures by reason"]), 60, every=0.5)
            context.store.set_lane(LANE, "open")
            expect("the endpoint's answer without a token", place.exec("app", "app", "/app", "ask").split()[0], "403")
            until("every query has an answer", lambda: answered(queries), 60, every=0.5)
        except Failed as failure:
            raise Failed(f"{failure}: {', '.join(missing)}") from failure
        finally:
            context.store.set_lane(LANE, "open")
        if wanted := os.environ.get("DASHBOARD_SVG"):
            picture.draw(server.ask, began, Path(wanted))
    return f"{len(queries)} queries answered by what Prometheus scraped of {len(paths)} pods and the API server"


def admit(place: Place) -> None:
    """One pod that is injected and one that is refused, neither of which is kept."""
    place.cluster.create(place.pod("looked-at"), "?dryRun=All")
    try:
        place.cluster.create(place.pod("mistaken", annotations={"inject": "yes"}), "?dryRun=All")
    except Refusal:
        return
    raise Failed("a pod with a mistake was admitted")
