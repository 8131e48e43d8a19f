"""Which scenarios there are, which may run beside others, and in which order."""

import os
from collections.abc import Callable

from . import operator_cases as operators
from . import outage_cases as outages
from . import serving_cases as serving
from .context import PLACES, Context
from .release import values_file

# Beside each other, each row by itself in this order: c and l restart the kubelet, one at a time.
BESIDE = [
    [("b", serving.b), ("c", outages.c), ("l", outages.l)],
    [("i", outages.i), ("g", serving.g), ("j", operators.j)],
    [("d", operators.d), ("e", serving.e), ("m", serving.m)],
]
ALONE: list = []
LONG = [("long", outages.long)]
NAMES = [name for row in BESIDE for name, _ in row] + [name for name, _ in ALONE + LONG]


def run(chosen: list[str], context: Context, one: Callable, at_once: Callable) -> list[bool]:
    """Runs the chosen scenarios, or all but the long one."""

    def wanted(name: str) -> bool:
        return name in chosen if chosen else name not in [long for long, _ in LONG]

    if not os.environ.get("E2E_OFFLINE"):
        context.release.install(f"--values={values_file(context.directory)}")
    rows = [[(name, case) for name, case in row if wanted(name)] for row in BESIDE]
    results = at_once([row for row in rows if row], context)
    return results + [one(name, case, context) for name, case in ALONE + LONG if wanted(name)]
