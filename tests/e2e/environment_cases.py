"""What containers really have in their environment: env."""

import json

import yaml

from . import store
from .context import Context
from .workloads import container, expect, holds

FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def env(context: Context) -> str:
    """The kubelet makes of envFrom, duplicates, references and empty values what the injector relies on"""
    place = context.place("env")
    settings = {"AWS_REGION": "us-west-2", "NO_PROXY": ".internal"}
    metadata = {"namespace": place.namespace, "name": "settings"}
    context.cluster.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": settings}])
    missing = {"configMapKeyRef": {"name": "settings", "key": "nothing", "optional": True}}
    by_settings = container(
        "app",
        command=["environment"],
        envFrom=[{"configMapRef": {"name": "settings"}}],
        env=[{"name": FULL_URI, "value": "http://169.254.170.23/"}, {"name": FULL_URI, "value": ""}, {"name": "OPTIONAL", "valueFrom": missing}],
    )
    by_prefix = container(
        "other",
        command=["environment"],
        envFrom=[{"prefix": "DB_", "configMapRef": {"name": "settings"}}],
        env=[{"name": "AWS_REGION", "value": ""}, {"name": "AWS_DEFAULT_REGION", "value": "eu-west-3"}],
    )
    plain = container("plain", command=["environment"], env=[])
    pod = place.pod(containers=[by_settings, by_prefix, plain], restartPolicy="Never")
    done = context.cluster.try_kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod))
    expect(f"exit code of kubectl create, which says {done.stderr.strip()}", done.returncode, 0)
    warnings = [line for line in done.stderr.splitlines() if "container app has envFrom ConfigMap settings" in line]
    holds("a warning names the ConfigMap", len(warnings) == 1, done.stderr)
    context.cluster.pod_until("all containers have printed", place.namespace, "app", lambda pod: pod["status"]["phase"] == "Succeeded", 90)

    def variables(name: str) -> dict[str, str]:
        printed = json.loads(context.cluster.kubectl("-n", place.namespace, "logs", "app", "-c", name))
        return dict(one.split("=", 1) for one in printed)

    app, other, given = variables("app"), variables("other"), variables("plain")
    for name, own in (("app", app), ("other", other), ("plain", given)):
        expect(f"{name}: the endpoint", own.get(FULL_URI), "http://127.0.0.1:9911/v1/credentials")
    expect("regions that the ConfigMap brings", [app.get(name) for name in REGIONS], ["us-west-2", None])
    expect("exceptions of the ConfigMap", app.get("NO_PROXY"), ".internal,$(no_proxy),127.0.0.1")
    expect("an optional key that is missing", app.get("OPTIONAL"), None)
    expect("a region beside an empty one", [other.get(name) for name in REGIONS], ["eu-west-3", "eu-west-3"])
    expect("what the prefix brings", other.get("DB_AWS_REGION"), "us-west-2")
    expect("the chart's region", [given.get(name) for name in REGIONS], [store.REGION, store.REGION])
    return warnings[0]
