"""Which scenarios there are, which may run beside others, and in which order."""

import contextlib
from collections.abc import Callable

from real.processes import Failed

from . import admission_cases as admissions
from . import dashboard_cases as dashboards
from . import environment_cases as environments
from . import install_cases as installs
from . import operator_cases as operators
from . import outage_cases as outages
from . import policy_cases as policies
from . import readme_cases as readmes
from . import refusal_cases as refusals
from . import release_cases as releases
from . import reinvocation_cases as reinvocations
from . import serving_cases as serving
from . import shape_cases as shapes
from . import store
from .context import PLACES, Context
from .release import NAMESPACE, values_file

# Install and remove the chart, so there is no other release yet.
FIRST = [("a", installs.a), ("gone", installs.gone), ("hand", installs.hand), ("two", releases.two), ("readme", readmes.readme)]
# Beside each other, each row by itself in this order: c and l restart the kubelet, one at a time.
BESIDE = [
    [("b", serving.b), ("c", outages.c), ("l", outages.l), ("n", refusals.n), ("asks", policies.asks)],
    [
        ("i", outages.i),
        ("g", serving.g),
        ("j", operators.j),
        ("rbac", admissions.rbac),
        ("env", environments.env),
        ("mesh", shapes.mesh),
    ],
    [
        ("d", operators.d),
        ("e", serving.e),
        ("o", reinvocations.o),
        ("p", reinvocations.p),
        ("m", serving.m),
        ("dashboard", dashboards.dashboard),
        ("nodes", shapes.nodes),
        ("whole", shapes.whole),
    ],
]
# Measures, so before anything else is there.
QUIET = [("speed", admissions.speed)]
# Flood, replace or stop injectors, or cordon the node. The last one leaves a release of Helm 3.
ALONE = [
    ("bodies", admissions.bodies),
    ("drain", shapes.drain),
    ("h", refusals.h),
    ("system", refusals.system),
    ("settings", releases.settings),
    ("f", admissions.f),
    ("k", installs.k),
]
LONG = [("long", outages.long)]
NAMES = [name for row in [FIRST, QUIET, *BESIDE, ALONE, LONG] for name, _ in row]


def run(chosen: list[str], context: Context, one: Callable, at_once: Callable) -> list[bool]:
    """Runs the chosen scenarios, or all but the long one."""

    def wanted(row: list[tuple[str, Callable]]) -> list[tuple[str, Callable]]:
        return [(name, case) for name, case in row if (name in chosen if chosen else row is not LONG)]

    def in_turn(row: list[tuple[str, Callable]]) -> list[bool]:
        return [one(name, case, context) for name, case in wanted(row)]

    results = in_turn(FIRST)
    if set(chosen) <= {name for name, _ in FIRST} and chosen:
        return results
    context.release.install(f"--values={values_file(context.directory)}")
    results += in_turn(QUIET)
    results += at_once([row for row in map(wanted, BESIDE) if row], context)
    return results + in_turn(ALONE) + in_turn(LONG)


def remove(context: Context) -> None:
    """Leaves a cluster that is not ours as it was."""
    with contextlib.suppress(Failed):  # none is installed when a scenario failed early
        context.release.uninstall()
    context.store.remove()
    spaces = [NAMESPACE, store.NAMESPACE, *(f"e2e-{name}" for name in PLACES)]
    context.cluster.kubectl("delete", "namespace", "--ignore-not-found", "--timeout=120s", *spaces, seconds=130)
