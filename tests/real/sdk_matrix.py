"""Unmodified SDKs across renewals: default credential chain, environment variables only, real calls under load.

Each client runs for some seconds against SeaweedFS while the agent renews its credentials every two seconds.
The tap in front of the server sees with which access key each request was signed, so that "the client picked up
renewed credentials" is read off the wire, not reported by the client. No call may fail, and none may be refused.

When a client asks for new credentials is its own decision, and sessions of a real STS live 15 minutes at least.
So most clients have to be made anew to be seen picking up renewed ones; each says so in its own file. boto3 is
the exception: with less than 15 minutes left it asks before every call.
"""

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from .bootstrap import GO_CLIENTS, NODE_MODULES, ROOT, RUST_CLIENTS, VENV_PYTHON
from .kubelet import Rotation, mint
from .processes import Failed, bare_environment
from .store import BUCKET
from .sts_cases import Fixture, expect
from .tap import Tap

# How long a client works; longer where the machine was too slow to show what has to be seen.
LOADS = (8, 30, 120)
# Beyond the load: an interpreter that starts on a busy machine, and calls that were under way.
GRACE_SECONDS = 120
LEAST_CALLS = 20
LEAST_RENEWALS = 2
LEAST_ACCESS_KEYS = 2

_CLIENTS = ROOT / "tests" / "clients"


@dataclass(frozen=True)
class Client:
    """One program; it prints a line of JSON with `calls`, `failed` and `first_error`."""

    key: str
    name: str
    command: list[str | Path]
    # What tests/tools/install calls its tools, when the environment of this script does not hold them.
    group: str | None = None


def _python(script: str) -> list[str | Path]:
    return [VENV_PYTHON, _CLIENTS / "python" / script]


CLIENTS = [
    Client("boto3", "boto3 (botocore): one client for the whole run", _python("boto3_client.py")),
    Client("awscrt", "awscrt (C runtime: mountpoint-s3 and others): a new provider each second", _python("awscrt_client.py")),
    Client("pyarrow", "pyarrow (C++ SDK): a new file system each second", _python("pyarrow_client.py")),
    Client("js-v3", "JavaScript SDK v3: a new client each second", ["node", _CLIENTS / "node" / "aws_sdk_v3.cjs"], "node"),
    Client("js-v2", "JavaScript SDK v2: a new client each second", ["node", _CLIENTS / "node" / "aws_sdk_v2.cjs"], "node"),
    Client("aws-config", "aws-config (Rust SDK): a new configuration each second", [RUST_CLIENTS, "aws-config"], "rust"),
    Client("object_store", "object_store (Rust): a new store each second", [RUST_CLIENTS, "object-store"], "rust"),
    Client("go-v2", "Go SDK v2: a new client each second", [GO_CLIENTS / "app", "matrix"], "go"),
]


class TooFew(Failed):
    """Nothing was wrong, but not enough was seen."""


def across_renewals(fixture: Fixture, client: Client) -> str:
    """Runs one client under load while its credentials are renewed; says what was seen."""
    for seconds in LOADS:
        try:
            return under_load(replace(fixture, directory=fixture.directory / f"{seconds}s"), client, seconds)
        except TooFew as few:
            if seconds == LOADS[-1]:
                raise
            print(f"         {client.name}: {few} in {seconds} s; again, for longer ...", flush=True)
    raise AssertionError("there is a last one")


def under_load(fixture: Fixture, client: Client, seconds: int) -> str:
    """One run in a directory of its own."""
    fixture.directory.mkdir()
    volume = fixture.volume(mint(fixture.issuer))
    with Tap(fixture.store.port) as tap, fixture.agent(volume) as agent, Rotation(volume, fixture.issuer, seconds=3):
        agent.await_ready()
        home = fixture.directory / "home"
        home.mkdir()
        environment = {
            **bare_environment(home),
            **agent.client_environment(),
            "AWS_ENDPOINT_URL_S3": tap.url,
            "AWS_ENDPOINT_URL_STS": tap.url,
            "NODE_PATH": str(NODE_MODULES),
        }
        report = run(client, environment, seconds)
        renewals = agent.generation() - 1
        access_keys = len(tap.access_keys)
        served, refused = agent.endpoint_answers()
        expect("failed calls", report["failed"], 0)
        expect("refused requests on the wire", dict(tap.refused), {})
        # Some SDKs hide it for a while when the endpoint fails them.
        expect("the endpoint's answers other than 200", refused, 0)
        at_least("the endpoint's answers", served, LEAST_ACCESS_KEYS)
        at_least("calls", report["calls"], LEAST_CALLS)
        at_least("renewals by the agent", renewals, LEAST_RENEWALS)
        at_least("different access keys on the wire", access_keys, LEAST_ACCESS_KEYS)
    return f"{report['calls']} calls, 0 failed, {access_keys} access keys, {renewals} renewals"


def run(client: Client, environment: dict[str, str], seconds: int) -> dict:
    """The report of the client's program."""
    try:
        done = subprocess.run(
            [*client.command, BUCKET, str(seconds)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds + GRACE_SECONDS,
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"the client did not end within {late.timeout:g} s") from late
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        raise Failed(f"the client ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    report = json.loads(lines[-1])
    if report["failed"]:
        raise Failed(f"{report['failed']} of {report['calls']} calls failed, first: {report['first_error']}")
    return report


def at_least(what: str, found: int, wanted: int) -> None:
    """Fails when there were fewer."""
    if found < wanted:
        raise TooFew(f"{what}: {found}, fewer than {wanted}")
