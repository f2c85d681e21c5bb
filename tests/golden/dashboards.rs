//! The dashboard of manifests/dashboard.yaml as Grafana and as Perses have it: docs/dashboards, made of that one
//! description.

use super::check::check;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Columns of a Grafana or Perses grid, and of a row of the console's.
const COLUMNS: u64 = 24;
const SPAN: u64 = 12;
const HEIGHT: u64 = 8;

fn console() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/dashboard.yaml");
    let manifest: serde_yaml::Value = serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    serde_json::from_str(manifest["data"]["process-exporter.json"].as_str().unwrap()).unwrap()
}

fn items(of: &Value) -> &[Value] {
    of.as_array().unwrap()
}

/// Panels of a row with their places: x and width in columns.
fn placed(row: &Value) -> Vec<(&Value, u64, u64)> {
    let mut x = 0;
    let place = |panel| {
        let width = items_span(panel) * COLUMNS / SPAN;
        // A row that is full goes on below.
        let of = (panel, x % COLUMNS, width);
        x += width;
        of
    };
    items(&row["panels"]).iter().map(place).collect()
}

fn items_span(panel: &Value) -> u64 {
    panel["span"].as_u64().unwrap()
}

fn unit(panel: &Value) -> &str {
    panel["yaxes"][0]["format"].as_str().unwrap()
}

#[test]
fn grafana() {
    let console = console();
    let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
    let mut panels = Vec::new();
    let mut y = 0;
    for (number, row) in items(&console["rows"]).iter().enumerate() {
        panels.push(json!({
            "id": 100 + number, "type": "row", "title": row["title"], "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }));
        y += 1;
        for (panel, x, width) in placed(row) {
            if x == 0 && panel["id"] != row["panels"][0]["id"] {
                y += HEIGHT;
            }
            let stack = if panel["stack"] == true { "normal" } else { "none" };
            let fill = if panel["stack"] == true { 40 } else { 0 };
            let target = |target: &Value| {
                json!({
                    "datasource": datasource, "expr": target["expr"], "legendFormat": target["legendFormat"],
                    "range": true, "refId": target["refId"],
                })
            };
            panels.push(json!({
                "id": panel["id"], "type": "timeseries", "title": panel["title"], "datasource": datasource,
                "gridPos": {"x": x, "y": y, "w": width, "h": HEIGHT},
                "fieldConfig": {
                    "defaults": {
                        "unit": unit(panel), "min": panel["yaxes"][0]["min"],
                        "custom": {"stacking": {"mode": stack, "group": "A"}, "fillOpacity": fill, "lineWidth": 1},
                    },
                    "overrides": [],
                },
                "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
                "targets": items(&panel["targets"]).iter().map(target).collect::<Vec<_>>(),
            }));
        }
        y += HEIGHT;
    }
    let variables = items(&console["templating"]["list"]).iter().map(|variable| {
        let mut variable = variable.clone();
        if variable["type"] == "query" {
            variable["datasource"] = datasource.clone();
        }
        variable
    });
    let dashboard = json!({
        "title": console["title"], "uid": console["uid"], "schemaVersion": 39, "version": 1, "editable": true,
        "refresh": console["refresh"], "tags": console["tags"], "time": console["time"],
        "templating": {"list": variables.collect::<Vec<_>>()}, "panels": panels,
    });
    check("docs/dashboards/grafana.json", &(serde_json::to_string_pretty(&dashboard).unwrap() + "\n"));
}

#[test]
fn perses() {
    let console = console();
    let (mut panels, mut layouts) = (Map::new(), Vec::new());
    for row in items(&console["rows"]) {
        let mut y = 0;
        let mut grid = Vec::new();
        for (panel, x, width) in placed(row) {
            if x == 0 && panel["id"] != row["panels"][0]["id"] {
                y += HEIGHT;
            }
            let name = format!("panel{}", panel["id"]);
            let content = json!({"$ref": format!("#/spec/panels/{name}")});
            grid.push(json!({"x": x, "y": y, "width": width, "height": HEIGHT, "content": content}));
            let visual = if panel["stack"] == true {
                json!({"stack": "all", "areaOpacity": 0.4, "lineWidth": 1})
            } else {
                json!({"lineWidth": 1})
            };
            let format = if unit(panel) == "s" { "seconds" } else { "decimal" };
            let query = |target: &Value| {
                let spec = json!({"query": target["expr"], "seriesNameFormat": target["legendFormat"]});
                json!({"kind": "TimeSeriesQuery", "spec": {"plugin": {"kind": "PrometheusTimeSeriesQuery", "spec": spec}}})
            };
            panels.insert(
                name,
                json!({"kind": "Panel", "spec": {
                    "display": {"name": panel["title"]},
                    "plugin": {"kind": "TimeSeriesChart", "spec": {
                        "legend": {"position": "bottom", "mode": "list"}, "visual": visual,
                        "yAxis": {"format": {"unit": format}, "min": panel["yaxes"][0]["min"]},
                    }},
                    "queries": items(&panel["targets"]).iter().map(query).collect::<Vec<_>>(),
                }}),
            );
        }
        layouts.push(json!({"kind": "Grid", "spec": {"display": {"title": row["title"], "collapse": {"open": true}}, "items": grid}}));
    }
    let variables =
        items(&console["templating"]["list"]).iter().filter(|variable| variable["type"] == "query");
    let variable = |variable: &Value| {
        // `label_values(SERIES, LABEL)`, as Grafana writes it.
        let query = variable["query"].as_str().unwrap();
        let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
        let (series, label) = inside.rsplit_once(", ").unwrap();
        json!({"kind": "ListVariable", "spec": {
            "name": variable["name"], "display": {"name": variable["label"]}, "allowAllValue": true,
            "allowMultiple": true, "customAllValue": variable["allValue"], "defaultValue": "$__all",
            "plugin": {"kind": "PrometheusLabelValuesVariable", "spec": {"labelName": label, "matchers": [series]}},
        }})
    };
    let dashboard = json!({
        "kind": "Dashboard",
        "metadata": {"name": console["uid"], "project": "oc-interrogate"},
        "spec": {
            "display": {"name": console["title"]}, "duration": "1h", "refreshInterval": console["refresh"],
            "variables": variables.map(variable).collect::<Vec<_>>(), "panels": panels, "layouts": layouts,
        },
    });
    check("docs/dashboards/perses.yaml", &serde_yaml::to_string(&dashboard).unwrap());
}
