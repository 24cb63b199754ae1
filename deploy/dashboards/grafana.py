"""The words the dashboards are written in: queries, panels, variables, rows, and the dashboard itself."""

import json
import urllib.parse

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
# A legend has room for `Check`, not for `vow.consent.v1.ConsentService/Check`.
SHORT_METHOD = {"regex": r"/vow\.\w+\.v1\.(\w+)Service\//", "renamePattern": "$1 "}


def query(expr, legend="", *, exemplar=False, instant=False, format="time_series"):
    """One query of a panel. An instant one is asked at the end of the time range only."""
    return {
        "datasource": DATASOURCE, "editorMode": "code", "expr": " ".join(expr.split()), "legendFormat": legend or "__auto",
        "exemplar": exemplar, "instant": instant, "range": not instant, "format": format,
    }


def steps(*pairs):
    """Thresholds from (value, colour); the first one has no lower bound."""
    return [{"value": value, "color": color} for value, color in pairs]


GREEN = steps((None, "green"))


def at_most(warn, bad=None):
    """Green below `warn`; with `bad`, yellow between the two and red from there."""
    return steps((None, "green"), (warn, "red")) if bad is None else steps((None, "green"), (warn, "yellow"), (bad, "red"))


def at_least(good, fair=None):
    """Green from `good`; with `fair`, yellow between the two and red below."""
    return steps((None, "red"), (good, "green")) if fair is None else steps((None, "red"), (fair, "yellow"), (good, "green"))


def panel(kind, title, description, unit, queries, *, width, height, thresholds, defaults=None, options=None, **rest):
    """What all panels share; `kind` is Grafana's name of the panel's type."""
    targets = queries if isinstance(queries, list) else [queries]
    field = {
        "unit": unit, "min": 0, "color": {"mode": "palette-classic-by-name"}, "mappings": [],
        "thresholds": {"mode": "absolute", "steps": thresholds}, **(defaults or {}),
    }
    if field["min"] is None:
        del field["min"]
    return {
        "type": kind, "title": title, "description": description, "datasource": DATASOURCE,
        "gridPos": {"w": width, "h": height}, "fieldConfig": {"defaults": field, "overrides": rest.pop("overrides", [])},
        "options": options or {}, "targets": [{**it, "refId": chr(65 + at)} for at, it in enumerate(targets)], **rest,
    }


def graph(title, description, unit, queries, *, width=8, height=8, thresholds=GREEN, stack=False, **rest):
    """A figure over time. More than one threshold step is drawn as a line where green ends."""
    custom = {
        "drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if stack else 8, "showPoints": "never",
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(thresholds) > 1 else "off"},
    }
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max", "lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    defaults = {"custom": custom, **rest.pop("defaults", {})}
    if "{{rpc_method}}" in str(queries):
        rest["transformations"] = [{"id": "renameByRegex", "options": SHORT_METHOD}]
    return panel("timeseries", title, description, unit, queries, width=width, height=height, thresholds=thresholds,
                 defaults=defaults, options=options, **rest)


def stat(title, description, unit, queries, *, width=6, height=4, thresholds=GREEN, **rest):
    """The last value of a figure, coloured by its thresholds."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value", "graphMode": "none",
        "textMode": "auto", "justifyMode": "auto", "orientation": "auto",
    }
    defaults = {"color": {"mode": "thresholds"}, **rest.pop("defaults", {})}
    return panel("stat", title, description, unit, queries, width=width, height=height, thresholds=thresholds,
                 defaults=defaults, options=options, **rest)


def heatmap(title, description, expr, *, exemplar=False, width=8, height=8, unit="s"):
    """How a duration is spread over time, from the buckets of a histogram. Only calls' durations have exemplars."""
    options = {
        "calculate": False, "cellGap": 1, "legend": {"show": True}, "yAxis": {"unit": unit, "axisPlacement": "left"},
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "reverse": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"}, "tooltip": {"mode": "single", "yHistogram": False},
        "rowsFrame": {"layout": "auto"}, "filterValues": {"le": 1e-9}, "cellValues": {"unit": "cps"},
    }
    return panel("heatmap", title, description, unit, query(expr, "{{le}}", exemplar=exemplar, format="heatmap"), width=width,
                 height=height, thresholds=GREEN, options=options)


