"""What every scenario is given."""

from dataclasses import dataclass
from pathlib import Path

from real.processes import Failed

from .cluster import Cluster
from .node import GivenCluster, OneNode
from .release import Release
from .store import Role, Store
from .workloads import Place

# Roles and the subjects that they trust: one for each scenario's namespace, by the same name, and these.
PLACES = [
    "asks", "b", "bodies", "books", "c", "certs", "clients", "d", "dashboard", "debug", "down", "down-other", "drain",
    "e", "ending", "env", "f", "g", "guides", "h", "i", "inject", "j", "k", "l", "m", "m-quota", "m-restricted",
    "mesh", "n", "new-helm3", "new-helm4", "nodes", "o", "p", "resources", "settings", "speed", "stale", "status",
    "system", "trust", "unregistered", "waiting", "whole",
]
ROLES = [
    *(Role(f"e2e-{name}", f"e2e-{name}") for name in PLACES if name not in ("d", "ending")),
    Role("e2e-g-two", "e2e-g"),
    Role("e2e-books-never", "e2e-books", "mistaken"),
    Role("my-app", "my-app", "default"),  # of the README
    *(Role(f"e2e-{name}-revoked", "nowhere") for name in ("trust", "waiting")),  # what STS is asked for once the trust is revoked
    *(Role(f"e2e-{name}", "somewhere-else") for name in ("d", "ending")),  # so STS refuses the pods of these
]


@dataclass
class Context:
    """The cluster with everything that is installed in it."""

    node: OneNode | GivenCluster
    cluster: Cluster
    store: Store
    directory: Path
    # The release that serves while the scenarios run; scenario a and k install their own.
    release: Release
    # Whether other scenarios run at this moment.
    beside: bool = False

    def restart_kubelet(self) -> None:
        """Renews every projected token and probes every container of the cluster anew, so nothing may run beside it.

        Pods are not ready for a second, and probes and `exec` of other scenarios end early: what they then see is
        the restart, not their own subject.
        """
        if self.beside:
            raise Failed("this scenario restarts the kubelet beside others: it belongs into RESTARTS of scenarios.py")
        self.node.restart_kubelet()

    def place(self, name: str, lane: int = 0, **settings) -> Place:
        """A scenario's namespace `e2e-NAME`; `settings` are those of Place.make."""
        return Place(self.cluster, self.store, f"e2e-{name}", lane).make(**settings)
