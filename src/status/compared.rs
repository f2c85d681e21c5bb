//! Whether the objects are what `install` makes of them. What differs at a glance is tried: the server is asked what
//! applying it would change, and changes nothing. So whoever may only read learns as much, as long as nothing differs.
use crate::cluster::{Applied, Failure, Server};
use crate::install::diff::without_server_fields;
use crate::install::objects::{self, Program, Settings, TlsVersion};
use crate::install::payload::{Chunk, mounted_payloads};
use crate::prometheus::failure::one_line;
use crate::time::parse_duration;
use anyhow::Result;
use futures_util::future::join_all;
use serde_json::Value;

/// The label that every node selector has, without being asked for.
const LINUX: &str = "kubernetes.io/os";
/// So many objects are tried at most: a request each.
const TRIED: usize = 6;
/// So many fields of an object are named.
const FIELDS: usize = 3;

/// How the objects compare; none of them where all are as `install` makes them.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// What somebody has changed, with the fields.
    pub(super) changed: Vec<String>,
    /// What may differ, and why that is not known.
    pub(super) untold: Vec<String>,
}

/// Compares what is there, `maps` being the payloads' names. Errors: the login is no longer good.
pub(super) async fn compare(server: &Server<'_>, there: &[Value], maps: &[String]) -> Result<Compared> {
    let mut compared = Compared::default();
    let Some((settings, program)) = asked_for(there, maps) else { return Ok(compared) };
    let made = objects::render(&settings, &program)?;
    let pairs = made.iter().filter(|object| !object.is_user_config()).filter_map(|object| {
        let now = there.iter().find(|now| object.is_same_object(now))?;
        (!holds(now, &object.value)).then_some((object, now))
    });
    let mut pairs: Vec<_> = pairs.collect();
    let rest = pairs.split_off(pairs.len().min(TRIED));
    let tried = join_all(pairs.into_iter().map(async |(object, now)| {
        let how = Applied { dry_run: true, force: true };
        (object, now, server.apply(&object.path(), &object.value, how).await)
    }));
    for (object, now, then) in tried.await {
        let title = object.title();
        match then {
            Ok(then) => {
                let mut fields = Vec::new();
                differences(&without_server_fields(now), &without_server_fields(&then), "", &mut fields);
                if !fields.is_empty() {
                    compared.changed.push(format!("{title} ({})", few(&fields)));
                }
            }
            Err(Failure::LoggedOut(error)) => return Err(error.context(format!("comparing {title}"))),
            Err(Failure::Refused(status))
                if status.code == 403 && status.message.contains("cannot patch") =>
            {
                compared.untold.push(format!("{title}, which takes the right to patch it: ask for it"));
            }
            Err(Failure::Refused(status)) => {
                compared.untold.push(format!("{title}: {} ({})", one_line(&status.message), status.code));
            }
            Err(Failure::Unavailable(error)) => compared.untold.push(format!("{title}: {error:#}")),
        }
    }
    if let Some((first, _)) = rest.first() {
        let more = if rest.len() > 1 { format!(" and {} more", rest.len() - 1) } else { String::new() };
        compared.untold.push(format!("{}{more}, not tried after {TRIED} others", first.title()));
    }
    Ok(compared)
}

/// What `install` was asked for, read off what it made; none without the DaemonSet.
fn asked_for(there: &[Value], maps: &[String]) -> Option<(Settings, Program)> {
    let of_kind = |kind: &str| there.iter().find(|object| object.get("kind").is_some_and(|its| its == kind));
    let daemonset = of_kind("DaemonSet")?;
    let in_pod = |pointer: &str| daemonset.pointer(&format!("/spec/template/spec/{pointer}"));
    let arguments = in_pod("containers/0/args").and_then(Value::as_array);
    let threads = !arguments.is_some_and(|all| all.iter().any(|argument| argument == "--threads=false"));
    let selector = in_pod("nodeSelector").and_then(Value::as_object).into_iter().flatten();
    let selector = selector.filter(|(key, _)| *key != LINUX);
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
    // Of a binary all parts, though one of them may not be mounted.
    let beside = maps.iter().filter_map(|name| Chunk::from_name(name));
    let beside: Vec<_> =
        beside.filter(|chunk| chunks.iter().any(|other| other.is_of_same_binary(chunk))).collect();
    chunks.extend(beside);
    chunks.sort();
    chunks.dedup();
    let program = match chunks.is_empty() {
        true => Program::Image(image),
        false => Program::Installed { chunks, image },
    };
    Some((settings, program))
}

/// Whether `now` holds all of `made`; what is empty may be left out.
fn holds(now: &Value, made: &Value) -> bool {
    match (now, made) {
        (Value::Object(now), Value::Object(made)) => made.iter().all(|(key, made)| match now.get(key) {
            Some(now) => holds(now, made),
            None => is_empty(made),
        }),
        (Value::Array(now), Value::Array(made)) => {
            now.len() == made.len() && now.iter().zip(made).all(|(now, made)| holds(now, made))
        }
        _ => now == made,
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

/// The paths at which two objects differ, as `oc explain` writes them.
fn differences(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let more = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(more) {
                let of =
                    |fields: &serde_json::Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
                let dot = if path.is_empty() { "" } else { "." };
                differences(&of(one), &of(other), &format!("{path}{dot}{key}"), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differences(one, other, &format!("{path}[{index}]"), found);
            }
        }
        _ if one != other => found.push(path.to_owned()),
        _ => {}
    }
}

fn few(fields: &[String]) -> String {
    let named = fields.iter().take(FIELDS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match fields.len().saturating_sub(FIELDS) {
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
        let made = json!({"a": 1, "b": {"c": [{"d": "x"}]}, "e": null, "f": []});
        assert!(holds(&json!({"a": 1, "b": {"c": [{"d": "x", "more": 1}]}, "more": 2}), &made));
        for now in [
            json!({"a": 2, "b": {"c": [{"d": "x"}]}}),
            json!({"a": 1, "b": {"c": []}}),
            json!({"a": 1, "b": {"c": [{"d": "x"}, {}]}}),
            json!({"a": 1}),
        ] {
            assert!(!holds(&now, &made), "{now}");
        }
    }

    #[test]
    fn differences_are_named_by_their_paths() {
        let mut found = Vec::new();
        let one = json!({"a": {"b": [{"c": 1}, {"c": 2}]}, "gone": 1, "l": [1]});
        differences(&one, &json!({"a": {"b": [{"c": 1}, {"c": 3}]}, "new": 1, "l": []}), "", &mut found);
        assert_eq!(found, ["a.b[1].c", "gone", "l", "new"]);
        assert_eq!(few(&found), "a.b[1].c, gone, l and 1 more");
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
        let mut there: Vec<Value> =
            objects::render(&settings, &program).unwrap().into_iter().map(|object| object.value).collect();
        let made = |there: &[Value]| {
            let (settings, program) = asked_for(there, &names).unwrap();
            objects::render(&settings, &program)
                .unwrap()
                .into_iter()
                .map(|object| object.value)
                .collect::<Vec<_>>()
        };
        assert_eq!(made(&there), there);
        // A part that is no longer mounted is missed.
        let before = there.clone();
        let daemonset = there.iter_mut().find(|object| object["kind"] == "DaemonSet").unwrap();
        let volumes = daemonset["spec"]["template"]["spec"]["volumes"].as_array_mut().unwrap();
        volumes.retain(|volume| volume["configMap"]["name"] != names[1].as_str());
        assert_eq!(made(&there), before);
    }
}