def table(title, description, columns, *, labels, width=24, height=8):
    """One row per series. `columns` are (title, expression, unit, thresholds), `labels` are (label, title)."""
    targets = [query(expr, instant=True, format="table") for _, expr, _, _ in columns]
    letters = [chr(65 + at) for at in range(len(columns))]
    value = "Value #{}".format if len(columns) > 1 else lambda _: "Value"
    names = {**{label: name for label, name in labels}, **{value(letter): it[0] for letter, it in zip(letters, columns)}}
    overrides = [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [
                {"id": "unit", "value": unit},
                {"id": "thresholds", "value": {"mode": "absolute", "steps": thresholds}},
                {"id": "custom.cellOptions", "value": {"type": "color-text" if len(thresholds) > 1 else "auto"}},
            ],
        }
        for name, _, unit, thresholds in columns
    ]
    transformations = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {
            "excludeByName": {"Time": True}, "renameByName": names, "indexByName": {it: at for at, it in enumerate(names)},
        }},
    ]
    return panel("table", title, description, "short", targets, width=width, height=height, thresholds=GREEN,
                 defaults={"color": {"mode": "thresholds"}}, options={"showHeader": True, "cellHeight": "sm"}, overrides=overrides,
                 transformations=transformations)


def row(title, *panels):
    """A heading and the panels under it."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": COLUMNS, "h": 1}}, *panels


def laid_out(rows):
    """Gives every panel its place, left to right and down, and its number."""
    panels, x, y, height = [], 0, 0, 0
    for panel in (it for row in rows for it in row):
        size = panel["gridPos"]
        if x + size["w"] > COLUMNS or panel["type"] == "row":
            x, y, height = 0, y + height, 0
        panels.append({"id": len(panels) + 1, **panel, "gridPos": {**size, "x": x, "y": y}})
        x, height = x + size["w"], max(height, size["h"])
    return panels


def datasource(name, label, kind, *, hide=0):
    """The choice of a data source."""
    return {"type": "datasource", "name": name, "label": label, "query": kind, "refresh": 1, "hide": hide, "regex": "",
            "multi": False, "includeAll": False, "options": []}


def choice(name, label, values):
    """The choice of some values of a label, or of all."""
    return {
        "type": "query", "name": name, "label": label, "datasource": DATASOURCE, "definition": values,
        "query": {"query": values, "refId": f"variable-{name}", "qryType": 1}, "refresh": 2, "sort": 1, "hide": 0, "regex": "",
        "multi": True, "includeAll": True, "allValue": ".*", "options": [],
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def explore(title, variable, kind, question):
    """A link that asks another data source about the same time."""
    pane = {
        "datasource": f"${{{variable}}}",
        "queries": [{"refId": "A", "datasource": {"type": kind, "uid": f"${{{variable}}}"}, **question}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    panes = urllib.parse.quote(json.dumps({"vow": pane}, separators=(",", ":")), safe="${}:_")
    return {"type": "link", "title": title, "icon": "external link", "url": f"/explore?schemaVersion=1&panes={panes}",
            "targetBlank": True, "includeVars": False, "keepTime": False, "asDropdown": False, "tags": [], "tooltip": title}


def dashboard(uid, title, description, rows, *, variables, services, tags=()):
    """A whole dashboard. `services` is the expression of the services it is about, for the links to traces and logs."""
    everywhere = [{
        "type": "dashboards", "title": "Vow", "tags": ["vow"], "asDropdown": True, "includeVars": True, "keepTime": True,
        "targetBlank": False, "icon": "external link", "tooltip": "The other dashboards of the suite", "url": "",
    }]
    looks = [
        explore("Traces", "traces", "tempo", {
            "queryType": "traceql", "query": f'{{resource.service.name=~"{services}"}}',
        }),
        explore("Logs", "logs", "loki", {"expr": f'{{namespace=~"${{namespace:regex}}",component=~"{services}"}}'}),
    ]
    started = """count by (component, version) (vow_build_info{job="vow",namespace=~"$namespace"})
                 unless count by (component, version) (vow_build_info{job="vow",namespace=~"$namespace"} offset 5m)"""
    return {
        "uid": uid, "title": title, "description": description, "tags": ["vow", *tags], "schemaVersion": 41, "version": 1,
        "editable": False, "graphTooltip": 1, "timezone": "browser", "refresh": "30s", "fiscalYearStartMonth": 0,
        "time": {"from": "now-1h", "to": "now"}, "timepicker": {}, "links": everywhere + looks,
        "annotations": {"list": [
            {"name": "Annotations & Alerts", "builtIn": 1, "type": "dashboard", "enable": True, "hide": True,
             "iconColor": "rgba(0, 211, 255, 1)", "datasource": {"type": "grafana", "uid": "-- Grafana --"}},
            {"name": "Releases", "enable": True, "hide": False, "iconColor": "purple", "datasource": DATASOURCE,
             "expr": " ".join(started.split()), "step": "60s", "titleFormat": "{{component}} {{version}}",
             "textFormat": "a version that did not run five minutes before"},
        ]},
        "templating": {"list": [
            datasource("datasource", "Metrics", "prometheus"), datasource("traces", "Traces", "tempo"),
            datasource("logs", "Logs", "loki"), *variables,
        ]},
        "panels": laid_out(rows),
    }
