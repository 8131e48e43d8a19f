"""One signed request of MinIO's client for Python, with a chain of all that it has; see tests/real/takeover."""

import os

from minio import Minio
from minio.credentials import AWSConfigProvider, ChainedProvider, EnvAWSProvider, EnvMinioProvider, IamAwsProvider

chain = ChainedProvider([EnvAWSProvider(), EnvMinioProvider(), AWSConfigProvider(), IamAwsProvider()])
endpoint = os.environ["AWS_ENDPOINT_URL_S3"].removeprefix("http://")
print(Minio(endpoint, credentials=chain, secure=False, region=os.environ["AWS_REGION"]).list_buckets())
