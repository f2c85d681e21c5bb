//! Saved reports are read back, and one odd field is one line.
use super::{Level, parse};

const REPORT: &str = r#"{
  "apiVersion": "interrogate/v1", "kind": "CpuReport", "unit": "cores",
  "window": {"start": "2026-02-02T01:00:00Z", "end": "2026-02-02T02:00:00Z", "interval_seconds": 3600.0,
             "asked_seconds": 7200.0, "step_seconds": 15.0},
  "source": {"kind": "exporter", "url": "https://prometheus.example/", "nodes": 3},
  "rows": [
    {"class": "host", "name": "crio", "avg": 0.25, "min": 0.1, "max": 0.5, "blocks": [0.2, 0.3, null, 0.2, 0.3]},
    {"class": "infra", "namespace": "openshift-etcd", "name": "etcd-0", "node": "n", "avg": 0.5, "min": 0, "max": 1}
  ],
  "classes": [{"class": "host", "avg": 0.25, "min": 0.1, "max": 0.5}],
  "busy": {"avg": 1, "min": 0, "max": 2}, "unattributed": null,
  "excluded": {"avg": 0, "min": 0, "max": 0}, "notes": ["a note"], "field of a later version": 1
}"#;

#[test]
fn what_top_saves_is_read_back() {
    let side = parse(REPORT.as_bytes(), "a.json").unwrap();
    assert_eq!((side.level, side.report.nodes, side.report.coverage), (Level::Group, 3, 0.5));
    assert_eq!((side.busy, side.unattributed, side.excluded), (Some(1.0), None, Some(0.0)));
    assert_eq!((side.report.blocks, side.rows[0].blocks.len(), side.rows[1].blocks[0]), (4, 4, 0.0));
    assert!(side.nodes.contains("n"));
    let yaml = serde_yaml::to_string(&serde_json::from_str::<serde_json::Value>(REPORT).unwrap()).unwrap();
    assert_eq!(parse(yaml.as_bytes(), "a.yaml").unwrap().rows.len(), 2);
}

#[test]
fn levels_are_those_of_the_rows() {
    for (from, to, level) in [
        ("\"node\": \"n\"", "\"workload_type\": \"statefulset\"", Level::Workload),
        ("\"name\": \"crio\"", "\"name\": \"crio\", \"thread\": \"a\"", Level::Group),
    ] {
        assert_eq!(parse(REPORT.replace(from, to).as_bytes(), "").unwrap().level, level);
    }
    let namespaces = REPORT.replace("\"name\": \"crio\"", "\"name\": \"\"").replace("etcd-0", "");
    assert_eq!(parse(namespaces.as_bytes(), "").unwrap().level, Level::Namespace);
    let classes = namespaces.replace("\"namespace\": \"openshift-etcd\",", "");
    assert_eq!(parse(classes.as_bytes(), "").unwrap().level, Level::Class);
}

#[test]
fn one_odd_field_is_one_line() {
    for (from, to, part) in [
        ("CpuReport", "CpuBudgetReport", "its kind is CpuBudgetReport"),
        ("\"kind\": \"CpuReport\",", "", "its kind is missing"),
        ("interrogate/v1", "interrogate/v9", "its apiVersion is interrogate/v9"),
        ("\"unit\": \"cores\"", "\"unit\": \"bytes\"", "its unit is bytes"),
        ("\"avg\": 0.25", "\"avg\": \"much\"", "expected f64"),
        ("\"avg\": 0.25", "\"avg\": 1e999", "number out of range"),
        ("\"avg\": 0.25,", "", "missing field `avg`"),
        ("\"class\": \"infra\"", "\"class\": \"odd\"", "unknown variant `odd`"),
        ("2026-02-02T02:00:00Z", "yesterday", "damaged"),
        ("\"rows\": [", "\"rows\": 1, \"more\": [", "expected a sequence"),
        ("\"notes\": [\"a note\"], ", "\"notes\": [", "it is no whole JSON"),
    ] {
        let error = format!("{:#}", parse(REPORT.replace(from, to).as_bytes(), "a.json").unwrap_err());
        assert!(error.contains(part) && !error.contains('\n'), "{to}: {error}");
    }
    let many = format!("\"blocks\": [{}0.2,", "0.1,".repeat(1000));
    let error = parse(REPORT.replace("\"blocks\": [0.2,", &many).as_bytes(), "a.json").unwrap_err();
    assert!(format!("{error:#}").contains("a row has 1005 blocks"), "{error:#}");
    for odd in [&b""[..], b"\xff\xfe", b"# HELP a b\na{} 1 1\n# EOF\n", b"[]", b"null", b" \n", b"\0"] {
        let error = format!("{:#}", parse(odd, "odd").unwrap_err());
        assert!(error.contains("give a window such as"), "{odd:?}: {error}");
    }
}
