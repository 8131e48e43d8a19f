"""What every scenario is given."""

from dataclasses import dataclass
from pathlib import Path

from .cluster import Cluster
from .node import Foreign, OneNode
from .release import Release
from .store import Role, Store
from .workloads import Place

# Roles and whom they trust: one for each scenario's namespace, by the same name, and these.
PLACES = [
    "asks", "b", "bodies", "c", "d", "dashboard", "drain", "e", "env", "f", "g", "h", "i", "j", "k", "l", "m",
    "m-quota", "m-restricted", "mesh", "n", "nodes", "o", "p", "settings", "speed", "system", "whole",
]
ROLES = [
    *(Role(f"e2e-{name}", f"e2e-{name}") for name in PLACES if name != "d"),
    Role("e2e-g-two", "e2e-g"),
    Role("my-app", "my-app", "default"),  # of the README
    Role("e2e-d", "somewhere-else"),  # so STS refuses the pods of e2e-d
]


@dataclass
class Context:
    """The cluster with everything that is installed in it."""

    node: OneNode | Foreign
    cluster: Cluster
    store: Store
    directory: Path
    # The release that serves while the scenarios run; scenario a and k install their own.
    release: Release

    def place(self, name: str, lane: int = 0, **settings) -> Place:
        """A scenario's namespace `e2e-NAME`; `settings` are those of Place.make."""
        return Place(self.cluster, self.store, f"e2e-{name}", lane).make(**settings)
