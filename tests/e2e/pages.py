"""The commands of the pages for users: what they are, and which scenario runs each of them on the cluster.

Reads README, docs/, deploy/ and the chart's NOTES; never talks to a cluster, so that tests/chart can compare the register
below with the pages. following.py runs the commands.

A command is in a fenced block `sh`, or, when it is short, in backticks within a sentence or a table. A block `text`
behind it is what one sees: each of its lines is found in the output, in that order; `...` is any text, or any lines.
Words in capitals are to be replaced (PLACEHOLDERS). A page's blocks share their shell variables.
"""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from real.bootstrap import ROOT

NOTES = ROOT / "charts" / "stsidecar" / "templates" / "NOTES.txt"

# What a reader replaces.
PLACEHOLDERS = {
    "CONFIGMAP", "CONTAINER", "DAEMONSET", "DEPLOYMENT", "INJECTOR_POD", "NAMESPACE", "NODE", "POD", "REGION",
    "ROLE_ARN", "SERVICE_ACCOUNT",
}  # fmt: skip
# Words in capitals that are none.
_WORDS = {"API", "CA", "CN", "ENABLE_NATIVE_SIDECARS", "END", "EOF", "FALSE"}

# Which scenario runs the commands below a heading.
RUN: dict[str, dict[str, str]] = {
    "README.md": {"Five minutes to the first credentials": "readme"},
    "charts/stsidecar/README.md": {"stsidecar": "notes"},
    "deploy/README.md": {"Without Helm": "plain"},
    "docs/annotations.md": {
        "Asking for credentials": "system",
        "Settings": "guides",
        "What the injector writes": "guides",
        "The hash of what decided": "guides",
    },
    "docs/aws.md": {
        "Letting AWS trust your cluster": "guides",
        "Issuer on any other cluster": "guides",
        "Role": "guides",
        "When it does not work": "guides",
    },
    "docs/debug.md": {
        "By mounting the tokens": "debug",
        "By the processes of the container": "debug",
        "In a copy of the pod": "debug",
    },
    "docs/inject.md": {"`stsidecar inject`: the sidecar in manifests": "inject"},
    "docs/meshes.md": {
        "Service meshes": "mesh",
        "Way 1: a native proxy": "mesh",
        "Way 2: start without credentials": "mesh",
        "Way 3: leave STS out of the redirection": "mesh",
    },
    "docs/nodes.md": {"Architectures": "nodes", "Drains": "drain"},
    "docs/removal.md": {"What keeps working": "notes", "By hand": "hand"},
    "docs/resources.md": {
        "Requests, limits and quotas": "resources",
        "A ResourceQuota": "resources",
        "A LimitRange": "resources",
    },
    **{
        f"docs/runbooks/Stsidecar{name}.md": {"Look": scenario, "Fix": scenario, "Over": scenario}
        for name, scenario in {
            "AgentRestarting": "books",
            "CredentialsExpiringSoon": "books",
            "RefreshFailing": "books",
            "InjectorErrors": "down",
            "InjectorFailOpen": "down",
            "InjectorUnreachable": "down",
            "MatchConditionErrors": "down",
            "TokenStale": "stale",
        }.items()
    },
    **{
        f"docs/runbooks/Stsidecar{name}.md": {"Look": scenario, "Over": scenario}
        for name, scenario in {
            "CredentialsExpired": "books",
            "RequestsFailingFast": "books",
        }.items()
    },
    "docs/runbooks/StsidecarClientsRejected.md": {"Look": "books"},
    "docs/runbooks/StsidecarInjectorSlow.md": {"Look": "down"},
    "docs/runbooks/StsidecarCredentialsNeverObtained.md": {
        "Look": "books",
        "Fix": "books",
        "Where the ServiceAccount names a wrong role": "books",
        "Over": "books",
    },
    "docs/runbooks/StsidecarInjectorCertificateExpiringSoon.md": {
        "Look": "stolen",
        "Fix": "stolen",
        "To renew by hand": "k",
        "When the CA's key was stolen": "stolen",
        "Over": "stolen",
    },
    "docs/runbooks/StsidecarInjectorDown.md": {
        "Look": "down",
        "Where pods run but are not Ready": "down",
        "In need": "down",
        "Fix": "down",
        "After the need": "down",
        "Over": "down",
    },
    "docs/runbooks/StsidecarClientNeverAsked.md": {"Look": "status"},
    "docs/runbooks/StsidecarVersionSkew.md": {"Look": "books", "Fix": "books"},
    "docs/runbooks/StsidecarWebhookNotRegistered.md": {"Look": "unregistered", "Fix": "unregistered", "Over": "unregistered"},
    "docs/webhook-clients.md": {"An authority of its own": "clients", "Then the webhook": "clients", "The way back": "clients"},
}

