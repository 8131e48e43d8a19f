"""Pods asked for at a steady rate, as server-side dry runs: the webhook works, and nothing is stored."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from real.processes import Failed

from .workloads import Place

_THREADS = 16
NOWHERE = {"stsidecar.dev/e2e": "no-node-has-this"}


class Load:
    """Runs from `with` to its end; then `times` and `failures` hold what came of it."""

    def __init__(self, place: Place, rate: float, manifest: dict | None = None) -> None:
        self._place, self._rate = place, rate
        self._manifest = manifest or place.pod("dry-run", nodeSelector=NOWHERE)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answered = 0
        # When each failure came, and what it said.
        self.failures: list[tuple[float, str]] = []

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def outage(self) -> float:
        """Seconds from the first failure to the last."""
        return self.failures[-1][0] - self.failures[0][0] if self.failures else 0.0

    def _run(self) -> None:
        """Starts requests at fixed times, so that a slow answer delays no other one."""
        with ThreadPoolExecutor(_THREADS) as pool:
            due = time.monotonic()
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                pool.submit(self._one)
                due += 1 / self._rate

    def _one(self) -> None:
        try:
            stored = self._place.cluster.create(self._manifest, "?dryRun=All")
            if not injected(stored):
                raise Failed("admitted without the sidecar")
            self.answered += 1
        except Failed as failure:
            self.failures.append((time.monotonic(), str(failure)))


def injected(pod: dict) -> bool:
    """Whether the pod's stored specification has our container."""
    return any(one["name"] == "stsidecar" for one in pod["spec"].get("initContainers", []))
