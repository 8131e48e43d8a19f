"""Arrow's S3 file system, on the C++ SDK.

The C++ SDK looks for new credentials every 5 minutes, so a worker opens the file system anew each second.
"""

import os

from load import under_load
from pyarrow.fs import S3FileSystem


def calls(worker: int, bucket: str):
    endpoint = os.environ["AWS_ENDPOINT_URL_S3"].removeprefix("http://")
    files = S3FileSystem(endpoint_override=endpoint, scheme="http")
    path, body = f"{bucket}/pyarrow/{worker}", b"written by pyarrow"

    def write_and_read() -> None:
        with files.open_output_stream(path) as output:
            output.write(body)
        with files.open_input_stream(path) as source:
            read = source.read()
        if read != body:
            raise ValueError(f"read {read!r}")

    return write_and_read


under_load(calls, renew=True)
