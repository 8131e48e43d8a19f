"""What clients do when the endpoint has no credentials yet: the recorded figures as the table of docs/kubelet-restarts.md.

Standard library only; table.py compares it with the pinned clients.
"""

import json
from collections.abc import Iterator

from .pins import CLIENTS, ROOT

RECORDED = ROOT / "tests" / "fixtures" / "unready.json"
DOCUMENT = ROOT / "docs" / "kubelet-restarts.md"
BEGIN, END = "<!-- unready: begin", "<!-- unready: end -->"
AFTERWARDS = {
    "fails": "an error",
    "unsigned": "asks S3 without a signature",
    "node": "takes the role of the instance metadata",
    "asks on": "still asks after a minute and a half",
    "never": "never asks the endpoint",
}


def recorded() -> list[dict]:
    """What was measured so far, in the order of the clients."""
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else []


def record(row: dict) -> None:
    """Puts one client's figures in the place of its former ones."""
    rows = {each["key"]: each for each in [*recorded(), row]}
    kept = [rows[client.key] for client in CLIENTS if client.key in rows]
    RECORDED.write_text(json.dumps(kept, indent=2) + "\n")


def misfits() -> Iterator[str]:
    """What does not fit the pins, in one line each with the command that mends it."""
    rows = {row["key"]: row for row in recorded()}
    for client in CLIENTS:
        row = rows.pop(client.key, None)
        again = f"make unready CLIENTS={client.key}"
        if row is None:
            yield f"{client.name} was not measured: {again}"
        elif row["version"] != client.version():
            yield f"{client.name} is pinned at {client.version()}, measured at {row['version']}: {again}"
    yield from (f"{key} was measured, and is no client any more" for key in rows)


def document() -> str:
    """The page with the table of what is recorded."""
    text = DOCUMENT.read_text()
    start = text.index("-->\n", text.index(BEGIN)) + len("-->\n")
    return "\n".join([text[:start], *_lines(), "", text[text.index(END) :]])


def _lines() -> Iterator[str]:
    names = {client.key: client.name for client in CLIENTS}
    yield "| client | asks | for | then | measured by |"
    yield "|---|---|---|---|---|"
    for row in recorded():
        times = {0: "–", 1: "once"}.get(row["attempts"], f"{row['attempts']} times")
        seconds = f"{row['seconds']:.1f} s" if row["attempts"] else "–"
        again = f"`make unready CLIENTS={row['key']}`"
        yield f"| {names[row['key']]} {row['version']} | {times} | {seconds} | {AFTERWARDS[row['then']]} | {again} |"
