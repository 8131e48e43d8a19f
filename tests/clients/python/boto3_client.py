"""boto3 as most programs use it: one client, made once.

botocore asks the endpoint again before a call whenever the credentials it holds have less than 15 minutes left,
which is always so with the 15-minute sessions of this test. Longer sessions would be kept until then.
"""

import boto3
from load import under_load

s3 = boto3.client("s3")


def calls(worker: int, bucket: str):
    key, body = f"boto3/{worker}", b"written by boto3"

    def write_and_read() -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        read = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        if read != body:
            raise ValueError(f"read {read!r}")

    return write_and_read


under_load(calls, renew=False)
