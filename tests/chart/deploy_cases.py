"""deploy/ and the guides: rendered from the chart, valid, and true to the program."""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import yaml

from chart import kinds
from chart.helm import CHART, HELMS, KUBECTL, NAMESPACE, OPERATORS, VALUES, compare, documents, normal, objects, of_file, template
from real.bootstrap import ROOT, TARGET

DEPLOY = ROOT / "deploy"
EXAMPLES = sorted((DEPLOY / "examples").glob("*.yaml"))
KEYS = ROOT / "src" / "inject" / "keys.rs"
HEADER = "# The chart with its defaults. Made by `make manifests`; change charts/stsidecar instead.\n"


def plain_manifests() -> str:
    """The chart without what only Helm needs."""
    lines = normal(template("helm4", "--skip-tests")).splitlines()
    of_helm = ("# Source: ", "helm.sh/chart: ", "app.kubernetes.io/managed-by: Helm")
    # Without Helm nothing keeps it the same as the ConfigMap, which is edited by hand and then decides.
    lines = re.sub(r"\n  annotations:\n(    #.*\n)*    stsidecar.dev/configuration: .*", "", "\n".join(lines)).split("\n")
    return HEADER + "".join(f"{line}\n" for line in lines if not line.strip().startswith(of_helm))


def manifests():
    """deploy/stsidecar.yaml is the chart, and kustomize takes it"""
    compare(DEPLOY / "stsidecar.yaml", plain_manifests())
    done = subprocess.run([KUBECTL, "kustomize", str(DEPLOY)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    built = documents(done.stdout)
    assert {found["metadata"].get("namespace", NAMESPACE) for found in built} == {NAMESPACE}
    assert len(built) == len(documents(plain_manifests())) + 1
    for found in built:
        for version in kinds.VERSIONS:
            kinds.check(found, version)
        assert "annotations" not in found["metadata"], "the ConfigMap is edited by hand: nothing else may decide"
    namespace = next(found for found in built if found["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for found in built:
        for pod in kinds.pods(found):
            kinds.check_restricted(pod)
    return f"{len(built)} objects"


def examples():
    """The sidecars written by hand are valid, restricted, and set what the program reads"""
    readme = (ROOT / "README.md").read_text()
    settings = set(re.findall(r"`((?:AWS|STSIDECAR|RUST)_\w+)`", readme[readme.index("<!-- settings: begin") : readme.index("<!-- settings: end")]))
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    for path in EXAMPLES:
        for found in documents(path.read_text()):
            for version in kinds.VERSIONS:
                kinds.check(found, version)
            for pod in kinds.pods(found):
                kinds.check_restricted(pod)
                containers = {container["name"]: container for container in pod.get("initContainers", []) + pod["containers"]}
                agent, app = containers["stsidecar"], containers["app"]
                assert agent["image"] == f"ghcr.io/stsidecar/stsidecar:{chart['appVersion']}"
                assert agent["resources"] == defaults["agent"]["resources"]
                assert {variable["name"] for variable in agent["env"]} <= settings
                assert agent["startupProbe"] == {
                    "exec": {"command": ["/stsidecar", "status", "--probe"]},
                    "periodSeconds": 1,
                    "timeoutSeconds": 30,
                    "failureThreshold": 1000000,
                }
                assert agent["livenessProbe"] == {
                    "exec": {"command": ["/stsidecar", "status", "--incident-probe", "--period=300"]},
                    "periodSeconds": 300,
                    "timeoutSeconds": 30,
                    "failureThreshold": 2147483647,
                }
                mounts = {mount["name"]: mount["mountPath"] for mount in agent["volumeMounts"]}
                state = next(variable["value"] for variable in agent["env"] if variable["name"] == "STSIDECAR_STATE_DIR")
                assert mounts == {
                    "stsidecar-token": "/var/run/secrets/stsidecar.dev/serviceaccount",
                    "stsidecar-endpoints": "/var/run/secrets/stsidecar.dev/endpoints",
                    "stsidecar-state": state,
                }
                assert {volume["name"] for volume in pod["volumes"]} == set(mounts)
                own = {variable["name"]: variable["value"] for variable in app["env"]}
                assert own["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == f"{app['volumeMounts'][0]['mountPath']}/token"
                assert own["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "http://127.0.0.1:9911/v1/credentials"
                assert not own.keys() & {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}, "they would win over the sidecar"
                native = path.stem == "native-sidecar"
                assert ("stsidecar" in [c["name"] for c in pod.get("initContainers", [])]) is native
                assert (agent.get("restartPolicy") == "Always") is native
    return f"{len(EXAMPLES)} examples"


def injector_agrees():
    """The chart and the injector mean the same annotations and the same port"""
    if not (ROOT / "src" / "inject.rs").exists():
        return "nothing reads any yet"
    policies = [found for found in documents(template("helm4")) if found["kind"] == "ValidatingAdmissionPolicy"]
    table = re.search(r"const ANNOTATIONS: [^=]+= \[(.*?)\];", KEYS.read_text(), re.DOTALL)
    assert table, f"{KEYS.relative_to(ROOT)} has no table of annotations"
    read = [row for row in re.findall(r'\("([\w-]+)", (true|false), (true|false)\)', table[1]) if row[0] != "status"]
    places = {"accounts": 1, "namespaces": 2}
    for policy in policies:
        place = policy["metadata"]["name"].removeprefix("stsidecar-")
        listed = next(one["expression"] for one in policy["spec"]["variables"] if one["name"] == "known")
        known = [row[0] for row in read if place not in places or row[places[place]] == "true"]
        assert re.findall(r"'([\w-]+)'", listed) == known, f"{place}: {listed}, not {known}"
        written = re.search(r"let written = \[(.*?)\];", KEYS.read_text())[1].split(", ")
        own = {re.search(rf'const {name}: &str = "(.+)";', KEYS.read_text())[1] for name in written}
        listed = [one["expression"] for one in policy["spec"]["variables"] if one["name"] == "written"]
        assert all(set(re.findall(r"'([^']+)'", names)) == own for names in listed), f"{place}: {listed}, not {own}"
    assert len(policies) == 5, [policy["metadata"]["name"] for policy in policies]
    port = re.search(r'const PORT_NAME: &str = "(.+)";', (KEYS.parent / "sidecar.rs").read_text())
    monitor = documents(template("helm4", "--set=metrics.podMonitor.enabled=true", *OPERATORS, "--show-only=templates/podmonitor.yaml"))[0]
    assert port and monitor["spec"]["podMetricsEndpoints"][0]["port"] == port[1] and len(port[1]) <= 15, port
    return f"{len(read)} keys"


def image():
    """The Dockerfile makes every program there is, with certificates and a user without rights"""
    text = (DEPLOY / "Dockerfile").read_text()
    final = text[text.index("\nFROM scratch\n") :]
    assert re.search(r"^USER 65532:65532$", final, re.MULTILINE) and 'ENTRYPOINT ["/stsidecar"]' in final
    programs = [f"/out/{source.stem};" for source in (ROOT / "src" / "bin").glob("*.rs")]
    for made in (*programs, "/out/etc/ssl/certs/ca-certificates.crt"):
        assert programs and made in text, made
    cargo = (ROOT / "Cargo.toml").read_text()
    version, rust = (re.search(rf'^{key} = "(.+)"$', cargo, re.MULTILINE)[1] for key in ("version", "rust-version"))
    assert f'image.version="{version}"' in final and f"FROM --platform=$BUILDPLATFORM rust:{rust}-" in text
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    copied = {word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for word in line.split()}
    assert ignored[0] == "*" and {line.removeprefix("!") for line in ignored[1:]} == copied, copied
    for name in ("stsidecar", "stsidecar-injector"):
        rendered = "".join(template(major) for major in HELMS) + "".join(path.read_text() for path in EXAMPLES)
        assert f"[/{name}" in rendered, f"nothing starts /{name}"


def static_programs(folder: Path) -> list[Path]:
    """The released static programs where they were built, else the smallest one that is linked as they are."""
    released = [*TARGET.glob("*/release/stsidecar"), *TARGET.glob("*/release/stsidecar-injector")]
    if len(released) == 2:
        return released
    source = folder / "stsidecar.rs"
    source.write_text('fn main() { println!("stsidecar"); }')
    command = ["rustc", "-C", "target-feature=+crt-static", "-o", str(folder / "stsidecar"), str(source)]
    subprocess.run(command, check=True, timeout=300)
    return [folder / "stsidecar"]


def archived():
    """The image made without an engine: one layer, the same bytes each time, and its programs start alone in it"""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        programs, made, root = static_programs(folder), [folder / "one.tar", folder / "two.tar"], folder / "root"
        for output in made:
            subprocess.run([DEPLOY / "image", "--name", "a/b:c", "--output", output, *programs], check=True, timeout=300, stdout=subprocess.DEVNULL)
        assert made[0].read_bytes() == made[1].read_bytes() and made[0].stat().st_size < 20_000_000
        with tarfile.open(made[0]) as outer:
            read = lambda name: outer.extractfile(name).read()  # noqa: E731
            (entry,) = json.loads(read("index.json"))["manifests"]
            blob = lambda described: read("blobs/sha256/" + described["digest"].removeprefix("sha256:"))  # noqa: E731
            manifest = json.loads(blob(entry))
            config, (layer,) = json.loads(blob(manifest["config"])), manifest["layers"]
            for described in (entry, manifest["config"], layer):
                content = blob(described)
                assert described["size"] == len(content) and described["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
            files = tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(layer))))
            files.extractall(root)
        assert config["config"]["User"] == "65532:65532" and config["config"]["Entrypoint"] == ["/stsidecar"]
        assert (root / "etc/ssl/certs/ca-certificates.crt").is_file()
        for program in programs:
            assert (root / program.name).stat().st_mode & 0o777 == 0o555
            if os.geteuid() == 0:
                alone = subprocess.run([f"/{program.name}", "--version"], capture_output=True, text=True, timeout=300, preexec_fn=lambda: os.chroot(root))
                assert alone.returncode == 0 and alone.stdout.startswith("stsidecar"), alone
        dynamic = subprocess.run([DEPLOY / "image", "--output", folder / "no.tar", sys.executable], capture_output=True, text=True, timeout=300)
        assert dynamic.returncode == 1 and "linked to a libc" in dynamic.stderr, dynamic
        return f"{made[0].stat().st_size} bytes with {len(programs)} programs"


def guides():
    """Links lead somewhere, JSON and YAML in the guides is right"""
    pages = [*DEPLOY.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), CHART / "README.md"]
    for page in pages:
        text = page.read_text()
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name}: {link}"
        headings = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)}
        for anchor in re.findall(r"\]\(#([^)]+)\)", prose):
            assert anchor in headings, f"{page.name}: #{anchor}"
        for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
            json.loads(block)
    return f"{len(pages)} pages"


