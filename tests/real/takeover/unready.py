"""How long clients ask an endpoint that has no credentials yet: each runs once beside an agent that STS refuses.

The agent's own counter says how often it answered with 503, which it does after having held a request for 0.8 s. So the
figures are those of a pod whose kubelet started the application too early. A client that still asks after LIMIT_SECONDS
is ended.
"""

import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path

from ..agent import Agent
from ..bootstrap import TARGET
from ..issuer import Issuer
from ..kubelet import TokenVolume, mint
from ..processes import bare_environment, start
from . import network, pins, unready_table
from .contenders import TOKEN
from .measure import PROGRAMS, Program, install
from .servers import for_one_client, for_refused

LIMIT_SECONDS = 90
HOLD_SECONDS = 0.8
# The programs of the SDK matrix make one call by one worker.
_ONCE = {"WORKERS": "1"}
_LOAD_SECONDS = "0.5"
_503 = 'stsidecar_http_requests_total{code="503"}'
_LOGS = TARGET / "tmp" / "unready"


def measured(program: Program, agent: Agent, directory: Path, log: Path, legacy: bool) -> dict:
    """One run of a client: how often it asked, for how many seconds from the first request to the last answer, and what then."""
    home = directory / "home"
    home.mkdir()
    token = {TOKEN: agent.authorization_token_file.read_text()} if legacy else {}
    with for_one_client() as seen:
        variables = {
            **bare_environment(home),
            **agent.client_environment(),
            "AWS_STS_REGIONAL_ENDPOINTS": "regional",
            "AWS_ENDPOINT_URL_S3": "{s3}",
            **program.environment,
            **token,
            **_ONCE,
        }
        environment = {name: value.replace("{s3}", seen.s3) for name, value in variables.items()}
        parts = [str(part).replace("{s3}", seen.s3).replace("{home}", str(home)) for part in program.command]
        command = [*parts[:-1], _LOAD_SECONDS] if parts[-2:] == ["takeover", "1"] else parts
        process = start(["setsid", *command], log, environment)
        began = time.monotonic()
        first = last = 0.0
        answers, ended = 0, False
        while not ended and time.monotonic() < began + LIMIT_SECONDS:
            ended = process.poll() is not None
            now = int(agent.metrics().get(_503, 0))
            if now > answers:
                first, last, answers = first or time.monotonic(), time.monotonic(), now
            time.sleep(0.1)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not answers:
            return {"attempts": 0, "seconds": 0, "then": "never"}
        # The endpoint held the first request before it answered.
        return {"attempts": answers, "seconds": round(last - first + HOLD_SECONDS, 1), "then": seen.answer() if ended else "asks on"}


def run(program: Program, log: Path) -> dict:
    """The figures of one client; one that reads no token file is given the token in its variable."""
    for legacy in (False, True):
        with tempfile.TemporaryDirectory(prefix="stsidecar-unready-") as name, Issuer() as issuer, for_refused() as sts_url:
            directory = Path(name)
            volume = TokenVolume(directory / "serviceaccount")
            volume.write(mint(issuer))
            with Agent(directory / "agent", volume.file, sts_url) as agent:
                agent.await_error()
                row = measured(program, agent, directory, log, legacy)
        if row["attempts"]:
            return row
    return row


def main(arguments: list[str]) -> int:
    """`run.py unready [CLIENT...]`: measures all, or these, and writes the figures and the table."""
    inside = arguments[:1] == [network.INSIDE]
    names = arguments[inside:]
    if unknown := [name for name in names if name not in PROGRAMS]:
        print(f"unknown {unknown[0]}; there are: {' '.join(PROGRAMS)}", flush=True)
        return 64
    keys = names or list(PROGRAMS)
    if not inside:
        if reason := network.missing():
            print(f"not run: {reason}", flush=True)
            return 1
        if failure := install(keys):
            return failure
        network.enter_again("unready", names)
    network.set_up()
    _LOGS.mkdir(parents=True, exist_ok=True)
    for client in pins.CLIENTS:
        if client.key in keys:
            row = run(PROGRAMS[client.key], _LOGS / f"{client.key}.log")
            unready_table.record({"key": client.key, "version": client.version(), **row})
            print(f"{client.name}: {row}", flush=True)
    unready_table.DOCUMENT.write_text(unready_table.document())
    return 0
