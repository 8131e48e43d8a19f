"""stsidecar on a live cluster: a real API server, kubelet, container runtime, STS and SDK.

run.py         which scenarios, in which order, and their lines
versions.py    which versions of Kubernetes, and which scenarios on each
node.py        the one-node cluster of tests, or one that is given
cluster.py     kubectl, and the API through `kubectl proxy`
images.py      the programs of the tests, as images
store.py       an STS and S3 in the cluster, with switches and counters in front
release.py     the chart: installed, upgraded, removed
workloads.py   the manifests of applications
pages.py       the commands of README, docs and runbooks, and which scenario runs each
following.py   types them, and compares what comes with what the page shows
*_cases.py     the scenarios, by theme
"""
