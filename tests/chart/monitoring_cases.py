"""Alerts, runbooks and the dashboard: right by promtool, and about metrics that the programs really have."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from chart.helm import CHART, HERE, OPERATORS, compare, objects
from real.bootstrap import ROOT, TOOLS

PROMTOOL = TOOLS / "promtool" / "promtool"
ALERTS = CHART / "files" / "alerts.yaml"
TESTS = HERE / "alerts.test.yaml"
INCIDENTS = HERE / "incidents.test.yaml"
ORDINARY = HERE / "ordinary.test.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks"
# A runbook's headings, in this order; it may have more.
SECTIONS = ["Impact", "What it means", "Look", "Fix", "Over"]

# Of other programs: Prometheus itself, the API server, kube-state-metrics, the Prometheus client.
HOOK = {"name": set(), "type": {"admit"}}
OTHER_PROGRAMS = {
    "up": ("gauge", {}),
    "apiserver_admission_webhook_rejection_count": (
        "counter",
        {**HOOK, "error_type": {"calling_webhook_error", "apiserver_internal_error", "no_error"}, "rejection_code": set()},
    ),
    "apiserver_admission_webhook_fail_open_count": ("counter", HOOK),
    "apiserver_admission_webhook_admission_duration_seconds": ("histogram", HOOK),
    "apiserver_admission_match_condition_evaluation_errors_total": ("counter", HOOK),
    "kube_pod_created": ("gauge", {}),
    "kube_pod_container_status_restarts_total": ("counter", {}),
    "kube_pod_init_container_status_restarts_total": ("counter", {}),
    "process_start_time_seconds": ("gauge", {}),
    "process_resident_memory_bytes": ("gauge", {}),
    "process_cpu_seconds_total": ("counter", {}),
    "process_open_fds": ("gauge", {}),
}
# What a scrape adds.
TARGET = {"cluster", "namespace", "pod", "container", "job", "instance"}


def metrics() -> dict[str, tuple[str, dict[str, set[str]]]]:
    """Every metric that may be asked for, the programs' own out of README.md, which a Rust test compares with them."""
    found = {}
    for name, kind, labels in re.findall(r"^\| `(stsidecar_\w+)` \| (\w+) \| ([^|]*) \|", (ROOT / "README.md").read_text(), re.MULTILINE):
        pairs = re.findall(r"`(\w+)`(?:: ([^;]+))?", labels)
        found[name] = (kind, {label: set(filter(None, re.split(r",\s*", values.strip()))) for label, values in pairs})
    assert len(found) >= 16, "README.md's tables of metrics are not as expected"
    # README shows those of a web identity and a role; each source has its own.
    sources = "".join(path.read_text() for path in sorted((ROOT / "src" / "assume").glob("*.rs")))
    operations = set(re.findall(r'operation: "(\w+)",', sources))
    found["stsidecar_sts_request_duration_seconds"][1]["operation"] |= operations
    return {**OTHER_PROGRAMS, **found}


