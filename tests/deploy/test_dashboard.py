import json
import re
from pathlib import Path

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana-dashboard.json"


def test_the_dashboard_is_json_whose_panels_ask_for_our_metrics() -> None:
    board = json.loads(DASHBOARD.read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = {
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    }
    assert len(cells) == sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in panels), "no overlap"
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    assert all(re.search(r"limit_audit_[a-z_]+|up\{", expression) for expression in asked)
