"""The stsidecar binary under test, configured by environment variables alone, as in a pod."""

import contextlib
import http.client
import json
import subprocess
from pathlib import Path

from .bootstrap import agent_binary
from .processes import Failed, bare_environment, free_ports, start, stop, until
from .seaweed import ROLE
from .store import REGION

# The shortest session that SeaweedFS, like AWS, grants.
SHORTEST_SESSION = "15m"


class Agent:
    """A running agent with its own directory; a context manager.

    `settings` are environment variables that are added to, or with None removed from, those of a pod with one role.
    """

    def __init__(self, directory: Path, token_file: Path, sts_url: str, settings: dict[str, str | None] | None = None) -> None:
        directory.mkdir(parents=True)
        self.port, self.admin_port = free_ports(2)
        self.authorization_token_file = directory / "endpoint" / "token"
        self.authorization_token_file.parent.mkdir()
        self.log = directory / "agent.log"
        variables = {
            **bare_environment(directory),
            "AWS_ROLE_ARN": ROLE,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file),
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_STS": sts_url,
            "STSIDECAR_LISTEN": f"127.0.0.1:{self.port}",
            "STSIDECAR_ADMIN_LISTEN": f"127.0.0.1:{self.admin_port}",
            "STSIDECAR_AUTHORIZATION_TOKEN_FILE": str(self.authorization_token_file),
            "STSIDECAR_SESSION_DURATION": SHORTEST_SESSION,
            "STSIDECAR_REFRESH_AT": "2s",
            "STSIDECAR_LOG_FORMAT": "json",
            **(settings or {}),
        }
        self.environment = {name: value for name, value in variables.items() if value is not None}
        self._binary = agent_binary()
        self.process = start([self._binary, "run"], self.log, self.environment)

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return stop(self.process)

    def client_environment(self) -> dict[str, str]:
        """What the injector sets in an application container."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self.port}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(self.authorization_token_file),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs another command of the binary in the agent's environment, as `kubectl exec` does."""
        return subprocess.run(
            [self._binary, *arguments], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )

    def credentials(self) -> tuple[int, dict]:
        """One answer of the credentials endpoint: status and JSON. It may listen a little later than the admin surface."""
        headers = {"Authorization": self.authorization_token_file.read_text()}
        status, body = until("the endpoint answers", self._alive_and(lambda: self._request(self.port, "/v1/credentials", headers)), 60)
        return status, json.loads(body)

    def status(self) -> dict:
        """The only profile of `/status`."""
        _, body = self._request(self.admin_port, "/status")
        profiles = json.loads(body)["profiles"]
        if len(profiles) != 1:
            raise Failed(f"/status shows {len(profiles)} profiles instead of one")
        return profiles[0]

    def generation(self) -> int:
        """How many replies of STS the vended credentials have come from."""
        return self.status()["hops"][-1]["generation"]

    def ready(self) -> bool:
        """`/readyz`; false too while nothing listens."""
        with contextlib.suppress(ConnectionError):
            return self._request(self.admin_port, "/readyz")[0] == 200
        return False

    def metrics(self) -> dict[str, float]:
        """Every series with its value."""
        _, body = self._request(self.admin_port, "/metrics")
        lines = [line.rsplit(" ", 1) for line in body.decode().splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def endpoint_answers(self) -> tuple[int, int]:
        """How often the credentials endpoint answered with 200, and how often with anything else."""
        name = "stsidecar_http_requests_total"
        counts = {series: int(value) for series, value in self.metrics().items() if series.startswith(name)}
        good = counts.pop(f'{name}{{code="200"}}', 0)
        return good, sum(counts.values())

    def await_ready(self, seconds: float = 60.0) -> None:
        """Until there are credentials."""
        until("the agent is ready", self._alive_and(self.ready), seconds)

    def await_error(self, seconds: float = 60.0) -> dict:
        """Until an exchange has failed: the last error as `/status` shows it."""
        return until("/status shows a failed exchange", self._alive_and(lambda: self.status().get("lastError")), seconds)

    def await_generation(self, beyond: int, seconds: float = 60.0) -> int:
        """Until credentials newer than the `beyond`th are there."""

        def newer() -> int | None:
            generation = self.generation()
            return generation if generation > beyond else None

        return until(f"credentials after generation {beyond}", self._alive_and(newer), seconds)

    def _alive_and(self, probe):
        def checked():
            if self.process.poll() is not None:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
                raise Failed(f"the agent ended with {self.process.returncode}:\n{tail}")
            try:
                return probe()
            except ConnectionError:
                return None

        return checked

    @staticmethod
    def _request(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
