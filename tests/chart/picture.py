"""The dashboard as an SVG picture of what a Prometheus holds: to be looked at, where there is no Grafana.

`DASHBOARD_SVG=FILE tests/chart/run.py monitoring dashboard_on_prometheus` writes it. Panels are where the dashboard
has them, each with its title and the series that its queries return.
"""

import json
import re
import time
from collections.abc import Callable
from html import escape
from pathlib import Path

from chart.helm import CHART
from chart.monitoring_cases import filled_in

CELL_WIDTH, CELL_HEIGHT, GAP = 50, 34, 6
COLOURS = ("#3274d9", "#e0752d", "#37872d", "#c4162a", "#8f3bb8", "#b58900", "#0a7c8a", "#6b6b6b")
STEP = 1.0  # seconds between two points
LEGENDS = 4  # series named below a graph

Ask = Callable[..., dict]


def amount(value: float, unit: str) -> str:
    """A number as Grafana prints it for a unit, roughly."""
    if unit == "s":
        return f"{value / 60:.1f} min" if abs(value) >= 120 else f"{value:.3g} s"
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB"
    if unit == "percentunit":
        return f"{value * 100:.4g} %"
    return f"{value:.3g}"


def named(legend: str, labels: dict[str, str]) -> str:
    """A legend with its labels filled in; all labels where it asks for none."""
    shown = re.sub(r"{{\s*(\w+)\s*}}", lambda found: labels.get(found[1], ""), legend)
    return shown or ", ".join(value for label, value in sorted(labels.items()) if not label.startswith("__")) or "value"


def text(x: float, y: float, words: str, size: int = 11, colour: str = "#333") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}">{escape(words)}</text>'


def graph(series: list[tuple[str, list]], box: tuple[float, float, float, float], unit: str) -> list[str]:
    """Lines over time in a box of x, y, width and height, with the range of values and the legends."""
    x, y, width, height = box
    points = [(float(at), float(value)) for _, values in series for at, value in values if value != "NaN"]
    if not points:
        return [text(x, y + height / 2, "No data", 14, "#999")]
    (first, last) = (min(at for at, _ in points), max(at for at, _ in points))
    low, high = min(0.0, *(value for _, value in points)), max(value for _, value in points)
    high = high if high > low else low + 1
    drawn = [text(x, y + 10, amount(high, unit), 9, "#777"), text(x, y + height, amount(low, unit), 9, "#777")]
    left, span = x + 60, width - 60
    for number, (_, values) in enumerate(series):
        path = " ".join(
            f"{left + (float(at) - first) / max(last - first, STEP) * span:.1f},{y + height - (float(value) - low) / (high - low) * height:.1f}"
            for at, value in values
            if value != "NaN"
        )
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="1.5"/>')
    for number, (name, _) in enumerate(series[:LEGENDS]):
        drawn.append(text(left + number * span / LEGENDS, y + height + 14, name[:34], 10, COLOURS[number % len(COLOURS)]))
    return drawn


def panel_drawn(panel: dict, ask: Ask, span: tuple[float, float]) -> list[str]:
    """One panel: its frame, its title, and its values now or over time."""
    grid = panel["gridPos"]
    x, y = grid["x"] * CELL_WIDTH, grid["y"] * CELL_HEIGHT
    width, height = grid["w"] * CELL_WIDTH - GAP, grid["h"] * CELL_HEIGHT - GAP
    if panel["type"] == "row":
        return [text(x + 4, y + height - 6, panel["title"], 15, "#000")]
    unit = panel["fieldConfig"]["defaults"]["unit"]
    drawn = [f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="#fff" stroke="#ccc"/>', text(x + 8, y + 16, panel["title"], 12, "#000")]
    targets = [(target.get("legendFormat", ""), filled_in(target["expr"])) for target in panel["targets"]]
    if panel["type"] == "timeseries":
        found = [
            (named(legend, series["metric"]), series["values"])
            for legend, query in targets
            for series in ask("query_range", query=query, start=str(span[0]), end=str(span[1]), step=str(STEP))["result"]
        ]
        return drawn + graph(found, (x + 8, y + 26, width - 16, height - 48), unit)
    now = [(named(legend, series["metric"]), amount(float(series["value"][1]), unit)) for legend, query in targets for series in ask("query", query=query)["result"]]
    if panel["type"] == "stat" and len(now) == 1:
        name = "" if now[0][0] == "value" else f"{now[0][0]}: "
        return [*drawn, text(x + 14, y + height / 2 + 18, name + now[0][1], 24)]
    return drawn + [text(x + 8, y + 36 + 15 * row, f"{value}   {name}") for row, (name, value) in enumerate(now)]


def draw(ask: Ask, since: float, path: Path) -> None:
    """Writes the picture of the time from `since` (seconds of the epoch) to now; `ask` is the Prometheus' API."""
    panels = json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * CELL_HEIGHT
    body = [line for panel in panels for line in panel_drawn(panel, ask, (since, time.time()))]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{24 * CELL_WIDTH}" height="{height}" font-family="sans-serif">'
    path.write_text("\n".join([head, '<rect width="100%" height="100%" fill="#f4f5f5"/>', *body, "</svg>\n"]))
