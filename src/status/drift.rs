//! Drift: what differs from what `install` renders. An object that differs at a glance is applied in a server-side
//! dry run. So a user who may only read gets the same result, as long as nothing differs.
use crate::cluster::{Applied, Failure, Server};
use crate::install::diff::without_server_fields;
use crate::install::objects::{self, Program, Settings, TlsVersion};
use crate::install::payload::{Chunk, mounted_payloads};
use crate::prometheus::failure::one_line;
use crate::time::parse_duration;
use anyhow::Result;
use futures_util::future::join_all;
use serde_json::Value;

/// Label that every node selector has by default.
const OS_LABEL: &str = "kubernetes.io/os";
/// Largest number of dry runs. Each is a request.
const MAX_DRY_RUNS: usize = 6;
/// Largest number of fields that a message names.
const MAX_FIELDS: usize = 3;

/// Drift of all objects. Empty if all are as `install` renders them.
#[derive(Debug, Default)]
pub(super) struct Drift {
    /// Objects that somebody has changed, with the fields.
    pub(super) changed: Vec<String>,
    /// Objects that may differ, and why that is unknown.
    pub(super) unknown: Vec<String>,
}

/// Compares the `existing` objects with rendered ones. `maps` are the payloads' names. Errors if the login has
/// expired.
pub(super) async fn detect(server: &Server<'_>, existing: &[Value], maps: &[String]) -> Result<Drift> {
    let mut drift = Drift::default();
    let Some((settings, program)) = installed_settings(existing, maps) else { return Ok(drift) };
    let rendered = objects::render(&settings, &program)?;
    let pairs = rendered.iter().filter(|object| !object.is_user_config()).filter_map(|object| {
        let current = existing.iter().find(|current| object.is_same_object(current))?;
        (!contains(current, &object.value)).then_some((object, current))
    });
    let mut pairs: Vec<_> = pairs.collect();
    let rest = pairs.split_off(pairs.len().min(MAX_DRY_RUNS));
    let dry_runs = join_all(pairs.into_iter().map(async |(object, current)| {
        let options = Applied { dry_run: true, force: true };
        (object, current, server.apply(&object.path(), &object.value, options).await)
    }));
    for (object, current, applied) in dry_runs.await {
        let title = object.title();
        match applied {
            Ok(applied) => {
                let mut fields = Vec::new();
                collect_differences(
                    &without_server_fields(current),
                    &without_server_fields(&applied),
                    "",
                    &mut fields,
                );
                if !fields.is_empty() {
                    drift.changed.push(format!("{title} ({})", format_fields(&fields)));
                }
            }
            Err(Failure::LoggedOut(error)) => return Err(error.context(format!("comparing {title}"))),
            Err(Failure::Refused(status))
                if status.code == 403 && status.message.contains("cannot patch") =>
            {
                drift.unknown.push(format!("{title}, which takes the right to patch it: ask for it"));
            }
            Err(Failure::Refused(status)) => {
                drift.unknown.push(format!("{title}: {} ({})", one_line(&status.message), status.code));
            }
            Err(Failure::Unavailable(error)) => drift.unknown.push(format!("{title}: {error:#}")),
        }
    }
    if let Some((first, _)) = rest.first() {
        let more = if rest.len() > 1 { format!(" and {} more", rest.len() - 1) } else { String::new() };
        drift.unknown.push(format!("{}{more}, not tried after {MAX_DRY_RUNS} others", first.title()));
    }
    Ok(drift)
}

/// Returns the settings of the installation, read from its objects. `None` without the DaemonSet.
fn installed_settings(existing: &[Value], maps: &[String]) -> Option<(Settings, Program)> {
    let of_kind =
        |kind: &str| existing.iter().find(|object| object.get("kind").is_some_and(|its| its == kind));
    let daemonset = of_kind("DaemonSet")?;
    let in_pod = |pointer: &str| daemonset.pointer(&format!("/spec/template/spec/{pointer}"));
    let arguments = in_pod("containers/0/args").and_then(Value::as_array);
    let threads = !arguments.is_some_and(|all| all.iter().any(|argument| argument == "--threads=false"));
    let selector = in_pod("nodeSelector").and_then(Value::as_object).into_iter().flatten();
    let selector = selector.filter(|(key, _)| *key != OS_LABEL);
    let selector = selector.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    let interval =
        of_kind("ServiceMonitor").and_then(|monitor| monitor.pointer("/spec/endpoints/0/interval"));
    let usual = Settings::default();
    let settings = Settings {
        threads,
        min_tls: TlsVersion::of_installed(daemonset).unwrap_or_default(),
        node_selector: selector.collect(),
        scrape_interval: interval
            .and_then(|text| parse_duration(text.as_str()?).ok())
            .unwrap_or(usual.scrape_interval),
        ..usual
    };
    let image = in_pod("containers/0/image").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut chunks: Vec<Chunk> = mounted_payloads(daemonset).filter_map(Chunk::from_name).collect();
    // All chunks of the binary, even if one of them is no longer mounted.
    let same_binary = maps.iter().filter_map(|name| Chunk::from_name(name));
    let same_binary: Vec<_> =
        same_binary.filter(|chunk| chunks.iter().any(|other| other.is_of_same_binary(chunk))).collect();
    chunks.extend(same_binary);
    chunks.sort();
    chunks.dedup();
    let program = match chunks.is_empty() {
        true => Program::Image(image),
        false => Program::Installed { chunks, image },
    };
    Some((settings, program))
}

