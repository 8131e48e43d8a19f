#!/usr/bin/env python3
"""The recorded answers, and docs/clients.md made from them. Standard library only.

`tests/real/takeover/table.py` writes it and docs/kubelet-restarts.md (unready_table) anew; with `--check` it says what
does not fit: a document, the clients and the versions that are pinned, or an answer that is missing.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from real.takeover import unready_table
from real.takeover.contenders import CONTENDERS, GROUPS, Contender
from real.takeover.pins import CLIENTS, ROOT

RECORDED = ROOT / "tests" / "fixtures" / "takeover.json"
DOCUMENT = ROOT / "docs" / "clients.md"
_NAMES = {client.key: client.name for client in CLIENTS}
CELLS = {"endpoint": "–", "contender": "**wins**", "fails": "fails", "node": "**node**", "unsigned": "**unsigned**"}

INTRODUCTION = """# Clients, and what beats the endpoint

Written by `make takeover` from a run of the clients; do not edit. Each client runs as published, with its default chain where
it has one, in a container's environment as the injector leaves it, beside one thing more. Who gave it credentials is read off
the access key with which it then asks S3.

| cell | meaning |
|---|---|
| – | the endpoint, as if nothing else were there |
| **wins** | the other source: the application works with other rights, without a word |
| fails | no credentials; some clients crash, some keep asking |
| **node** | the role of the instance metadata |
| **unsigned** | none, and the client asks S3 without a signature |

The injector warns of a container that has what wins or fails here, and refuses it with `injector.strictEnvironment`; a web
identity and another endpoint's variables it refuses always, and empty ones of the endpoint it replaces or refuses. What an
image's own `ENV` or home has it cannot see. `cargo test --test inject takeover` holds it to this page.

How long each client asks while the endpoint has no credentials yet is in [kubelet-restarts.md](kubelet-restarts.md).

## The clients

`file` is the environment as injected; `and variable` has `AWS_CONTAINER_AUTHORIZATION_TOKEN` too, as with the annotation
`stsidecar.dev/legacy-clients`. A client that needs the variable has it in all tables below; one that never asks the endpoint is
in none of them.
"""


def recorded() -> dict:
    """What was measured so far."""
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {"contenders": [], "clients": []}


def record(row: dict) -> None:
    """Puts one client's answers in the place of its former ones; those of another version are dropped."""
    rows = {each["key"]: each for each in recorded()["clients"]}
    former = rows.get(row["key"])
    answers = {**former["answers"], **row["answers"]} if former and former["version"] == row["version"] else row["answers"]
    rows[row["key"]] = {**row, "answers": {each.key: answers[each.key] for each in CONTENDERS if each.key in answers}}
    contenders = [{"key": each.key, "variables": each.variables, "tells": each.tells} for each in CONTENDERS]
    clients = [rows[client.key] for client in CLIENTS if client.key in rows]
    RECORDED.write_text(json.dumps({"contenders": contenders, "clients": clients}, indent=2) + "\n")


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _client(row: dict) -> str:
    return f"{_NAMES[row['key']]} {row['version']}"


def _summary(contender: Contender, rows: list[dict]) -> list[str]:
    counts = Counter(row["answers"][contender.key] for row in rows)
    return [contender.title, *(str(counts[answer] or "–") for answer in ("contender", "fails", "node", "unsigned"))]


def _lines(rows: list[dict]) -> Iterator[str]:
    yield INTRODUCTION
    asks = {**CELLS, "endpoint": "yes"}
    yield from _table(["client", "file", "and variable"], [[_client(row), asks[row["alone"]], asks[row["with_token"]]] for row in rows])
    asking = [row for row in rows if row["answers"]]
    yield f"\n## In how many of {len(asking)} clients\n"
    for group in GROUPS:
        yield from _table([group.title, "win", "fail", "node", "unsigned"], [_summary(each, asking) for each in group.contenders])
        yield ""
    for group in GROUPS:
        yield f"## {group.title}\n\n{group.text}\n"
        cells = [[_client(row), *(CELLS[row["answers"][each.key]] for each in group.contenders)] for row in asking]
        yield from _table(["client", *(each.title for each in group.contenders)], cells)
        yield ""


def document() -> str:
    """docs/clients.md."""
    return "\n".join(_lines(recorded()["clients"])).rstrip() + "\n"


def _misfits() -> Iterator[str]:
    rows = {row["key"]: row for row in recorded()["clients"]}
    for client in CLIENTS:
        row = rows.pop(client.key, None)
        if row is None:
            yield f"{client.name} was not measured: make takeover CLIENTS={client.key}"
        elif row["version"] != client.version():
            yield f"{client.name} is pinned at {client.version()}, measured at {row['version']}: make takeover CLIENTS={client.key}"
        elif row["answers"] and list(row["answers"]) != [contender.key for contender in CONTENDERS]:
            yield f"{client.name} was measured beside other contenders: make takeover CLIENTS={client.key}"
    yield from (f"{key} was measured, and is no client any more" for key in rows)


def main(arguments: list[str]) -> int:
    misfits = [*_misfits(), *unready_table.misfits()]
    made = {DOCUMENT: document(), unready_table.DOCUMENT: unready_table.document()}
    if not misfits and arguments == ["--check"]:
        wrong = [path.name for path, text in made.items() if path.read_text() != text]
        misfits = [f"{name} is not what was recorded: run tests/real/takeover/table.py" for name in wrong]
    for misfit in misfits:
        print(misfit)
    if misfits:
        return 1
    for path, text in made.items() if arguments != ["--check"] else ():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
