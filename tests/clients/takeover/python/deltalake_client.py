"""One signed request of delta-rs, which takes credentials from the Rust SDK; see tests/real/takeover."""

from deltalake import DeltaTable

DeltaTable("s3://takeover/table", storage_options={"AWS_ALLOW_HTTP": "true"})
