//! Server-side dry run: what an installation would change.
use super::apply;
use super::console::Console;
use super::objects::Object;
use super::options::Options;
use crate::cluster::{Applied, Part, Server};
use anyhow::Result;
use serde_json::{Value, json};
use similar::TextDiff;

/// Metadata that the server sets, and changes with every update.
const SERVER_FIELDS: [&str; 6] =
    ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"];

/// Prints what would become of each object. Changes nothing.
pub(super) async fn print_dry_run(
    server: &Server<'_>,
    objects: &[Object],
    replaced: &[usize],
    options: &Options,
    console: &mut Console<'_>,
) -> Result<()> {
    let mut results = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        if replaced.contains(&index) {
            // The old object is deleted first, so a dry run against it would fail.
            if !options.yaml {
                console.line(&format!("{} would be replaced (server dry run)", object.title()));
            }
            continue;
        }
        let found = server.get_opt::<Value>(&object.path(), Part::Whole).await;
        let before = found
            .map_err(|failure| failure.during(&format!("reading {}", object.title()), "run this again"))?;
        let kept = object.is_user_config() && options.settings.config.is_none();
        let after = match &before {
            Some(before) if kept => before.clone(),
            _ => {
                apply::apply_one(
                    server,
                    object,
                    Applied { dry_run: true, ..apply::apply_options(object, options) },
                )
                .await?
            }
        };
        if options.yaml {
            results.push(after);
            continue;
        }
        let (old, new) = (before.as_ref().map(to_yaml).transpose()?, to_yaml(&after)?);
        let what = match &old {
            None => "would be created",
            Some(old) if *old == new => "unchanged",
            Some(_) => "would be configured",
        };
        if options.diff && what != "unchanged" {
            let title = object.title();
            console.line(diff_text(&title, &old.unwrap_or_default(), &new).trim_end());
        } else {
            console.line(&format!("{} {what} (server dry run)", object.title()));
        }
    }
    console.yaml(&results)
}

/// Returns a unified diff of one object.
fn diff_text(title: &str, old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    diff.unified_diff().header(&format!("{title} now"), &format!("{title} then")).to_string()
}

/// Returns an object without what the server sets, and with binary data replaced by its size.
pub(crate) fn without_server_fields(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !SERVER_FIELDS.contains(&key.as_str()));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("deprecated.daemonset.template.generation");
        }
    }
    if let Some(data) = object.get_mut("binaryData").and_then(Value::as_object_mut) {
        for value in data.values_mut() {
            // The payload's name holds a hash of the content.
            let size = value.as_str().map_or(0, str::len) / 4 * 3;
            *value = json!(format!("({size} bytes)"));
        }
    }
    object
}

/// Returns the same object as YAML.
fn to_yaml(object: &Value) -> Result<String> {
    Ok(serde_yaml::to_string(&without_server_fields(object))?)
}

#[cfg(test)]
mod tests {
    use super::{diff_text, to_yaml};
    use crate::golden::check;
    use crate::install::objects::{Program, Settings, render};
    use serde_json::json;

    #[test]
    fn server_fields_are_not_compared() {
        let metadata = json!({"name": "a", "uid": "u", "resourceVersion": "7", "managedFields": [{}]});
        let object = json!({"metadata": metadata, "status": {"x": 1}, "binaryData": {"part": "AAAAAAAA"}});
        assert_eq!(to_yaml(&object).unwrap(), "binaryData:\n  part: (6 bytes)\nmetadata:\n  name: a\n");
    }

    #[test]
    fn changes_of_two_options() {
        let texts = |settings| {
            let objects = render(&settings, &Program::Image("registry.example/exporter:1".into())).unwrap();
            objects.into_iter().map(|object| (object.title(), to_yaml(&object.value).unwrap()))
        };
        let settings = Settings {
            threads: false,
            scrape_interval: std::time::Duration::from_secs(30),
            ..Settings::default()
        };
        let changed = texts(Settings::default()).zip(texts(settings)).filter(|(old, new)| old != new);
        let page: String = changed.map(|((title, old), (_, new))| diff_text(&title, &old, &new)).collect();
        check("tests/golden/install/diff.txt", &page);
        let (title, new) =
            texts(Settings::default()).find(|(title, _)| title.starts_with("service/")).unwrap();
        check("tests/golden/install/diff-of-a-new-object.txt", &diff_text(&title, "", &new));
    }
}