def promtool(*arguments: str, cwd: Path | None = None) -> str:
    """Runs promtool, which must succeed."""
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, cwd=cwd, timeout=300)
    assert done.returncode == 0, f"promtool {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def rules() -> Iterator[dict]:
    """Every rule of the file."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from group["rules"]


def names_in(expression: str) -> set[str]:
    """The metrics and recorded series that an expression asks for: each word that is no function, keyword or label."""
    plain = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]', "", expression)
    plain = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", plain)
    words = re.findall(r"(?<![\w:.])[a-z_][\w:]*(?!\s*\(|[\w:])", plain, re.IGNORECASE)
    return set(words) - {"and", "or", "unless", "offset", "bool", "by", "on"}


def metrics_of(expression: str) -> set[str]:
    """The metrics that an expression asks for, through recorded ones."""
    recorded = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    return set().union(*(metrics_of(recorded[name]) if name in recorded else {name} for name in names_in(expression)))


def check_selectors(expression: str) -> None:
    """Every metric exists, and every matcher names a label and values that it has."""
    known = metrics()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    names = names_in(expression)
    assert names, expression
    for name in names - recorded:
        kind, labels = known.get(name) or known.get(re.sub(r"_(bucket|count|sum)$", "", name)) or (None, {})
        assert kind, f"nothing exports {name}"
        assert (name in known) != (kind == "histogram"), f"{name} is a {kind}"
        for matchers in re.findall(rf"\b{name}\{{([^}}]*)\}}", expression):
            for label, operator, value in re.findall(r'(\w+)(=~|!=|!~|=)"([^"]*)"', matchers):
                assert label in labels or label in TARGET, f"{name} has no label {label}"
                allowed = labels.get(label)
                if allowed:
                    missing = [word for word in value.split("|") if not any(re.fullmatch(word, given) for given in allowed)]
                    assert not missing, f"{name}: {label} is never {missing}"


def rules_are_right():
    """promtool takes the rules, and they ask for metrics that exist"""
    found = list(rules())
    assert f"{len(found)} rules found" in promtool("check", "rules", "--lint-fatal", str(ALERTS))
    for rule in found:
        check_selectors(rule["expr"])
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule["alert"]
            assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, rule["alert"]
    return f"{len(found)} rules"


def alerts_fire():
    """Each alert fires when it should, and is silent when it should be"""
    promtool("test", "rules", str(TESTS))
    fires, silent = set(), set()
    for test in yaml.safe_load(TESTS.read_text())["tests"]:
        for check in test["alert_rule_test"]:
            expected, series = len(check["exp_alerts"]), len(test["input_series"])
            if expected:
                fires.add(check["alertname"])
            if expected < series:  # some series of the case is not to raise it
                silent.add(check["alertname"])
    names = {rule["alert"] for rule in rules() if "alert" in rule}
    assert fires == names, f"not shown to fire: {names - fires}"
    assert silent == names, f"not shown to be silent: {names - silent}"
    return f"{len(names)} alerts"


def first_incidents():
    """Each alert fires at its first incident, whose series nothing has counted before"""
    promtool("test", "rules", str(INCIDENTS))
    seen = set()
    for test in yaml.safe_load(INCIDENTS.read_text())["tests"]:
        # What is scraped is known before; all else begins with the incident.
        known = [series["series"] for series in test["input_series"] if not series["values"].startswith("_")]
        if all(name.startswith("up{") for name in known):
            samples = [sample["labels"] for check in test["promql_expr_test"] for sample in check["exp_samples"]]
            seen |= set(re.findall(r'alertname="(\w+)"', " ".join(samples)))
    names = {rule["alert"] for rule in rules() if "alert" in rule}
    assert seen == names, f"not shown to fire at its first incident: {names - seen}"
    return f"{len(names)} alerts"


def ordinary_life():
    """No alert fires in ordinary life, in which the series of each are seen"""
    promtool("test", "rules", str(ORDINARY))
    tests = yaml.safe_load(ORDINARY.read_text())["tests"]
    checks = [check for test in tests for check in test["promql_expr_test"]]
    assert all(check["expr"].startswith('count_over_time(ALERTS{alertstate="firing"}[') for check in checks)
    assert not any(check["exp_samples"] for check in checks), "no alert is expected"
    seen = {re.match(r"\w+", series["series"]).group() for test in tests for series in test["input_series"]}
    for rule in rules():
        if "alert" in rule:
            missing = metrics_of(rule["expr"]) - seen
            assert not missing, f"{rule['alert']} is not shown to be silent: no test has {missing}"
    return f"{len(tests)} scenes"


def runbooks():
    """Every alert has a runbook, every runbook an alert, and their queries are right"""
    names = {rule["alert"] for rule in rules() if "alert" in rule}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == names
    queries = []
    for rule in rules():
        if "alert" in rule:
            assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{rule['alert']}.md"), rule["alert"]
    for path in sorted(RUNBOOKS.glob("*.md")):
        text = path.read_text()
        assert text.startswith(f"# {path.stem}\n"), path.name
        # Who is affected comes first; then what to look at, what to do, and how to see that it is over.
        headings = [heading for heading in re.findall(r"^## (.+)$", text, re.MULTILINE) if heading in SECTIONS]
        assert headings == SECTIONS, f"{path.name}: {headings}"
        for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL):
            queries += block.splitlines()
    for query in queries:
        check_selectors(query)
    parse(queries)
    return f"{len(names)} pages, {len(queries)} queries"


def parse(queries: list[str]) -> None:
    """Lets promtool parse queries, as rules."""
    with tempfile.TemporaryDirectory(prefix="stsidecar-rules-") as folder:
        path = Path(folder) / "rules.yaml"
        path.write_text(json.dumps({"groups": [{"name": "q", "rules": [{"record": f"q:{i}", "expr": q} for i, q in enumerate(queries)]}]}))
        promtool("check", "rules", str(path))


def rendered_rules():
    """The PrometheusRule holds the file's rules, as the values shape them"""
    plain = objects("--set=metrics.prometheusRule.enabled=true", *OPERATORS)["PrometheusRule", "stsidecar"]
    assert plain["spec"] == yaml.safe_load(ALERTS.read_text()), "with defaults it is the file"
    settings = "metrics.prometheusRule.enabled=true,metrics.prometheusRule.disabled[0]=StsidecarTokenStale,metrics.prometheusRule.additionalAlertLabels.team=a"
    shaped = objects(f"--set={settings},metrics.prometheusRule.runbookUrlBase=https://r.example/x,injector.enabled=false", *OPERATORS)
    groups = shaped["PrometheusRule", "stsidecar"]["spec"]["groups"]
    assert [group["name"] for group in groups] == ["stsidecar-agent", "stsidecar-slo"], "no injector, none of its alerts"
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert "StsidecarTokenStale" not in [rule["alert"] for rule in alerts]
    assert all(rule["labels"]["team"] == "a" for rule in alerts)
    assert all(rule["annotations"]["runbook_url"] == f"https://r.example/x/{rule['alert']}.md" for rule in alerts)


