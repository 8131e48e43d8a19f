"""A network namespace whose loopback is all there is: clients that look for instance metadata or for AWS find ours.

Entered by running this program again under `unshare`, as root of a user namespace where it is not root already.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ECS, INSTANCE = "169.254.170.2", "169.254.169.254"
# Clients that take no address of STS from the environment ask these.
STS_NAMES = ("sts.amazonaws.com", "sts.us-east-1.amazonaws.com")
INSIDE = "--inside-the-namespace"


def missing() -> str | None:
    """Why there can be no namespace here."""
    for program in ("unshare", "ip", "mount"):
        if shutil.which(program) is None:
            return f"there is no {program}: apt install util-linux iproute2 mount"
    done = subprocess.run([*_unshare(), "true"], capture_output=True, text=True)
    return None if done.returncode == 0 else f"no namespace of our own: {done.stderr.strip()}"


def _unshare() -> list[str]:
    return ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def enter_again(tier: str, arguments: list[str]) -> None:
    """Runs this program again inside, and never returns."""
    os.execvp("unshare", [*_unshare(), sys.executable, sys.argv[0], tier, INSIDE, *arguments])


def set_up() -> None:
    """Inside: the addresses, and the names that lead to them."""
    for command in ("link set lo up", f"address add {ECS}/32 dev lo", f"address add {INSTANCE}/32 dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    with tempfile.NamedTemporaryFile("w", prefix="hosts-") as hosts:
        hosts.write(f"127.0.0.1 localhost {' '.join(STS_NAMES)}\n::1 localhost\n")
        hosts.flush()
        Path(hosts.name).chmod(0o644)
        subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