/// Returns true if `current` holds all of `rendered`. Empty fields may be missing.
fn contains(current: &Value, rendered: &Value) -> bool {
    match (current, rendered) {
        (Value::Object(current), Value::Object(rendered)) => {
            rendered.iter().all(|(key, rendered)| match current.get(key) {
                Some(current) => contains(current, rendered),
                None => is_empty(rendered),
            })
        }
        (Value::Array(current), Value::Array(rendered)) => {
            current.len() == rendered.len()
                && current.iter().zip(rendered).all(|(current, rendered)| contains(current, rendered))
        }
        _ => current == rendered,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Collects the paths at which two objects differ, in the notation of `oc explain`.
fn collect_differences(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let more = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(more) {
                let of =
                    |fields: &serde_json::Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
                let dot = if path.is_empty() { "" } else { "." };
                collect_differences(&of(one), &of(other), &format!("{path}{dot}{key}"), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                collect_differences(one, other, &format!("{path}[{index}]"), found);
            }
        }
        _ if one != other => found.push(path.to_owned()),
        _ => {}
    }
}

fn format_fields(fields: &[String]) -> String {
    let named = fields.iter().take(MAX_FIELDS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match fields.len().saturating_sub(MAX_FIELDS) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_server_adds_or_leaves_out_is_no_difference_at_a_glance() {
        let rendered = json!({"a": 1, "b": {"c": [{"d": "x"}]}, "e": null, "f": []});
        assert!(contains(&json!({"a": 1, "b": {"c": [{"d": "x", "more": 1}]}, "more": 2}), &rendered));
        for current in [
            json!({"a": 2, "b": {"c": [{"d": "x"}]}}),
            json!({"a": 1, "b": {"c": []}}),
            json!({"a": 1, "b": {"c": [{"d": "x"}, {}]}}),
            json!({"a": 1}),
        ] {
            assert!(!contains(&current, &rendered), "{current}");
        }
    }

    #[test]
    fn differences_are_named_by_their_paths() {
        let mut found = Vec::new();
        let one = json!({"a": {"b": [{"c": 1}, {"c": 2}]}, "gone": 1, "l": [1]});
        collect_differences(
            &one,
            &json!({"a": {"b": [{"c": 1}, {"c": 3}]}, "new": 1, "l": []}),
            "",
            &mut found,
        );
        assert_eq!(found, ["a.b[1].c", "gone", "l", "new"]);
        assert_eq!(format_fields(&found), "a.b[1].c, gone, l and 1 more");
    }

    #[test]
    fn flags_are_read_off_what_they_made() {
        let chunk = |number| {
            Chunk::from_name(&format!("process-exporter-payload-amd64-0123456789ab-{number}")).unwrap()
        };
        let names =
            [chunk(0).name(), chunk(1).name(), "process-exporter-payload-amd64-ba9876543210-0".to_owned()];
        let settings = Settings {
            threads: false,
            node_selector: vec![("zone".to_owned(), "a".to_owned())],
            scrape_interval: std::time::Duration::from_secs(90),
            min_tls: TlsVersion::Tls13,
            config: None,
        };
        let program = Program::Installed { chunks: vec![chunk(0), chunk(1)], image: "i".to_owned() };
        let mut existing: Vec<Value> =
            objects::render(&settings, &program).unwrap().into_iter().map(|object| object.value).collect();
        let rendered = |existing: &[Value]| {
            let (settings, program) = installed_settings(existing, &names).unwrap();
            objects::render(&settings, &program)
                .unwrap()
                .into_iter()
                .map(|object| object.value)
                .collect::<Vec<_>>()
        };
        assert_eq!(rendered(&existing), existing);
        // A chunk that is no longer mounted is a difference.
        let before = existing.clone();
        let daemonset = existing.iter_mut().find(|object| object["kind"] == "DaemonSet").unwrap();
        let volumes = daemonset["spec"]["template"]["spec"]["volumes"].as_array_mut().unwrap();
        volumes.retain(|volume| volume["configMap"]["name"] != names[1].as_str());
        assert_eq!(rendered(&existing), before);
    }
}