def alerts_table():
    """The chart's README lists the alerts"""
    lines = ["| alert | severity | when |", "|---|---|---|"]
    for rule in rules():
        if "alert" in rule:
            lines.append(f"| {rule['alert']} | {rule['labels']['severity']} | {rule['annotations']['summary']} |")
    readme = CHART / "README.md"
    before, rest = readme.read_text().split("<!-- alerts: begin", 1)
    mark, rest = rest.split("-->\n", 1)
    _, after = rest.split("<!-- alerts: end -->", 1)
    compare(readme, f"{before}<!-- alerts: begin{mark}-->\n\n{chr(10).join(lines)}\n\n<!-- alerts: end -->{after}")


def filled_in(query: str) -> str:
    """A query of the dashboard with Grafana's variables filled in."""
    for name, value in {"$__rate_interval": "5m", "$cluster": ".*", "$namespace": ".*", "$pod": ".*"}.items():
        query = query.replace(name, value)
    assert "$" not in query, f"unknown variable in {query}"
    return query


def queries_of_dashboard() -> list[tuple[str, str]]:
    """Each query of the dashboard with its panel's title, Grafana's variables filled in."""
    panels = json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]
    return [(panel["title"], filled_in(target["expr"])) for panel in panels for target in panel.get("targets", [])]


def dashboard():
    """The dashboard is what Grafana takes from a file"""
    found = json.loads((CHART / "files" / "dashboard.json").read_text())
    assert found["uid"] == "stsidecar" and found["id"] is None and "__inputs" not in found
    names = [variable["name"] for variable in found["templating"]["list"]]
    assert names == ["datasource", "cluster", "namespace", "pod"]
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        grid = panel["gridPos"]
        own = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
        assert not own & cells and grid["x"] + grid["w"] <= 24, f"{panel['title']} overlaps"
        cells |= own
        if panel["type"] != "row":
            assert panel["targets"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert all(part["datasource"]["uid"] == "${datasource}" for part in [panel, *panel["targets"]]), panel["title"]
    rendered = objects("--set=metrics.grafanaDashboard.enabled=true")["ConfigMap", "stsidecar-dashboard"]
    assert json.loads(rendered["data"]["stsidecar.json"]) == found
    return f"{len(panels)} panels"


def series() -> Iterator[dict]:
    """Two hours of every metric with all its labels, as promtool's tests take them."""
    for name, (kind, labels) in metrics().items():
        combinations: list[dict] = [{}]
        for label, values in labels.items():
            given = sorted(values) or {"name": ["pods.stsidecar.dev"]}.get(label, ["some"])
            combinations = [{**one, label: value} for one in combinations for value in given]
        for one in combinations:
            text = "".join(f',{label}="{value}"' for label, value in one.items())
            for suffix, more in [("_bucket", ',le="0.1"'), ("_bucket", ',le="+Inf"'), ("_count", ""), ("_sum", "")] if kind == "histogram" else [("", "")]:
                values = "1x120" if name == "stsidecar_ready" else "0+30x120" if kind != "gauge" else "90000x120"
                yield {"series": f'{name}{suffix}{{cluster="c",namespace="n",pod="p"{text}{more}}}', "values": values}


def dashboard_queries():
    """Every query of the dashboard is right, about existing metrics, and has an answer"""
    found = queries_of_dashboard()
    for _, query in found:
        check_selectors(query)
    alerts = [{"alert": f"Query{i}", "expr": f"count({query}) > 0"} for i, (_, query) in enumerate(found)]
    checks = [{"eval_time": "1h", "alertname": rule["alert"], "exp_alerts": [{"exp_labels": {}}]} for rule in alerts]
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": list(series()), "alert_rule_test": checks}],
    }
    with tempfile.TemporaryDirectory(prefix="stsidecar-rules-") as folder:
        (Path(folder) / "rules.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": alerts}]}))
        (Path(folder) / "test.yaml").write_text(json.dumps(test))
        done = subprocess.run([PROMTOOL, "test", "rules", "test.yaml"], capture_output=True, text=True, cwd=folder, timeout=300)
    said = done.stdout + done.stderr
    silent = [found[int(number)] for number in re.findall(r"alertname: Query(\d+)", said)]
    assert not silent, f"no answer: {silent}"
    assert done.returncode == 0, said
    return f"{len(found)} queries"


CASES = [rules_are_right, alerts_fire, first_incidents, ordinary_life, runbooks, rendered_rules, alerts_table, dashboard, dashboard_queries]
