#!/usr/bin/env python3
"""Judges the chart, its monitoring and deploy/: `tests/chart/run.py [chart|monitoring|deploy] [CASE...]`.

Installs what it needs first; where that cannot be had it prints `not run: ...`, which is a failure when ALL_TIERS=1.
Prints one line for each case and exits with 0 only when every case passed. UPDATE=1 writes what is compared.
STSIDECAR_BIN names the agent that Prometheus scrapes, else it is the debug build.
"""

import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from real import bootstrap

TOOLS = ("store", "chart", "helm3", "helm4", "promtool")


def one_case(case) -> bool:
    """Runs one case and prints its line."""
    began = time.monotonic()
    name = case.__doc__.splitlines()[0].rstrip(".")
    print(f"         {name} ...", flush=True)
    try:
        with bootstrap.limit("it"):
            seen = case()
    except Exception as failure:
        print(f"FAILED   {name}: {failure or type(failure).__name__}", flush=True)
        if not isinstance(failure, AssertionError):
            traceback.print_exc(limit=-4)
        return False
    print(f"ok       {name} ({f'{seen}, ' if seen else ''}{time.monotonic() - began:.1f} s)", flush=True)
    return True


def into_venv() -> int | None:
    """Starts this script again where the validators are. Returns an exit code when that cannot be."""
    if Path(sys.prefix) == bootstrap.VENV_PYTHON.parents[1]:
        return None
    if reason := bootstrap.install(*TOOLS):
        print(f"not run: tests/chart/run.py {' '.join(sys.argv[1:])}: {reason}", flush=True)
        return 1 if bootstrap.all_tiers() else 0
    os.execv(bootstrap.VENV_PYTHON, [str(bootstrap.VENV_PYTHON), *sys.argv])


def main(arguments: list[str]) -> int:
    code = into_venv()
    if code is not None:
        return code
    from chart import (
        deploy_cases,
        monitoring_cases,
        node_cases,
        page_cases,
        policy_cases,
        prometheus_cases,
        release_cases,
        render_cases,
        values_cases,
    )

    groups = {
        "chart": [*render_cases.CASES, *values_cases.CASES, *policy_cases.CASES, *node_cases.CASES, *release_cases.CASES],
        "monitoring": [*monitoring_cases.CASES, *prometheus_cases.CASES],
        "deploy": [*deploy_cases.CASES, *page_cases.CASES],
    }
    if arguments and arguments[0] not in groups:
        print(__doc__, file=sys.stderr)
        return 64
    chosen = groups[arguments[0]] if arguments else [case for cases in groups.values() for case in cases]
    cases = [case for case in chosen if not arguments[1:] or case.__name__ in arguments[1:]]
    results = [one_case(case) for case in cases]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
