"""The README's five minutes, its blocks run as they are: readme."""

from . import images, store
from .context import Context
from .following import Following
from .install_cases import swept
from .workloads import holds

SPACE = "my-app"
SECTION = "Five minutes to the first credentials"
# What a cluster without a way out needs instead: its own STS with its CA, and an image that is there.
INSTEAD = {
    "agent.region=$REGION": f"agent.region=$REGION,agent.stsEndpoint={store.endpoint(0)},agent.awsCaBundle.configMap={store.CONFIG_MAP}",
    "--image=amazon/aws-cli --command -- sleep 3600": f"--image={images.APP} --command -- /app run",
    "-c my-app -- aws sts get-caller-identity": "-c my-app -- /app token",
}


def readme(context: Context) -> str:
    """From nothing to credentials by copy and paste"""
    with swept(context, SPACE), Following(context, "readme") as following:
        page = following.page("README.md", INSTEAD)
        page.run(SECTION, "ROLE=", seconds=180)
        page.run(SECTION, "kubectl create namespace")
        context.cluster.kubectl("-n", SPACE, "create", "configmap", store.CONFIG_MAP, f"--from-literal=ca.crt={context.store.ca}")
        said = page.run(SECTION, "kubectl -n my-app run", seconds=90)
        holds("status names the role", store.arn(SPACE) in said, said)
        page.run(SECTION, "kubectl -n my-app describe")
    return f"{len(following.ran)} blocks run, with a store of the cluster's own for AWS; status names {store.arn(SPACE)}"
