#!/usr/bin/env python3
"""Runs a tier on real things: `tests/real/run.py sts|minio|sdks [CASE...]`, one line for each case.
`tests/real/run.py takeover [CLIENT...]` measures what beats the endpoint, and writes docs/clients.md;
`tests/real/run.py unready [CLIENT...]` how long clients ask one that has no credentials yet, and writes
docs/kubelet-restarts.md.

Installs what it needs first. The exit code is 0 only when every case passed; a case that cannot run here prints
`not run` and its reason, which is a failure when ALL_TIERS=1. STSIDECAR_BIN names the binary under test.
"""

import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from real import bootstrap

if TYPE_CHECKING:
    from real.minio_server import MinIO
    from real.sdk_matrix import Client
    from real.seaweed import SeaweedFS
    from real.sts_cases import Fixture


class NotRun(Exception):
    """A case cannot run on this machine; the text says why, and what would help."""


def one_case(name: str, case: Callable[[], str | None]) -> str:
    """Runs one case and prints its line. Returns `passed`, `failed` or `not run`."""
    print(f"         {name} ...", flush=True)
    began = time.monotonic()
    try:
        seen = case()
    except NotRun as reason:
        print(f"not run: {name}: {reason}", flush=True)
        return "failed" if bootstrap.all_tiers() else "not run"
    except Exception as failure:
        print(f"FAILED   {name}: {failure or type(failure).__name__}", flush=True)
        traceback.print_exc(limit=-4)
        return "failed"
    print(f"ok       {name} ({f'{seen}, ' if seen else ''}{time.monotonic() - began:.1f} s)", flush=True)
    return "passed"


def sts(fixture: "Fixture", chosen: list[str]) -> list[str]:
    """Every case of sts_cases, or the chosen ones."""
    from real.sts_cases import CASES

    cases = [case for case in CASES if not chosen or case.__name__ in chosen]
    return [one_case(case.__doc__ or case.__name__, partial(in_directory, fixture, case)) for case in cases]


def minio(fixture: "Fixture", chosen: list[str]) -> list[str]:
    """Every case of minio_cases, or the chosen ones."""
    from real.minio_cases import CASES

    cases = [case for case in CASES if not chosen or case.__name__ in chosen]
    return [one_case(case.__doc__ or case.__name__, partial(in_directory, fixture, case)) for case in cases]


def sdks(fixture: "Fixture", chosen: list[str]) -> list[str]:
    """Every client of sdk_matrix, or the chosen ones."""
    from real.sdk_matrix import CLIENTS

    clients = [client for client in CLIENTS if not chosen or client.key in chosen]
    return [one_case(client.name, partial(one_client, fixture, client)) for client in clients]


def one_client(fixture: "Fixture", client: "Client") -> str | None:
    """Installs what the client needs, and runs it."""
    from real.sdk_matrix import across_renewals

    if client.group and (reason := bootstrap.install(client.group)):
        raise NotRun(reason)
    return in_directory(fixture, lambda fixture: across_renewals(fixture, client))


def in_directory(fixture: "Fixture", case: Callable[["Fixture"], str | None]) -> str | None:
    """Runs a case in a directory of its own; the agent's log is shown when it fails."""
    with tempfile.TemporaryDirectory(prefix="stsidecar-case-") as directory:
        fixture.directory = Path(directory)
        try:
            with bootstrap.limit("the case"):
                return case(fixture)
        except Exception:
            for log in sorted(Path(directory).glob("**/agent.log")):
                show_log(log)
            raise


def show_log(log: Path) -> None:
    """The end of the agent's log."""
    print("the agent's last words:", *log.read_text(errors="replace").splitlines()[-12:], sep="\n    ", file=sys.stderr, flush=True)


def server(is_minio: bool) -> "type[SeaweedFS | MinIO]":
    """What gives the credentials; imported only where it is installed."""
    if is_minio:
        from real.minio_server import MinIO

        return MinIO
    from real.seaweed import SeaweedFS

    return SeaweedFS


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["takeover"], ["unready"]):
        bootstrap.inside_venv("store", "sdks")
        from real.takeover import measure, unready

        bootstrap.agent_binary()
        return (measure if arguments[0] == "takeover" else unready).main(arguments[1:])
    tiers = {"sts": sts, "sdks": sdks, "minio": minio}
    if not arguments or arguments[0] not in tiers:
        print(__doc__, file=sys.stderr)
        return 64
    tier = tiers[arguments[0]]
    bootstrap.inside_venv(*(("store", "sdks") if tier is sdks else ("store",)))
    if tier is minio and (reason := bootstrap.install("minio")):
        print(f"not run: MinIO as a second STS and S3: {reason}", flush=True)
        return int(bootstrap.all_tiers())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    from real.issuer import Issuer
    from real.sts_cases import Fixture

    bootstrap.agent_binary()
    with (
        tempfile.TemporaryDirectory(prefix="stsidecar-real-") as directory,
        Issuer() as issuer,
        server(tier is minio)(Path(directory) / "store", issuer.url) as store,
    ):
        results = tier(Fixture(issuer, store, Path(directory)), arguments[1:])
    passed, failed, not_run = (results.count(outcome) for outcome in ("passed", "failed", "not run"))
    print(f"{passed} passed, {failed} failed, {not_run} skipped")
    return 0 if results and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
