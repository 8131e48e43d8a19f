"""What the Python clients share: workers that call until the time is up, and the line of JSON at the end."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable

WORKERS = int(os.environ.get("WORKERS", "4"))
CLIENT_LIFE = 1.0
PAUSE = 0.05

Call = Callable[[], None]


def under_load(make_calls: Callable[[int, str], Call], renew: bool) -> None:
    """Runs `make_calls(worker, bucket)` and then what it returned, over and over, in each worker.

    With `renew`, a worker makes its client anew every second.
    """
    bucket, until = sys.argv[1], time.monotonic() + float(sys.argv[2])
    outcomes: list[str | None] = []  # list.append is atomic

    def attempt(call: Callable[[], Call | None]) -> Call | None:
        try:
            result = call()
        except Exception as failure:  # every failure counts, of whatever kind
            outcomes.append(f"{type(failure).__name__}: {failure}")
            return None
        outcomes.append(None)
        return result

    def work(worker: int) -> None:
        while time.monotonic() < until:
            call = attempt(lambda: make_calls(worker, bucket))
            if call is None:
                return
            recreate = time.monotonic() + CLIENT_LIFE if renew else until
            while time.monotonic() < min(recreate, until):
                attempt(call)
                time.sleep(PAUSE)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    failures = [outcome for outcome in outcomes if outcome]
    print(json.dumps({"calls": len(outcomes), "failed": len(failures), "first_error": failures[0] if failures else None}))