# Of kinds whose plural is more than an s.
PLURALS = {
    "Certificate": "certificates.cert-manager.io",
    "Issuer": "issuers.cert-manager.io",
    "NetworkPolicy": "networkpolicies",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
}


def removal():
    """The page on removal by hand deletes every kind of object that the chart makes, the webhooks first"""
    page = (ROOT / "docs" / "removal.md").read_text()
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    deleted = [kind for line in re.findall(r"^kubectl .*?\bdelete (?:--\S+ )*(\S+)", commands, re.MULTILINE) for kind in line.split(",")]
    assert deleted[0] == "mutatingwebhookconfigurations", f"while they are there, pods are refused: {deleted}"
    selector = dict(pair.split("=") for pair in re.search(r"^OURS=(\S+)$", commands, re.MULTILINE)[1].split(","))
    for values in VALUES:
        for (kind, name), found in objects(*of_file(values)).items():
            if (kind, name) == ("ConfigMap", "stsidecar-more"):
                continue  # of extraObjects, which are their author's
            plural = PLURALS.get(kind, f"{kind.lower()}s")
            assert plural in deleted, f"{plural} stay behind: {deleted}"
            assert selector.items() <= found["metadata"]["labels"].items(), f"{kind} {name} is not found by its labels"
    return f"{len(deleted)} kinds"


CASES = [manifests, examples, injector_agrees, image, archived, guides, removal]
