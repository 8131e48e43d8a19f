"""The agent against MinIO: web identity and AssumeRole through the real binary, its S3 used with what is vended.

Each case is a function whose docstring is its line in the output, as in `sts_cases`.
"""

from collections.abc import Callable

from botocore.exceptions import ClientError

from .issuer import SigningKey
from .kubelet import mint
from .processes import Failed
from .sts_cases import Fixture, client_of, configured, expect, keys, refused, sts_down, use, vended


def good_token(fixture: Fixture) -> None:
    """a good token becomes credentials that write, list and read MinIO's S3, and are renewed"""
    with fixture.agent(fixture.volume(mint(fixture.issuer))) as agent:
        agent.await_ready()
        first = vended(agent)
        use(fixture.store, first, "good-token")
        expect("the account, which this STS has none of", first.get("AccountId"), None)
        profile = agent.status()
        expect("the role in /status", profile["roleArn"], fixture.store.role)
        expect("the lifetime in /status", profile["hops"][-1]["lifetimeSeconds"], 899, 900)
        agent.await_generation(beyond=1)
        second = vended(agent)
        expect("whether the credentials are new", second["AccessKeyId"] != first["AccessKeyId"], True)
        use(fixture.store, second, "renewed")


def forged_token(fixture: Fixture) -> None:
    """a forged token is refused under MinIO's own code, and its successor is taken at once"""
    forged = mint(fixture.issuer, key=SigningKey(fixture.issuer.key.kid))
    refused(fixture, forged, {"InvalidParameterValue": ("token",)})


def expired_token(fixture: Fixture) -> None:
    """an expired token is refused, and its successor is taken at once"""
    expired = mint(fixture.issuer, lifetime=600, age=700)
    refused(fixture, expired, {"InvalidParameterValue": ("token",), "ExpiredToken": ("token",)})


def access_key(fixture: Fixture) -> None:
    """a user's long-term keys assume a role whose session policy holds on S3, and are renewed"""
    reading = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::*"]}
    hop = {
        "roleArn": "arn:aws:iam::111122223333:role/any",
        "sessionName": "reader",
        "sessionDuration": "15m",
        "policy": {"Version": "2012-10-17", "Statement": [reading]},
    }
    with configured(fixture, {"accessKey": {"credentialsFile": keys(fixture)}, "chain": [hop]}) as agent:
        agent.await_ready()
        expect("the operations", [hop["operation"] for hop in agent.status()["hops"]], ["AssumeRole"])
        read_only(fixture, vended(agent))
        agent.await_generation(beyond=1)
        read_only(fixture, vended(agent))


def read_only(fixture: Fixture, answer: dict) -> None:
    """Credentials read an object, and are not let to write one."""
    client = client_of(fixture.store, answer)
    expect("the object", client.get_object(Bucket="demo", Key="hello.txt")["Body"].read(), b"hello")
    try:
        client.put_object(Bucket="demo", Key="forbidden", Body=b"")
    except ClientError as refusal:
        expect("why it may not write", refusal.response["Error"]["Code"], "AccessDenied")
        return
    raise Failed("the session policy did not hold: an object was written")


def wrong_secret(fixture: Fixture) -> None:
    """a wrong secret key is refused by name, and the right one is taken from the same file"""
    credentials = fixture.directory / "credentials"
    store = fixture.store
    text = f"[default]\naws_access_key_id = {store.user}\naws_secret_access_key = %s\n"
    credentials.write_text(text % "0000000000000000000000000000000000000000")
    hop = {"roleArn": "arn:aws:iam::111122223333:role/any", "sessionName": "writer", "sessionDuration": "15m"}
    with configured(fixture, {"accessKey": {"credentialsFile": str(credentials)}, "chain": [hop]}) as agent:
        error = agent.await_error()
        expect("the code in /status", error["code"], "AccessDenied")  # where AWS says SignatureDoesNotMatch
        expect("whether the message says why", "signature we calculated does not match" in error["message"], True)
        fresh = credentials.with_suffix(".fresh")
        fresh.write_text(text % store.user_secret)
        fresh.rename(credentials)
        agent.await_ready(seconds=60)
        use(store, vended(agent), "right-secret")


def no_chain(fixture: Fixture) -> None:
    """a hop behind a session, which MinIO never allows, is named with the hop"""
    source = {"roleArn": fixture.store.role, "tokenFile": str(fixture.volume(mint(fixture.issuer)).file), "sessionDuration": "15m"}
    hop = {"roleArn": "arn:aws:iam::111122223333:role/any", "sessionDuration": "15m"}
    with configured(fixture, {"webIdentity": source, "chain": [hop]}) as agent:
        error = agent.await_error()
        expect("the hop in /status", error["hop"], 1)
        expect("the code in /status", error["code"], "AccessDenied")


CASES: list[Callable[[Fixture], None]] = [
    good_token,
    forged_token,
    expired_token,
    sts_down,
    no_chain,
    access_key,
    wrong_secret,
]
