"""The agent against a real STS and S3: what SeaweedFS accepts is served, what it refuses is named.

Each case is a function whose docstring is its line in the output. It starts an agent of its own; the issuer and
the server are shared. A case fails by raising.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

from .agent import Agent
from .issuer import Issuer, SigningKey
from .kubelet import TokenVolume, mint
from .processes import Failed, listening_addresses, until
from .seaweed import CHAINED_ROLE, ROLE
from .store import BUCKET, REGION, Store
from .tap import Tap


@dataclass
class Fixture:
    """What the cases share, and the directory of one case."""

    issuer: Issuer
    store: Store
    directory: Path

    def volume(self, token: str) -> TokenVolume:
        """A token volume with this token in it."""
        volume = TokenVolume(self.directory / "serviceaccount")
        volume.write(token)
        return volume

    def agent(self, volume: TokenVolume, sts_url: str | None = None, **settings: str | None) -> Agent:
        """An agent that reads this volume and calls the store for its role, or what is in front of it."""
        settings = {"AWS_ROLE_ARN": self.store.role, **settings}
        return Agent(self.directory / "agent", volume.file, sts_url or self.store.url, settings)


def expect(what: str, found: object, *wanted: object) -> None:
    """Fails unless `found` is one of `wanted`."""
    if found not in wanted:
        raise Failed(f"{what} is {found!r}, not {' or '.join(repr(each) for each in wanted)}")


def client_of(store: Store, answer: dict):
    """An S3 client with vended credentials."""
    return boto3.client(
        "s3",
        endpoint_url=store.url,
        region_name=REGION,
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["Token"],
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=30),
    )


def use(store: Store, answer: dict, key: str) -> None:
    """Writes an object with vended credentials, lists it and reads it back."""
    client = client_of(store, answer)
    client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    listed = [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", [])]
    expect("the list", listed, [key])
    expect("the object", client.get_object(Bucket=BUCKET, Key=key)["Body"].read(), key.encode())


def vended(agent: Agent) -> dict:
    """The credentials that the endpoint answers with now."""
    status, answer = agent.credentials()
    expect("the endpoint's status", status, 200)
    return answer


def good_token(fixture: Fixture) -> None:
    """a good token becomes credentials that write, list and read its S3"""
    with fixture.agent(fixture.volume(mint(fixture.issuer))) as agent:
        agent.await_ready()
        answer = vended(agent)
        missing = {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"} - answer.keys()
        expect("what the answer lacks", missing, set())
        use(fixture.store, answer, "good-token")
        profile = agent.status()
        expect("the role in /status", profile["roleArn"], ROLE)
        expect("the lifetime in /status", profile["hops"][-1]["lifetimeSeconds"], 899, 900)
        expect("the last error in /status", profile["lastError"], None)
        expect("the session name in /status", profile["sessionName"], "demo.app-5d9c7b6f4-x2x7k")
        for secret in (answer["SecretAccessKey"], answer["Token"]):
            expect("whether a secret is in /status or the log", secret in json.dumps(profile) + agent.log.read_text(), False)


def refused(fixture: Fixture, token: str, classes: dict[str, tuple[str, ...]]) -> None:
    """A token that STS refuses is named in /status and to the SDK, and a good one after it is taken at once.

    `classes` maps STS's code to the classes that it may be put into.
    """
    volume = fixture.volume(token)
    with fixture.agent(volume) as agent:
        error = agent.await_error()
        expect("the code in /status", error["code"], *classes)
        expect(f"the class of {error['code']} in /status", error["class"], *classes[error["code"]])
        expect("whether there is a hint", bool(error["hint"]), True)
        expect("whether the token is in /status or the log", token in json.dumps(agent.status()) + agent.log.read_text(), False)
        status, answer = agent.credentials()
        expect("the endpoint's status", status, 503)
        expect("the code that the SDK sees", answer["code"], error["code"])
        expect("/readyz", agent.ready(), False)
        volume.write(mint(fixture.issuer))
        agent.await_ready()
        use(fixture.store, vended(agent), "after-refusal")


def wrong_audience(fixture: Fixture) -> None:
    """a token for another audience is refused, and its successor is taken at once"""
    refused(fixture, mint(fixture.issuer, audience="vault"), {"InvalidParameterValue": ("token",)})


def expired_token(fixture: Fixture) -> None:
    """an expired token is refused as one, and its successor is taken at once"""
    refused(fixture, mint(fixture.issuer, lifetime=600, age=700), {"ExpiredTokenException": ("token",)})


def wrong_subject(fixture: Fixture) -> None:
    """a token of another service account is denied by the role's trust policy"""
    refused(fixture, mint(fixture.issuer, account="intruder"), {"AccessDenied": ("denied",)})


def wrong_signature(fixture: Fixture) -> None:
    """a token with a forged signature is refused"""
    forged = mint(fixture.issuer, key=SigningKey(fixture.issuer.key.kid))
    refused(fixture, forged, {"InvalidParameterValue": ("token",)})


def key_rotation(fixture: Fixture) -> None:
    """tokens signed with the issuer's new key are taken, without a gap"""
    volume = fixture.volume(mint(fixture.issuer))
    with fixture.agent(volume) as agent:
        agent.await_ready()
        before = vended(agent)
        fixture.issuer.rotate_key()
        volume.write(mint(fixture.issuer))
        reached = agent.generation()
        agent.await_generation(beyond=reached + 1)  # one may have been under way with the old token
        after = vended(agent)
        expect("whether the credentials are new", after["AccessKeyId"] != before["AccessKeyId"], True)
        use(fixture.store, after, "after-key-rotation")


