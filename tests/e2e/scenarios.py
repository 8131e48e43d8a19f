"""Which scenarios there are, which may run beside others, and in which order."""

import contextlib
import os
from collections.abc import Callable

from real.processes import Failed

from . import admission_cases as admissions
from . import install_cases as installs
from . import operator_cases as operators
from . import outage_cases as outages
from . import refusal_cases as refusals
from . import serving_cases as serving
from .context import PLACES, Context
from .release import values_file

# Installs and removes the chart, so there is no other release yet.
FIRST = [("a", installs.a)]
# Beside each other, each row by itself in this order: c and l restart the kubelet, one at a time.
BESIDE = [
    [("b", serving.b), ("c", outages.c), ("l", outages.l), ("n", refusals.n)],
    [("i", outages.i), ("g", serving.g), ("j", operators.j), ("rbac", admissions.rbac)],
    [("d", operators.d), ("e", serving.e), ("m", serving.m)],
]
# Replace or stop injectors, or measure them. The last one leaves a release of Helm 3.
ALONE = [("speed", admissions.speed), ("f", admissions.f), ("h", refusals.h), ("k", installs.k)]
LONG = [("long", outages.long)]
NAMES = [name for row in [FIRST, *BESIDE, ALONE, LONG] for name, _ in row]


def run(chosen: list[str], context: Context, one: Callable, at_once: Callable) -> list[bool]:
    """Runs the chosen scenarios, or all but the long one."""

    def wanted(row: list[tuple[str, Callable]]) -> list[tuple[str, Callable]]:
        return [(name, case) for name, case in row if (name in chosen if chosen else row is not LONG)]

    results = [one(name, case, context) for name, case in wanted(FIRST)]
    rest = wanted([*ALONE, *LONG]) if chosen else ALONE
    rows = [row for row in map(wanted, BESIDE) if row]
    if not rows and not rest:
        return results
    if not os.environ.get("E2E_OFFLINE"):
        context.release.install(f"--values={values_file(context.directory)}")
    results += at_once(rows, context)
    return results + [one(name, case, context) for name, case in rest]


def remove(context: Context) -> None:
    """Leaves a cluster that is not ours as it was."""
    with contextlib.suppress(Failed):  # none is installed when a scenario failed early
        context.release.uninstall()
    context.store.remove()
    spaces = [f"e2e-{name}" for name in PLACES]
    context.cluster.kubectl("delete", "namespace", "--ignore-not-found", "--wait=false", "stsidecar-system", *spaces)
