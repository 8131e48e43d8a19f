"""One signed request of Apache OpenDAL, which takes credentials from reqsign; see tests/real/takeover."""

import os

from opendal import Operator

print(list(Operator("s3", bucket="takeover", endpoint=os.environ["AWS_ENDPOINT_URL_S3"], region=os.environ["AWS_REGION"]).list("")))
