#!/usr/bin/env python3
"""The demo: an unmodified boto3 program goes on undisturbed while its credentials are renewed underneath it.

Starts everything by itself on loopback, takes about half a minute, says what it saw, and leaves nothing running.
The exit code is 0 only when everything was as promised. STSIDECAR_BIN names the binary, else the debug build.
"""

import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from real import bootstrap
from real.screen import Screen

APP = Path(__file__).with_name("app.py")
RUN_SECONDS = 20
ROTATE_SECONDS = 3
REFRESH_AT = "3s"
ROW_SECONDS = 2
# Everything together, after downloads: half a minute, or more on a machine that is busy.
LIMIT_SECONDS = 300

METRICS = (
    "stsidecar_ready",
    "stsidecar_credentials_refreshes_total",
    "stsidecar_credentials_refresh_errors_total",
    "stsidecar_token_reloads_total",
    "stsidecar_sts_request_duration_seconds_count",
    "stsidecar_http_requests_total",
)


@dataclass
class Seen:
    """What was counted, for each participant; the wire's numbers are from the taps, not from the agent."""

    app_exit: int | None
    app_said: str
    requests: int
    succeeded: int
    refused: int
    access_keys: int
    sts_calls: int
    sts_refused: int
    swaps: int
    tokens_read: int
    generation: int
    served: int
    not_served: int
    secrets_in_log: int
    agent_exit: int | None = None
    left_running: int = 0


def scene(screen: Screen, directory: Path) -> int:
    """Sets the stage from the issuer to the app, plays, and judges."""
    from real.agent import Agent
    from real.issuer import Issuer
    from real.kubelet import TokenVolume, mint
    from real.seaweed import SeaweedFS
    from real.tap import Tap

    with Issuer() as issuer:
        screen.step("An OpenID Connect issuer", issuer.url, "plays the API server: signs service account tokens, publishes its keys")
        began = time.monotonic()
        with SeaweedFS(directory / "seaweedfs", issuer.url) as store:
            up = f"{store.url}, up after {time.monotonic() - began:.1f} s"
            screen.step("SeaweedFS, a real STS and S3", up, "verifies the signature of every token and of every S3 request")
            volume = TokenVolume(directory / "serviceaccount")
            volume.write(mint(issuer))
            screen.step(
                "The token volume",
                f"a new token every {ROTATE_SECONDS} s",
                "swapped in one rename, exactly as the kubelet does once an hour or a day",
            )
            with Tap(store.port) as sts, Tap(store.port) as s3:
                began = time.monotonic()
                with Agent(directory / "agent", volume.file, sts.url, {"STSIDECAR_REFRESH_AT": REFRESH_AT}) as agent:
                    agent.await_ready()
                    ready = f"credentials after {1000 * (time.monotonic() - began):.0f} ms"
                    screen.step(
                        "stsidecar run", ready, f"exchanges the token; renews after {REFRESH_AT}, in production after 20 % of the lifetime"
                    )
                    seen, status, metrics = play(screen, directory, issuer, volume, agent, sts, s3)
                    seen.agent_exit = agent.stop()
    seen.left_running = sum(process.poll() is None for process in (agent.process, store.process))
    return conclude(screen, seen, status, metrics)


