"""Which scenarios there are, which may run beside others, and in which order."""

import contextlib
from collections.abc import Callable

from real.processes import Failed

from . import admission_cases as admissions
from . import certificate_cases as certificates
from . import dashboard_cases as dashboards
from . import debug_cases as debugs
from . import environment_cases as environments
from . import guide_cases as guides
from . import install_cases as installs
from . import kubelet_cases as kubelets
from . import operator_cases as operators
from . import outage_cases as outages
from . import policy_cases as policies
from . import readme_cases as readmes
from . import refusal_cases as refusals
from . import release_cases as releases
from . import reinvocation_cases as reinvocations
from . import rollout_cases as rollouts
from . import runbook_cases as runbooks
from . import serving_cases as serving
from . import shape_cases as shapes
from . import status_cases as statuses
from . import store
from . import trouble_cases as troubles
from .context import PLACES, Context
from .release import NAMESPACE, values_file

# Install and remove the chart, so there is no other release yet.
FIRST = [
    ("a", installs.a),
    ("gone", installs.gone),
    ("hand", installs.hand),
    ("two", releases.two),
    ("readme", readmes.readme),
    ("notes", guides.notes),
    ("plain", guides.plain),
]
# Beside each other, each row by itself in this order.
BESIDE = [
    [("b", serving.b), ("n", refusals.n), ("asks", policies.asks), ("e", serving.e), ("m", serving.m)],
    [
        ("i", outages.i),
        ("g", serving.g),
        ("j", operators.j),
        ("rbac", admissions.rbac),
        ("env", environments.env),
        ("debug", debugs.debug),
        ("status", statuses.status),
        ("mesh", shapes.mesh),
        ("trust", troubles.trust),
        ("ending", troubles.ending),
    ],
    [
        ("d", operators.d),
        ("o", reinvocations.o),
        ("p", reinvocations.p),
        ("dashboard", dashboards.dashboard),
        ("nodes", shapes.nodes),
        ("whole", shapes.whole),
        ("resources", guides.resources),
        ("guides", guides.guides),
        ("inject", guides.inject),
        ("books", runbooks.books),
    ],
]
# Measures, so before anything else is there.
QUIET = [("speed", admissions.speed)]
# Restart the kubelet, which Context.restart_kubelet lets them do only here: nothing runs beside them.
RESTARTS = [("c", outages.c), ("l", outages.l), ("waiting", kubelets.waiting), ("stale", runbooks.stale)]
# Flood, replace or stop injectors, or cordon the node. From k on the release is Helm 3's.
ALONE = [
    ("bodies", admissions.bodies),
    ("drain", shapes.drain),
    ("h", refusals.h),
    ("system", refusals.system),
    ("clients", guides.clients),
    ("down", runbooks.down),
    ("stolen", runbooks.stolen),
    ("settings", releases.settings),
    ("f", admissions.f),
    ("unregistered", rollouts.unregistered),
    ("new4", rollouts.new4),
    ("certs", certificates.certs),
    ("k", installs.k),
    ("new3", rollouts.new3),
]
LONG = [("long", outages.long)]
# What runs on the oldest and the newest version: where API server, kubelet, kubectl and Helm have a say. A version
# is meant to take two and a half minutes on two processors.
MAIN = ["a", "b", "n", "asks", "i", "d", "e", "o", "p", "m", "debug", "nodes", "whole", "c", "l", "waiting", "drain"]
NAMES = [name for row in [FIRST, QUIET, *BESIDE, RESTARTS, ALONE, LONG] for name, _ in row]
assert set(MAIN) <= set(NAMES), f"MAIN has scenarios that are none: {set(MAIN) - set(NAMES)}"


def run(chosen: list[str], context: Context, one: Callable, at_once: Callable) -> list[bool]:
    """Runs the chosen scenarios."""

    def wanted(row: list[tuple[str, Callable]]) -> list[tuple[str, Callable]]:
        return [(name, case) for name, case in row if name in chosen]

    def in_turn(row: list[tuple[str, Callable]]) -> list[bool]:
        return [one(name, case, context) for name, case in wanted(row)]

    results = in_turn(FIRST)
    if set(chosen) <= {name for name, _ in FIRST}:
        return results
    context.release.install(f"--values={values_file(context.directory)}")
    results += in_turn(QUIET)
    context.beside = True
    results += at_once([row for row in map(wanted, BESIDE) if row], context)
    context.beside = False
    return results + in_turn(RESTARTS) + in_turn(ALONE) + in_turn(LONG)


def remove(context: Context) -> None:
    """Leaves a cluster that is not ours as it was."""
    with contextlib.suppress(Failed):  # none is installed when a scenario failed early
        context.release.uninstall()
    context.store.remove()
    spaces = [NAMESPACE, store.NAMESPACE, *(f"e2e-{name}" for name in PLACES)]
    context.cluster.kubectl("delete", "namespace", "--ignore-not-found", "--timeout=120s", *spaces, seconds=130)
