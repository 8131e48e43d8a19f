"""Which nodes the chart's own pods may run on."""

import json

from chart import kinds
from chart.helm import HELMS, at_once, objects

ARCH = "kubernetes.io/arch"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def pods(*arguments: str, major: str) -> dict[str, dict]:
    """The specifications of the injector and of the pod of `helm test`."""
    found = {kind: list(kinds.pods(value)) for (kind, _), value in objects(*arguments, major=major).items()}
    return {kind: found[kind][0] for kind in ("Deployment", "Pod")}


def wanted(*architectures: str) -> dict:
    return {"key": ARCH, "operator": "In", "values": list(architectures)}


def terms(pod: dict) -> list[dict]:
    return pod["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]


def architectures():
    """Injector and test pod run only where the image runs, whatever affinity the values hold"""
    pool = {"key": "pool", "operator": "In", "values": ["system"]}
    field = {"key": "metadata.name", "operator": "In", "values": ["node-1"]}
    other = {"podAntiAffinity": {"keep": "this"}}
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [pool]}}]}
    rows = [
        ({}, [{"matchExpressions": [wanted("amd64")]}]),
        (other, [{"matchExpressions": [wanted("amd64")]}]),
        ({"nodeAffinity": preferred, **other}, [{"matchExpressions": [wanted("amd64")]}]),
        ({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}, [{"matchExpressions": [wanted("amd64")]}]),
        (
            {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [pool]}, {"matchFields": [field]}]}, **preferred}},
            [{"matchExpressions": [pool, wanted("amd64")]}, {"matchFields": [field], "matchExpressions": [wanted("amd64")]}],
        ),
        # A term without requirements matches no node.
        ({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [pool]}, {}]}}}, [{"matchExpressions": [pool, wanted("amd64")]}, {}]),
    ]

    def judge(major: str) -> None:
        for affinity, expected in rows:
            found = pods(f"--set-json=injector.affinity={json.dumps(affinity)}", major=major)
            assert terms(found["Deployment"]) == expected, f"{affinity}: {found['Deployment'].get('affinity')}"
            assert terms(found["Pod"]) == [{"matchExpressions": [wanted("amd64")]}]
            kept = json.loads(json.dumps(found["Deployment"]["affinity"]))
            given = json.loads(json.dumps(affinity))
            for one in (kept, given):
                one.setdefault("nodeAffinity", {}).pop(REQUIRED, None)
            assert kept == given, f"{affinity} became {found['Deployment']['affinity']}"
        arm = pods("--set=injector.agentArchitectures={arm64}", major=major)
        assert all(terms(pod) == [{"matchExpressions": [wanted("arm64")]}] for pod in arm.values())
        both = "--set=injector.agentArchitectures={arm64,amd64}"
        assert all("affinity" not in pod for pod in pods(both, major=major).values()), "an image for all needs none"
        kept = pods(both, f"--set-json=injector.affinity={json.dumps(rows[4][0])}", major=major)["Deployment"]["affinity"]
        assert kept == rows[4][0]

    at_once(judge, HELMS)
    return f"{len(rows)} affinities"


CASES = [architectures]