def play(screen, directory, issuer, volume, agent, sts, s3) -> tuple[Seen, str, list[str]]:
    """Runs the application while tokens rotate, one row every two seconds; then asks the agent."""
    from real.kubelet import Rotation

    environment = {**agent.client_environment(), "AWS_ENDPOINT_URL_S3": s3.url}
    screen.step("An application", "tests/demo/app.py", "boto3 as it comes from PyPI, with these variables and no others of AWS:")
    for name in ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_REGION", "AWS_ENDPOINT_URL_S3"):
        screen.variable(name, environment[name])
    screen.heading("It lists a bucket, writes an object and reads it back:")
    screen.row("second", "S3 calls", "refused", "tokens", "renewals", "access key seen on the wire")
    with Rotation(volume, issuer, ROTATE_SECONDS):
        app = start_app(directory, environment)
        began = time.monotonic()
        for row in range(1, RUN_SECONDS // ROW_SECONDS + 1):
            time.sleep(max(0.0, began + row * ROW_SECONDS - time.monotonic()))
            numbers = (row * ROW_SECONDS, sum(s3.access_keys.values()), sum(s3.refused.values()), volume.swaps, agent.generation() - 1)
            screen.row(*map(str, numbers), s3.last_access_key or "none yet")
            if app.poll() is not None:
                break
        app_exit = wait_for(app)
    return look(directory, app_exit, volume, agent, sts, s3), agent.command("status").stdout, excerpt(agent.metrics())


def start_app(directory: Path, environment: dict[str, str]) -> subprocess.Popen:
    from real.processes import bare_environment, start
    from real.store import BUCKET

    home = directory / "home"
    home.mkdir()
    command: list[str | Path] = [bootstrap.VENV_PYTHON, APP, BUCKET, str(RUN_SECONDS)]
    return start(command, directory / "app.log", {**bare_environment(home), **environment})


def wait_for(app: subprocess.Popen) -> int | None:
    """The app's exit code; None when it did not end in time."""
    from real.processes import stop

    try:
        return app.wait(60)
    except subprocess.TimeoutExpired:
        stop(app)
        return None


def look(directory: Path, app_exit: int | None, volume, agent, sts, s3) -> Seen:
    """Counts, after the last call."""
    served, not_served = agent.endpoint_answers()
    _, answer = agent.credentials()
    log = agent.log.read_text(errors="replace")
    vended = [answer.get(name, "") for name in ("SecretAccessKey", "Token")]
    secrets = [*vended, volume.file.read_text(), agent.authorization_token_file.read_text()]
    status = agent.status()
    return Seen(
        app_exit=app_exit,
        app_said=(directory / "app.log").read_text(errors="replace").strip(),
        requests=sum(s3.access_keys.values()),
        succeeded=s3.statuses[200],
        refused=sum(s3.refused.values()),
        access_keys=len(s3.access_keys),
        sts_calls=sum(sts.statuses.values()),
        sts_refused=sum(sts.refused.values()),
        swaps=volume.swaps,
        tokens_read=status["token"]["generation"],
        generation=status["hops"][-1]["generation"],
        served=served,
        not_served=not_served,
        secrets_in_log=sum(bool(secret) and secret in log for secret in secrets),
    )


def excerpt(metrics: dict[str, float]) -> list[str]:
    """The series worth showing, without those that stayed at zero."""
    return [f"{name} {value:g}" for name, value in metrics.items() if name.startswith(METRICS) and value]


def conclude(screen: Screen, seen: Seen, status: str, metrics: list[str]) -> int:
    """Says what was seen, promise by promise. 0 when all were kept."""
    screen.block("stsidecar status", status.strip().splitlines())
    screen.block("From /metrics, what is not zero", metrics)
    screen.heading("What was seen:")
    renewals = seen.generation - 1
    kept = [
        screen.verdict(
            seen.app_exit == 0, "the application ended well", seen.app_said.splitlines()[-1] if seen.app_said else "it said nothing"
        ),
        screen.verdict(
            0 < seen.requests == seen.succeeded and not seen.refused,
            "every S3 call succeeded",
            f"{seen.requests} on the wire, {seen.succeeded} answered with 200, {seen.refused} refused",
        ),
        screen.verdict(
            seen.served > 0 == seen.not_served,
            "the agent answered every time",
            f"{seen.served} times with credentials, {seen.not_served} times with an error",
        ),
        screen.verdict(renewals >= 3, "credentials were renewed underneath it", f"{renewals} times in {RUN_SECONDS} s"),
        screen.verdict(seen.access_keys >= 3, "it picked them up", f"{seen.access_keys} different access keys on the wire"),
        screen.verdict(
            seen.tokens_read >= 3,
            "the agent saw the token rotate",
            f"{seen.swaps - 1} swaps of the volume, {seen.tokens_read - 1} new tokens read",
        ),
        screen.verdict(
            # One more may have been answered between the two counts.
            0 < seen.generation <= seen.sts_calls <= seen.generation + 1 and not seen.sts_refused,
            "no needless call to STS",
            f"{seen.sts_calls} calls for {seen.generation} credentials, {seen.sts_refused} refused",
        ),
        screen.verdict(seen.secrets_in_log == 0, "no secret in the agent's log", f"{seen.secrets_in_log} of 4 secrets found"),
        screen.verdict(bool(metrics) and bool(status.strip()), "status and metrics answered", "shown above"),
        screen.verdict(seen.agent_exit == 0, "the agent stopped when asked", f"exit code {seen.agent_exit}"),
        screen.verdict(not seen.left_running, "nothing is left running", f"{seen.left_running} processes"),
    ]
    return screen.end(all(kept))


def main() -> int:
    bootstrap.inside_venv("store")
    bootstrap.agent_binary()

    def out_of_time(*_: object) -> None:
        raise SystemExit(f"the demo did not end within {LIMIT_SECONDS} s")

    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.alarm(LIMIT_SECONDS)
    screen = Screen("stsidecar: an application that never notices that its credentials are renewed")
    with tempfile.TemporaryDirectory(prefix="stsidecar-demo-") as directory:
        try:
            return scene(screen, Path(directory))
        except KeyboardInterrupt:
            return screen.failure("interrupted")
        except Exception as failure:
            return screen.failure(f"{type(failure).__name__}: {failure}")


if __name__ == "__main__":
    sys.exit(main())
