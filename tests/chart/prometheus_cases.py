"""A real Prometheus scrapes a real agent and answers the dashboard's queries and the alerts' rules."""

import contextlib
import json
import os
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from chart import picture
from chart.helm import CHART
from chart.monitoring_cases import PROMTOOL, queries_of_dashboard
from real.agent import Agent
from real.issuer import Issuer
from real.kubelet import TokenVolume, mint
from real.processes import Failed, bare_environment, free_ports, start, stop, until
from real.seaweed import SeaweedFS

# What only a cluster has: the injector and the API server.
OF_THE_CLUSTER = ("stsidecar_injector_", "apiserver_")


class Prometheus:
    """A server of its own that scrapes each path of a port each second, with the chart's alerts; a context manager."""

    def __init__(self, directory: Path, target: int, *paths: str, rules: Path = CHART / "files" / "alerts.yaml") -> None:
        directory.mkdir()
        (self.port,) = free_ports(1)
        scrapes = [
            {
                "job_name": path,
                "scrape_interval": "1s",
                "metrics_path": path,
                "static_configs": [{"targets": [f"127.0.0.1:{target}"], "labels": {"cluster": "c", "namespace": "n", "pod": f"p-{number}"}}],
            }
            for number, path in enumerate(paths or ["/metrics"])
        ]
        settings = {"global": {"evaluation_interval": "1s"}, "rule_files": [str(rules)], "scrape_configs": scrapes}
        (directory / "prometheus.yml").write_text(json.dumps(settings))
        self.log = directory / "prometheus.log"
        command = [
            PROMTOOL.with_name("prometheus"),
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        self.process = start(command, self.log, bare_environment(directory))

    def __enter__(self) -> "Prometheus":
        try:
            until("Prometheus is ready", self._ready, 60)
        except Failed:
            stop(self.process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        stop(self.process)

    def _ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
            return answer.status == 200
        return False

    def ask(self, path: str, **parameters: str) -> dict:
        """The data of one answer of its API."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{parameters}: {refusal.read().decode()}") from refusal


def request(agent: Agent, token: str) -> None:
    """One request of an SDK, whatever the answer."""
    wanted = urllib.request.Request(f"http://127.0.0.1:{agent.port}/v1/credentials", headers={"Authorization": token})
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(wanted, timeout=30) as answer:
        answer.read()


def dashboard_on_prometheus():
    """A real Prometheus that scraped a real agent answers every query of the dashboard"""
    began, queries = time.time(), queries_of_dashboard()
    own = [(title, query) for title, query in queries if not any(name in query for name in OF_THE_CLUSTER)]
    with (
        tempfile.TemporaryDirectory(prefix="stsidecar-prometheus-") as folder,
        Issuer() as issuer,
        SeaweedFS(Path(folder) / "seaweedfs", issuer.url) as store,
    ):
        volume = TokenVolume(Path(folder) / "serviceaccount")
        volume.write(mint(issuer, account="intruder"))
        with Agent(Path(folder) / "agent", volume.file, store.url) as agent, Prometheus(Path(folder) / "prometheus", agent.admin_port) as server:

            def answered(wanted: list[tuple[str, str]]) -> bool:
                request(agent, "wrong")
                if agent.authorization_token_file.exists():
                    request(agent, agent.authorization_token_file.read_text())
                missing[:] = [title for title, query in wanted if not server.ask("query", query=query)["result"]]
                return not missing

            missing: list[str] = []
            # First a token that STS refuses, so that failures are counted; then a good one, as after a rotation.
            failures = [pair for pair in own if pair[0] == "Failures by reason"]
            until("a refused token is counted", lambda: answered(failures), 120, every=0.2)
            volume.write(mint(issuer))
            try:
                until("every query has an answer", lambda: answered(own), 120, every=0.2)
            except Failed as failure:
                raise AssertionError(f"no answer: {missing}") from failure
            for _, query in queries:
                server.ask("query", query=query)
            if wanted := os.environ.get("DASHBOARD_SVG"):
                picture.draw(server.ask, began, Path(wanted))
            rules = [rule for group in server.ask("rules")["groups"] for rule in group["rules"]]
            broken = [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] == "err"]
            assert rules and not broken, broken
            pending = {rule["name"] for rule in rules if rule.get("state") == "firing"}
            assert not pending, f"a healthy agent raises {pending}"
    return f"{len(own)} queries answered, {len(queries) - len(own)} of a cluster's accepted, {len(rules)} rules"


CASES = [dashboard_on_prometheus]
