"""The C runtime's default provider chain signs, and its HTTP client sends.

The chain keeps credentials for up to 15 minutes whatever their lifetime, so a worker makes a new provider each
second; signing for S3 is done by the runtime itself.
"""

import datetime
import io
import os
from urllib.parse import urlsplit

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignedBodyHeaderType,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.http import HttpClientConnection, HttpHeaders, HttpRequest
from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup
from load import under_load

# It guards against hanging: the runtime decides itself how long it asks.
TIMEOUT = 60

loops = EventLoopGroup(1)
bootstrap = ClientBootstrap(loops, DefaultHostResolver(loops))
endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])


def signed(provider: AwsCredentialsProvider, method: str, path: str, body: bytes | None) -> HttpRequest:
    headers = HttpHeaders([("Host", endpoint.netloc)])
    if body is not None:
        headers.add("Content-Length", str(len(body)))
    request = HttpRequest(method, path, headers, io.BytesIO(body) if body is not None else None)
    config = AwsSigningConfig(
        credentials_provider=provider,
        region=os.environ["AWS_REGION"],
        service="s3",
        date=datetime.datetime.now(datetime.UTC),
        use_double_uri_encode=False,
        should_normalize_uri_path=False,
        signed_body_header_type=AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
    )
    return aws_sign_request(request, config).result(TIMEOUT)


def send(request: HttpRequest) -> bytes:
    connection = HttpClientConnection.new(endpoint.hostname, endpoint.port, bootstrap).result(TIMEOUT)
    try:
        answer = bytearray()
        stream = connection.request(request, on_body=lambda chunk, **_: answer.extend(chunk))
        stream.activate()
        status = stream.completion_future.result(TIMEOUT)
    finally:
        connection.close()
    if status != 200:
        raise ValueError(f"{status}: {answer.decode(errors='replace')}")
    return bytes(answer)


def calls(worker: int, bucket: str):
    provider = AwsCredentialsProvider.new_default_chain(bootstrap)
    path, body = f"/{bucket}/awscrt/{worker}", b"written by awscrt"

    def write_and_read() -> None:
        send(signed(provider, "PUT", path, body))
        read = send(signed(provider, "GET", path, None))
        if read != body:
            raise ValueError(f"read {read!r}")

    return write_and_read


under_load(calls, renew=True)
