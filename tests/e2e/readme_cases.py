"""The README's five minutes, its blocks run as they stand: readme."""

import os
import re
import subprocess

from real.bootstrap import ROOT
from real.processes import Failed

from . import images, store
from .context import Context
from .release import HELMS, NAMESPACE
from .workloads import holds

SPACE = "my-app"
# What a cluster without a way out needs instead: its own STS with its CA, and an image that is there.
INSTEAD = {
    "agent.region=$REGION": f"agent.region=$REGION,agent.stsEndpoint={store.endpoint(0)},agent.awsCaBundle.configMap={store.CONFIG_MAP}",
    "--image=amazon/aws-cli --command -- sleep 3600": f"--image={images.APP} --command -- /app run",
    "-c my-app -- aws sts get-caller-identity": "-c my-app -- /app token",
}


def readme(context: Context) -> str:
    """From nothing to credentials by copy and paste"""
    section = (ROOT / "README.md").read_text().split("## Five minutes to the first credentials", 1)[1].split("\n## ", 1)[0]
    _, install, label, run, describe = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    trust = f'kubectl -n {SPACE} create configmap {store.CONFIG_MAP} --from-literal=ca.crt="$CA"\n'
    script = "".join([install, label, trust, run, describe])
    for original, other in INSTEAD.items():
        holds(f"the README has {original!r}", script.count(original) == 1)
        script = script.replace(original, other)
    path = os.pathsep.join([str(context.cluster.program.parent), str(HELMS["helm4"].parent), os.environ["PATH"]])
    environment = {**context.cluster.environment, "PATH": path, "CA": context.store.ca}
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240
        )
        if done.returncode != 0:
            raise Failed(f"the README's commands end with {done.returncode}: {done.stderr.strip()}\n{done.stdout[-3000:]}")
        holds("status names the role", store.arn(SPACE) in done.stdout, done.stdout)
    finally:
        context.release.helm("uninstall", "stsidecar", "--ignore-not-found", "--wait")
        context.cluster.kubectl("delete", "namespace", SPACE, NAMESPACE, "--ignore-not-found", "--timeout=60s", seconds=70)
    return f"{len(script.strip().splitlines())} lines run, with a store of the cluster's own for AWS; status names {store.arn(SPACE)}"
