"""Pods asked for at a steady rate, as server-side dry runs: the webhook works, and nothing is stored."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from real.processes import Failed

from .workloads import Place

_THREADS = 16
NOWHERE = {"stsidecar.dev/e2e": "no-node-has-this"}
# What the injector says when the API server took more than a second to read a ServiceAccount: a busy machine's doing.
_AGAIN = "create the pod again; controllers do so by themselves"


class Load:
    """Runs from `with` to its end; then `answered` and `failures` hold what came of it.

    One that is `patient` asks once more, as controllers do, where the API server was too slow for its own injector, and
    counts that in `repeated`.
    """

    def __init__(self, place: Place, rate: float, manifest: dict | None = None, patient: bool = False) -> None:
        self._place, self._rate = place, rate
        self._manifest = manifest or place.pod("dry-run", nodeSelector=NOWHERE)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._patient = patient
        self.answered = self.repeated = 0
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
            if not injected(self._created()):
                raise Failed("admitted without the sidecar")
            self.answered += 1
        except Failed as failure:
            self.failures.append((time.monotonic(), str(failure)))

    def _created(self) -> dict:
        try:
            return self._place.cluster.create(self._manifest, "?dryRun=All")
        except Failed as failure:
            if not (self._patient and _AGAIN in str(failure)):
                raise
        self.repeated += 1
        return self._place.cluster.create(self._manifest, "?dryRun=All")


def injected(pod: dict) -> bool:
    """Whether the pod's stored specification has our container."""
    return any(one["name"] == "stsidecar" for one in pod["spec"].get("initContainers", []))
