"""The agent among real things: an OIDC issuer, the kubelet's token volume, and SeaweedFS as STS and S3.

bootstrap   finds the installed tools; runs a script again inside their Python environment
processes   children that never outlive us, free loopback ports, bounded waiting
issuer      OpenID Connect discovery and keys, as an API server publishes them
kubelet     service account tokens and the atomic swap of a projected volume
seaweed     SeaweedFS as a real STS and S3
tap         what passes on the wire between a client and a server: access keys, answers, refused on demand
agent       the stsidecar binary under test
sts_cases   the cases of the tier "agent against a real STS and S3"
sdk_matrix  the cases of the tier "real SDKs"
takeover    what beats the endpoint in each client, as a table
"""