def issuer_down(fixture: Fixture) -> None:
    """while STS cannot verify tokens, the credentials that the agent has go on working"""
    volume = fixture.volume(mint(fixture.issuer))
    with fixture.agent(volume) as agent:
        agent.await_ready()
        fixture.issuer.stop_answering()
        try:
            # A key that STS has not seen is what makes it ask the issuer.
            fixture.issuer.rotate_key()
            volume.write(mint(fixture.issuer))
            agent.await_error(seconds=60)
            outlived(fixture, agent)
        finally:
            fixture.issuer.answer_again()
        agent.await_generation(beyond=agent.generation(), seconds=60)
        expect("the last error after the outage", agent.status()["lastError"], None)


def outlived(fixture: Fixture, agent: Agent) -> None:
    """Credentials are served unchanged, work, and the agent stays ready, although exchanges fail."""
    answer, deadline = vended(agent), time.monotonic() + 2
    while time.monotonic() < deadline:
        expect("the access key during the outage", vended(agent)["AccessKeyId"], answer["AccessKeyId"])
        time.sleep(0.1)
    use(fixture.store, answer, "during-outage")
    expect("/readyz during the outage", agent.ready(), True)


def sts_down(fixture: Fixture) -> None:
    """while STS cannot be reached, the credentials that the agent has go on working"""
    with Tap(fixture.store.port) as tap, fixture.agent(fixture.volume(mint(fixture.issuer)), sts_url=tap.url) as agent:
        agent.await_ready()
        tap.cut()
        expect("the class of the failure", agent.await_error()["class"], "transient")
        outlived(fixture, agent)
        before = agent.generation()
        tap.mend()
        agent.await_generation(beyond=before, seconds=60)


def chained(fixture: Fixture) -> None:
    """a second role is assumed with the credentials of the first, and both are renewed"""
    volume = fixture.volume(mint(fixture.issuer))
    source = {"roleArn": ROLE, "tokenFile": str(volume.file), "sessionDuration": "15m"}
    with configured(fixture, {"webIdentity": source, "chain": [{"roleArn": CHAINED_ROLE, "sessionDuration": "15m"}]}) as agent:
        agent.await_ready()
        profile = agent.status()
        expect("the role in /status", profile["roleArn"], CHAINED_ROLE)
        expect("the operations", [hop["operation"] for hop in profile["hops"]], ["AssumeRoleWithWebIdentity", "AssumeRole"])
        use(fixture.store, vended(agent), "chained")
        agent.await_generation(beyond=1)
        until("the first hop is renewed", lambda: agent.status()["hops"][0]["generation"] > 1, 60)
        use(fixture.store, vended(agent), "chained-renewed")


def configured(fixture: Fixture, profile: dict) -> Agent:
    """An agent with this profile."""
    client = {"name": "app", "profile": "default", "tokenFile": str(fixture.directory / "agent" / "endpoint" / "token")}
    document = {"profiles": {"default": profile}, "clients": [client]}
    outer = dict.fromkeys(("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "STSIDECAR_SESSION_DURATION"))
    settings = {**outer, "STSIDECAR_CONFIG_INLINE": json.dumps(document)}
    return Agent(fixture.directory / "agent", fixture.directory / "none", fixture.store.url, settings)


def keys(fixture: Fixture) -> str:
    """A shared-credentials file with the long-term keys of the server's user; its path."""
    file = fixture.directory / "credentials"
    file.write_text(f"[default]\naws_access_key_id = {fixture.store.user}\naws_secret_access_key = {fixture.store.user_secret}\n")
    return str(file)


def access_key(fixture: Fixture) -> None:
    """a role is assumed with long-term keys, and renewed"""
    hop = {"roleArn": CHAINED_ROLE, "sessionName": "user", "sessionDuration": "2h"}
    with configured(fixture, {"accessKey": {"credentialsFile": keys(fixture)}, "chain": [hop]}) as agent:
        agent.await_ready()
        expect("the operations", [hop["operation"] for hop in agent.status()["hops"]], ["AssumeRole"])
        expect("the lifetime in /status", agent.status()["hops"][-1]["lifetimeSeconds"], 7199, 7200)
        use(fixture.store, vended(agent), "access-key")
        agent.await_generation(beyond=1)
        use(fixture.store, vended(agent), "access-key-renewed")


def federation_token(fixture: Fixture) -> None:
    """a federated user's session is asked for with long-term keys, and renewed"""
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [everything]}
    source = {"credentialsFile": keys(fixture), "name": "batch", "sessionDuration": "15m", "policy": policy}
    with configured(fixture, {"federationToken": source}) as agent:
        agent.await_ready()
        hop = agent.status()["hops"][-1]
        expect("the operation", hop["operation"], "GetFederationToken")
        expect("whether the user is named", hop["federatedUserArn"].endswith(":federated-user/batch"), True)
        use(fixture.store, vended(agent), "federated")
        agent.await_generation(beyond=1)
        use(fixture.store, vended(agent), "federated-renewed")


def loopback_only(fixture: Fixture) -> None:
    """neither the agent nor the test servers listen anywhere but on loopback"""
    with fixture.agent(fixture.volume(mint(fixture.issuer))) as agent:
        agent.await_ready()
        listeners = {
            "the agent": (agent.process.pid, {agent.port, agent.admin_port}),
            "SeaweedFS": (fixture.store.process.pid, {fixture.store.port}),
            "the issuer": (os.getpid(), {fixture.issuer.port}),
        }
        for name, (pid, ports) in listeners.items():
            expect(f"where {name} listens", listening_addresses(pid, ports), {"127.0.0.1"})


CASES: list[Callable[[Fixture], None]] = [
    good_token,
    wrong_audience,
    expired_token,
    wrong_subject,
    wrong_signature,
    key_rotation,
    issuer_down,
    sts_down,
    chained,
    access_key,
    federation_token,
    loopback_only,
]
