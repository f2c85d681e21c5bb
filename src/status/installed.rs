//! Whether what was installed is there, ours, of this version, and in an image that the nodes have.
use super::compared;
use super::found::{Found, right, seen};
use super::report::Check;
use super::{constraints, remedy};
use crate::cluster::{Part, Server};
use crate::install::objects::{self, Program, Wanted};
use crate::install::payload::mounted;
use crate::install::place::{CONFIG_MAPS, CONSTRAINTS, DAEMON_SETS, NAME, OURS};
use crate::install::preflight::{Metadata, Outlines, node_exporter_image};
use anyhow::Result;
use futures_util::future::join_all;
use serde_json::Value;

const VERSION: &str = "version";
const IMAGE: &str = "image";
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What was found.
pub(super) struct Installed {
    pub(super) checks: Vec<Check>,
    /// The exporter's DaemonSet; or why it is not known.
    pub(super) set: Result<Value, String>,
    /// Whether there is nothing of ours at all.
    pub(super) is_nothing: bool,
}

/// Looks at the objects. Errors: the server does not answer, or the login is no longer good.
pub(super) async fn look(server: &Server<'_>) -> Result<Installed> {
    let objects = objects::all(&Wanted::default(), &Program::Image(String::new()))?;
    let answers = objects.iter().map(async |object| server.get_opt(&object.path(), Part::Whole).await);
    let maps = format!("{}?labelSelector={OURS}", CONFIG_MAPS.path());
    let (answers, maps) = tokio::join!(join_all(answers), server.get::<Outlines>(&maps, Part::MetadataList));
    let mut all = Found::default();
    let mut set = Err(format!("there is no {}", DAEMON_SETS.name_of(NAME)));
    let mut constrained = Err(format!("there is no {}", CONSTRAINTS.name_of(NAME)));
    for (object, answer) in objects.iter().zip(answers) {
        let answer: Result<Option<Value>, String> = seen(answer, &format!("get {}", right(object)))?;
        if object.place == CONSTRAINTS {
            constrained = answer.clone().and_then(|found| found.map_or(constrained, Ok));
        }
        if object.place == DAEMON_SETS {
            set = answer.clone().and_then(|found| found.map_or(set, Ok));
        }
        all.add(object.title(), answer);
    }
    let maps = seen(maps, "list configmaps in openshift-monitoring")?;
    let maps = maps.map(|list| list.items.into_iter().map(|outline| outline.metadata).collect::<Vec<_>>());
    for name in set.iter().flat_map(mounted) {
        let named = |maps: &Vec<Metadata>| maps.iter().find(|map| map.name == name).cloned();
        all.add_map(CONFIG_MAPS.name_of(name), maps.as_ref().map(named).map_err(Clone::clone));
    }
    let is_nothing = all.ours == 0 && all.unseen.is_empty();
    let compared = match set.as_ref().is_ok_and(|set| installed_version(set) == Some(OWN_VERSION)) {
        true if all.is_whole() => {
            let maps: Vec<String> = maps.into_iter().flatten().map(|map| map.name).collect();
            Some(compared::compare(server, &all.wholes, &maps).await?)
        }
        // What is missing comes first, and another version's objects differ.
        _ => None,
    };
    let mut checks = vec![all.check(server.name(), compared.as_ref())];
    if !is_nothing {
        checks.push(version(set.as_ref()));
        checks.push(image(server, set.as_ref()).await?);
        checks.push(match &constrained {
            Ok(found) => constraints::check(found, remedy::install(found)),
            Err(unseen) => Check::skipped(constraints::CONSTRAINED, unseen),
        });
    }
    Ok(Installed { checks, set, is_nothing })
}

/// The version that an object says it is of.
fn installed_version(set: &Value) -> Option<&str> {
    set.pointer("/metadata/labels")?.get("app.kubernetes.io/version")?.as_str()
}

fn version(set: Result<&Value, &String>) -> Check {
    let set = match set {
        Ok(set) => set,
        Err(unseen) => return Check::skipped(VERSION, unseen),
    };
    match installed_version(set) {
        Some(installed) if installed == OWN_VERSION => {
            Check::ok(VERSION, format!("{installed}, as this plugin"))
        }
        Some(installed) if numbers(installed) > numbers(OWN_VERSION) => Check::warning(
            VERSION,
            format!("installed is {installed}, and this plugin is {OWN_VERSION}"),
            "update the plugin; its install would go back to what it brings",
        ),
        Some(installed) => Check::warning(
            VERSION,
            format!("installed is {installed}, and this plugin is {OWN_VERSION}"),
            format!("{}; it upgrades", remedy::install(set)),
        ),
        None => Check::warning(
            VERSION,
            "the installed version is not known: it was not installed by oc interrogate install",
            format!("{}; or keep it and see that it is {OWN_VERSION}", remedy::install(set)),
        ),
    }
}

/// The numbers of a version, to be compared.
fn numbers(version: &str) -> Vec<u64> {
    let digits = version.split(|c: char| !c.is_ascii_digit());
    digits.map_while(|number| number.parse().ok()).collect()
}

async fn image(server: &Server<'_>, set: Result<&Value, &String>) -> Result<Check> {
    let set = match set {
        Ok(set) => set,
        Err(unseen) => return Ok(Check::skipped(IMAGE, unseen)),
    };
    let image = set.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
    let image = image.unwrap_or_default();
    if mounted(set).next().is_none() {
        return Ok(Check::ok(IMAGE, format!("its own, {image}")));
    }
    let found = seen(node_exporter_image(server).await, "get daemonsets.apps in openshift-monitoring")?;
    Ok(match found {
        Err(unseen) => Check::skipped(IMAGE, format!("node-exporter's is {unseen}")),
        Ok(Some(current)) if current == image => Check::ok(IMAGE, "node-exporter's, which every node has"),
        Ok(Some(current)) => Check::warning(
            IMAGE,
            format!("it runs in {image}, and node-exporter's is {current} now, as after a cluster upgrade"),
            format!(
                "{}; it follows node-exporter's, as nodes need not keep the other one",
                remedy::install(set)
            ),
        ),
        Ok(None) => Check::warning(
            IMAGE,
            format!("it runs in {image}, and there is no node-exporter whose image every node has"),
            "see oc -n openshift-monitoring get daemonset node-exporter",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::{OWN_VERSION, numbers, version};
    use crate::status::report::Verdict;
    use serde_json::json;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        assert!(numbers("0.10.0") > numbers("0.9.1"));
        assert_eq!(numbers("1.2.3-rc1"), [1, 2, 3]);
        let of = |version_of: &str| {
            let set = json!({"metadata": {"labels": {"app.kubernetes.io/version": version_of}}});
            version(Ok(&set))
        };
        assert_eq!(of(OWN_VERSION).status, Verdict::Ok);
        for (installed, remedy) in [("0.0.1", "run oc interrogate install"), ("9.0.0", "update the plugin")] {
            let check = of(installed);
            assert_eq!(check.status, Verdict::Warning);
            assert!(check.remedy.is_some_and(|found| found.starts_with(remedy)), "{installed}");
        }
    }
}
