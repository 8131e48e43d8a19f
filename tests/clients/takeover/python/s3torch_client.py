"""One signed request of Mountpoint's S3 client, which is the C runtime's, inside the S3 connector for PyTorch; see tests/real/takeover."""

import os

from s3torchconnectorclient._mountpoint_s3_client import MountpointS3Client

client = MountpointS3Client(
    region=os.environ["AWS_REGION"], user_agent_prefix="takeover", endpoint=os.environ["AWS_ENDPOINT_URL_S3"], force_path_style=True
)
print(list(client.list_objects("takeover")))
