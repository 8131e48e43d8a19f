"""Credentials in a debug container: the recipes of docs/debug.md as they are there: debug."""

import re
import subprocess
from pathlib import Path

from real.bootstrap import ROOT
from real.processes import Failed, until

from . import images, store
from .context import Context
from .workloads import Place, expect, holds

# The cluster has no image of AWS's; the application says its token, which is what its SDK would send.
INSTEAD = {
    "amazon/aws-cli": images.APP,
    "aws sts get-caller-identity": "/app token",
    "sleep 3600": "/app run",
    "NAMESPACE": "e2e-debug",
    "POD": "app",
    "CONTAINER": "app",
    "REGION": store.REGION,
}


def debug(context: Context) -> str:
    """An ephemeral container without a recipe has nothing; by each of the page's recipes it has the pod's credentials"""
    place = context.place("debug")
    place.start()
    token = place.exec("app", "app", "/app", "token")
    bare = debugged(context, place, f"kubectl -n {place.namespace} debug app -i --image={images.APP} --profile=general -- /app token")
    holds("a debug container has nothing by itself", token not in bare, bare)
    mount, processes, copy = blocks()
    for name, block in (("mount", mount), ("processes", processes)):
        holds(f"the recipe {name!r} gives the token of the container", token in debugged(context, place, block), block)
    environments = [environment(one) for one in debuggers(context, place) if one.get("env")]
    expect("containers by a recipe", len(environments), 2)
    own = environment(next(one for one in context.cluster.object("Pod", place.namespace, "app")["spec"]["containers"] if one["name"] == "app"))
    for one in environments:
        for variable in ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_REGION"):
            expect(f"{variable} of the recipe", one[variable], own[variable])
    answer = place.exec("app", "app", "/app", "ask", token)
    key = answer.split()[-1]
    holds("the token gives the role's credentials", answer.startswith("200 ") and context.store.role_of_key(key) == place.role, answer)
    refused = run(context, place, mount.replace('"readOnly": true', '"readOnly": true, "subPath": "app"'), good=False)
    holds("a subPath is refused, as the page says", "cannot be set for an Ephemeral Container" in refused, refused)
    # The image of the application has the sidecar's user. Of a process that is not dumpable even that user sees nothing.
    own_user = processes.replace("--target=app", "--target=stsidecar").replace("endpoint/token", "serviceaccount/token")
    closed = debugged(context, place, own_user)
    holds("the sidecar's files are closed to its own user", "permission denied" in closed, closed)
    said = run(context, place, copy)
    other = re.search(r"^[\w.~-]{43}(?=pod )", said, re.MULTILINE)
    holds("the copy's container has a token of its own", other is not None and other.group() != token, said)
    return "mount, processes and copy give credentials; without a recipe: " + " ".join(bare.strip().splitlines()[-1:])


def blocks() -> list[str]:
    """The page's commands, with this scenario's names."""
    found = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "debug.md").read_text(), re.DOTALL)
    for original, other in INSTEAD.items():
        holds(f"docs/debug.md has {original!r}", any(original in block for block in found))
        # Whole words: CONTAINER is in the middle of a variable's name too.
        found = [re.sub(rf"\b{original}\b", other, block) for block in found]
    return found


def run(context: Context, place: Place, script: str, good: bool = True) -> str:
    """What the commands print, on both streams."""
    folder = Path(context.directory) / place.namespace
    folder.mkdir(exist_ok=True)
    environment = {**context.cluster.environment, "KUBECTL_DEBUG_CUSTOM_PROFILE": "true"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90
    )
    if good != (done.returncode == 0):
        raise Failed(f"{script}\nends with {done.returncode}: {done.stderr.strip()}\n{done.stdout[-2000:]}")
    return done.stdout + done.stderr


def debugged(context: Context, place: Place, script: str) -> str:
    """What the commands print, and the log of their debug container: kubectl attaches too late to a program that ends at once."""
    said = run(context, place, script)
    name = re.search(r"debug container name to (\S+)\.", said)[1]

    def ended() -> bool:
        status = context.cluster.object("Pod", place.namespace, "app")["status"]
        return any(one["name"] == name and "terminated" in one["state"] for one in status.get("ephemeralContainerStatuses", []))

    until(f"{name} has ended", ended, 30)
    return said + context.cluster.kubectl("-n", place.namespace, "logs", "app", "-c", name)


def debuggers(context: Context, place: Place) -> list[dict]:
    return context.cluster.object("Pod", place.namespace, "app")["spec"].get("ephemeralContainers", [])


def environment(container: dict) -> dict[str, str]:
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}
