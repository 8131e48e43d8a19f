"""S3, STS, ECS's and the instance's metadata, played: each gives keys of its own, and S3 keeps by whose it was asked.

S3 refuses everything, so that a client ends after its first request. `Seen.asked` is set as soon as it came. Each client
has an S3 and a `Seen` of its own: what an ended client had still sent must not count for the next one.
"""

import contextlib
import datetime
import http.server
import json
import re
import socketserver
import threading
from collections.abc import Iterator

from .contenders import KEY
from .network import ECS, INSTANCE, STS_NAMES

ENDPOINT_KEY, WEB_IDENTITY_KEY = "ASIAENDPOINT00000000", "ASIAWEBIDENTITY00000"
ECS_KEY, NODE_KEY = "ASIARELATIVE00000000", "ASIANODE000000000000"
UNSIGNED = "unsigned"
_KEYS = {ENDPOINT_KEY: "endpoint", KEY: "contender", WEB_IDENTITY_KEY: "contender", ECS_KEY: "contender", NODE_KEY: "node"}
# Version 4 in the header or in the URL, version 2 in the header.
_SIGNED = re.compile(r"Credential=([^/\s,]+)/|X-Amz-Credential=([^%/&]+)|^AWS ([^:]+):")


class Seen:
    """What one client asked for, and where its S3 is."""

    s3: str

    def __init__(self) -> None:
        self.signer: str | None = None
        self.sts = False
        self.asked = threading.Event()

    def request(self, key: str | None) -> None:
        """S3 was asked with this access key; only the first counts."""
        self.signer = self.signer or _KEYS.get(key or UNSIGNED, UNSIGNED if key is None else f"unknown key {key}")
        self.asked.set()

    def answer(self) -> str:
        """Who gave the credentials, `fails` when none did."""
        return "contender" if self.sts else self.signer or "fails"


def _in_an_hour() -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _web_identity(key: str) -> bytes:
    return f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>subject</SubjectFromWebIdentityToken>
<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/app/session</Arn><AssumedRoleId>AROA:session</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken>
<Expiration>{_in_an_hour()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
<ResponseMetadata><RequestId>request</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>""".encode()


def _metadata(key: str) -> bytes:
    document = {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "AccessKeyId": key}
    return json.dumps({**document, "SecretAccessKey": "secret", "Token": "session", "Expiration": _in_an_hour()}).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: Seen

    def log_message(self, *_: object) -> None:
        """Nothing: what counts is kept in `seen`."""

    def _body(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")

    def _send(self, status: int, content: bytes, kind: str = "text/xml", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_GET(self) -> None:
        """Any method."""
        self.answer(self.path + " " + self._body())

    do_HEAD = do_PUT = do_POST = do_GET

    def answer(self, asked: str) -> None:
        """The answer to a path with a body."""
        raise NotImplementedError


class _S3AndSts(_Handler):
    """For the clients: S3, and STS where they can be led to it."""

    def answer(self, asked: str) -> None:
        if "AssumeRoleWithWebIdentity" in asked:
            self.seen.sts = True
            return self._send(200, _web_identity(WEB_IDENTITY_KEY))
        signed = _SIGNED.search(self.headers.get("Authorization") or asked)
        self.seen.request(next(filter(None, signed.groups())) if signed else None)
        return self._send(403, b"<Error><Code>AccessDenied</Code><Message>seen</Message></Error>")


class _AgentsSts(_Handler):
    def answer(self, asked: str) -> None:
        self._send(200, _web_identity(ENDPOINT_KEY))


class _RefusingSts(_Handler):
    def answer(self, asked: str) -> None:
        error = "<Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message>"
        self._send(403, f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>".encode())


class _Ecs(_Handler):
    def answer(self, asked: str) -> None:
        if not asked.startswith("/v2/credentials/contender "):
            return self._send(404, b"", "text/plain")
        return self._send(200, _metadata(ECS_KEY), "application/json")


class _Instance(_Handler):
    def answer(self, asked: str) -> None:
        path = asked.split()[0].rstrip("/")
        if path == "/latest/api/token":
            return self._send(200, b"session-of-metadata", "text/plain", X_Aws_Ec2_Metadata_Token_Ttl_Seconds="21600")
        if path.endswith("/iam/security-credentials"):
            return self._send(200, b"node-role", "text/plain")
        if path.endswith("/iam/security-credentials/node-role"):
            return self._send(200, _metadata(NODE_KEY), "application/json")
        if path.endswith("/placement/availability-zone"):
            return self._send(200, b"us-east-1a", "text/plain")
        return self._send(404, b"", "text/plain")


class _Tls(socketserver.BaseRequestHandler):
    """AWS's STS at its own name: that a client came is all that is wanted."""

    seen: Seen

    def handle(self) -> None:
        self.request.settimeout(5)
        try:
            hello = self.request.recv(65536)
        except OSError:
            return
        if any(name.encode() in hello for name in STS_NAMES):
            self.seen.sts = True
            self.seen.asked.set()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: clients are ended as soon as they have asked."""


@contextlib.contextmanager
def _served(handler: type, address: str, port: int, **more: object) -> Iterator[str]:
    """A server until the end of the block; its URL."""
    server = _Server((address, port), type(handler.__name__, (handler,), more))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://{address}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def for_one_client() -> Iterator[Seen]:
    """S3, and AWS's STS at its own name."""
    seen = Seen()
    with _served(_S3AndSts, "127.0.0.1", 0, seen=seen) as seen.s3, _served(_Tls, "127.0.0.1", 443, seen=seen):
        yield seen


@contextlib.contextmanager
def for_refused() -> Iterator[str]:
    """The metadata of the instance, and an STS that refuses the agent, whose URL it is."""
    with _served(_Instance, INSTANCE, 80), _served(_RefusingSts, "127.0.0.1", 0) as refusing:
        yield refusing


@contextlib.contextmanager
def for_all() -> Iterator[str]:
    """The metadata of ECS and of the instance, and the agent's STS, whose URL it is."""
    with _served(_Ecs, ECS, 80), _served(_Instance, INSTANCE, 80), _served(_AgentsSts, "127.0.0.1", 0) as agents_sts:
        yield agents_sts
