"""An application: boto3, and nothing that knows where its credentials come from or that they change.

    python3 app.py BUCKET SECONDS

Lists a bucket, writes an object and reads it back, over and over. The first call that fails ends it.
"""

import sys
import time

import boto3

bucket, until = sys.argv[1], time.monotonic() + float(sys.argv[2])
s3 = boto3.client("s3")
rounds = 0

while time.monotonic() < until:
    listed = s3.list_objects_v2(Bucket=bucket)["KeyCount"]
    body = f"round {rounds}".encode()
    s3.put_object(Bucket=bucket, Key="report.txt", Body=body)
    read = s3.get_object(Bucket=bucket, Key="report.txt")["Body"].read()
    if read != body:
        sys.exit(f"wrote {body!r}, read {read!r}")
    rounds += 1
    time.sleep(0.2)

print(f"{rounds} rounds, {3 * rounds} calls, the bucket listed {listed} objects at the end")