# Programs that have nothing to talk to in a cluster of tests, and who else shows what they do.
ELSEWHERE = {
    "aws": "AWS itself",
    "curl": "a public web server",
    "docker": "a container engine; tests/chart reads the Dockerfile",
    "k3d": "a cluster of another kind",
    "kind": "a cluster of another kind",
    "make": "the Makefile's targets are the tests themselves",
    "minikube": "a cluster of another kind",
    "sudo": "a machine of the control plane",
}
# Single commands that cannot run here: page, beginning, reason.
NOT_RUN = [
    ("README.md", "stsidecar run", "it serves until it is ended; tests/agent starts it with these flags"),
    ("docs/aws.md", "ISSUER=$(aws eks", ELSEWHERE["aws"]),
    ("docs/meshes.md", "helm upgrade", "the meshes' own charts, which are not in any registry of packages"),
    ("docs/runbooks/StsidecarInjectorCertificateExpiringSoon.md", "kubectl -n stsidecar-system describe certificates", "cert-manager"),
    ("docs/sts.md", "stsidecar check", "it needs no cluster; tests/check.rs runs it on every source"),
    ("docs/webhook-clients.md", "kubectl -n kube-system edit", "an editor, on a cluster of kubeadm"),
]


@dataclass(frozen=True)
class Command:
    """One block, or one command in a sentence."""

    page: str
    section: str
    line: int
    text: str
    shown: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text.strip().splitlines()[0]}"

    @property
    def programs(self) -> set[str]:
        """The first word of every line that begins a command."""
        lines = re.sub(r"\\\n|<<'?(\w+)'?\n.*?\n\1$", " ", self.text, flags=re.DOTALL | re.MULTILINE).splitlines()
        return {words[0] for line in lines if (words := line.split()) and not words[0].startswith("#")}

    @property
    def not_run(self) -> str | None:
        """Why it cannot run here."""
        if self.programs and self.programs <= ELSEWHERE.keys():
            return ELSEWHERE[min(self.programs)]
        return next((why for page, begins, why in NOT_RUN if page == self.page and self.text.startswith(begins)), None)

    @property
    def unknown(self) -> set[str]:
        """Words in capitals that are neither placeholders nor the page's own variables."""
        return {word for word in _CAPITALS.findall(self.text) if not word.startswith("AWS_")} - PLACEHOLDERS - _WORDS


# Not a shell variable ($X, ${X}), an assignment (X=) or a column (X:.path), and not part of a longer word.
_CAPITALS = re.compile(r"(?<![\w$.{-])[A-Z][A-Z_]+(?![\w=.-]|:\.)")
_FENCE = re.compile(r"^( *)```(\w*)$")
_PROGRAMS = "kubectl|helm|cmctl|aws|openssl|curl|sudo|kind|docker|stsidecar"
# In a sentence `kubectl describe pod` and `helm upgrade --wait` only name a command; one that could be typed has values.
_INLINE = re.compile(rf"`((?:{_PROGRAMS}) [^`]+)`")
_VALUES = re.compile(r"=|[A-Z]{3}|^\S+(?: -\S+)*(?: [^\s-]\S*(?: -\S+)*){3}")
_INDENTED = re.compile(rf"^ {{4,}}(?:{_PROGRAMS}|make|k3d|minikube) .*$")


def paths() -> list[Path]:
    """The pages for users."""
    own = [ROOT / name for name in ("README.md", "SECURITY.md", "deploy/README.md", "charts/stsidecar/README.md")]
    return [*own, *sorted((ROOT / "docs").rglob("*.md"))]


def commands(path: Path) -> list[Command]:
    """All commands of a page, in its order."""
    return list(_read(path)[0])


def loose(path: Path) -> list[str]:
    """Lines with commands that are in no block `sh`, where nothing would run them."""
    return _read(path)[1]


def _read(path: Path) -> tuple[list[Command], list[str]]:
    page = str(path.relative_to(ROOT))
    found: list[Command] = []
    wrong: list[str] = []
    lines, number, section = path.read_text().splitlines(), 0, page
    while number < len(lines):
        line = lines[number]
        number += 1
        if opening := _FENCE.match(line):
            end = next(at for at in range(number, len(lines)) if lines[at].strip() == "```")
            body = textwrap.dedent("\n".join(lines[number:end])) + "\n"
            if opening[2] == "sh":
                found.append(Command(page, section, number + 1, body))
            elif opening[2] == "text" and found and not "".join(lines[found[-1].line + found[-1].text.count("\n") : number - 1]).strip():
                last = found.pop()
                found.append(Command(last.page, last.section, last.line, last.text, body))
            elif opening[2] in ("", "bash", "shell", "console"):
                wrong += [f"{page}:{number}: {line.strip()}" for line in body.splitlines() if _INDENTED.match(f"    {line}")]
            number = end + 1
        elif heading := re.match(r"#+ (.+)", line):
            section = heading[1]
        elif _INDENTED.match(line):
            wrong.append(f"{page}:{number}: {line.strip()}")
        else:
            found += [Command(page, section, number, span + "\n") for span in _INLINE.findall(line) if _VALUES.search(span)]
    return found, wrong


def notes() -> list[str]:
    """The commands of NOTES.txt, as templates."""
    return [line.strip() for line in NOTES.read_text().splitlines() if re.match(r"  (kubectl|helm) ", line)]


def of_scenario(name: str) -> set[tuple[str, str]]:
    """Pages and sections whose commands a scenario runs."""
    return {(page, section) for page, sections in RUN.items() for section, scenario in sections.items() if scenario == name}
