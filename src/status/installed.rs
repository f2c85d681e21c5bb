//! Whether what was installed is there, ours, of this version, and in an image that the nodes have.
use super::compared;
use super::found::{Found, right, seen};
use super::report::Check;
use super::{constraints, remedy};
use crate::cluster::{Part, Server};
use crate::install::objects::{self, Program, Settings};
use crate::install::payload::mounted_payloads;
use crate::install::preflight::{Metadata, PartialObjectList, fetch_node_exporter_image};
use crate::install::resources::{CONFIG_MAPS, CONSTRAINTS, DAEMON_SETS, NAME, OURS};
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
    pub(super) daemonset: Result<Value, String>,
    /// Whether there is nothing of ours at all.
    pub(super) is_nothing: bool,
}

/// Looks at the objects. Errors: the server does not answer, or the login is no longer good.
pub(super) async fn look(server: &Server<'_>) -> Result<Installed> {
    let objects = objects::render(&Settings::default(), &Program::Image(String::new()))?;
    let answers = objects.iter().map(async |object| server.get_opt(&object.path(), Part::Whole).await);
    let maps = format!("{}?labelSelector={OURS}", CONFIG_MAPS.list_path());
    let (answers, maps) =
        tokio::join!(join_all(answers), server.get::<PartialObjectList>(&maps, Part::MetadataList));
    let mut all = Found::default();
    let mut daemonset = Err(format!("there is no {}", DAEMON_SETS.object_title(NAME)));
    let mut constrained = Err(format!("there is no {}", CONSTRAINTS.object_title(NAME)));
    for (object, answer) in objects.iter().zip(answers) {
        let answer: Result<Option<Value>, String> = seen(answer, &format!("get {}", right(object)))?;
        if object.resource == CONSTRAINTS {
            constrained = answer.clone().and_then(|found| found.map_or(constrained, Ok));
        }
        if object.resource == DAEMON_SETS {
            daemonset = answer.clone().and_then(|found| found.map_or(daemonset, Ok));
        }
        all.add(object.title(), answer);
    }
    let maps = seen(maps, "list configmaps in openshift-monitoring")?;
    let maps = maps.map(|list| list.items.into_iter().map(|partial| partial.metadata).collect::<Vec<_>>());
    for name in daemonset.iter().flat_map(mounted_payloads) {
        let named = |maps: &Vec<Metadata>| maps.iter().find(|map| map.name == name).cloned();
        all.add_map(CONFIG_MAPS.object_title(name), maps.as_ref().map(named).map_err(Clone::clone));
    }
    let is_nothing = all.ours == 0 && all.unseen.is_empty();
    let compared =
        match daemonset.as_ref().is_ok_and(|daemonset| installed_version(daemonset) == Some(OWN_VERSION)) {
            true if all.is_whole() => {
                let maps: Vec<String> = maps.into_iter().flatten().map(|map| map.name).collect();
                Some(compared::compare(server, &all.wholes, &maps).await?)
            }
            // What is missing comes first, and another version's objects differ.
            _ => None,
        };
    let mut checks = vec![all.check(server.name(), compared.as_ref())];
    if !is_nothing {
        checks.push(version(daemonset.as_ref()));
        checks.push(image(server, daemonset.as_ref()).await?);
        checks.push(match &constrained {
            Ok(found) => constraints::check(found, remedy::install(found)),
            Err(unseen) => Check::skipped(constraints::CONSTRAINED, unseen),
        });
    }
    Ok(Installed { checks, daemonset, is_nothing })
}

/// The version that an object says it is of.
fn installed_version(daemonset: &Value) -> Option<&str> {
    daemonset.pointer("/metadata/labels")?.get("app.kubernetes.io/version")?.as_str()
}

fn version(daemonset: Result<&Value, &String>) -> Check {
    let daemonset = match daemonset {
        Ok(daemonset) => daemonset,
        Err(unseen) => return Check::skipped(VERSION, unseen),
    };
    match installed_version(daemonset) {
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
            format!("{}; it upgrades", remedy::install(daemonset)),
        ),
        None => Check::warning(
            VERSION,
            "the installed version is not known: it was not installed by oc interrogate install",
            format!("{}; or keep it and see that it is {OWN_VERSION}", remedy::install(daemonset)),
        ),
    }
}

/// The numbers of a version, to be compared.
fn numbers(version: &str) -> Vec<u64> {
    let digits = version.split(|c: char| !c.is_ascii_digit());
    digits.map_while(|number| number.parse().ok()).collect()
}

async fn image(server: &Server<'_>, daemonset: Result<&Value, &String>) -> Result<Check> {
    let daemonset = match daemonset {
        Ok(daemonset) => daemonset,
        Err(unseen) => return Ok(Check::skipped(IMAGE, unseen)),
    };
    let image = daemonset.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
    let image = image.unwrap_or_default();
    if mounted_payloads(daemonset).next().is_none() {
        return Ok(Check::ok(IMAGE, format!("its own, {image}")));
    }
    let found = seen(fetch_node_exporter_image(server).await, "get daemonsets.apps in openshift-monitoring")?;
    Ok(match found {
        Err(unseen) => Check::skipped(IMAGE, format!("node-exporter's is {unseen}")),
        Ok(Some(current)) if current == image => Check::ok(IMAGE, "node-exporter's, which every node has"),
        Ok(Some(current)) => Check::warning(
            IMAGE,
            format!("it runs in {image}, and node-exporter's is {current} now, as after a cluster upgrade"),
            format!(
                "{}; it follows node-exporter's, as nodes need not keep the other one",
                remedy::install(daemonset)
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
            let daemonset = json!({"metadata": {"labels": {"app.kubernetes.io/version": version_of}}});
            version(Ok(&daemonset))
        };
        assert_eq!(of(OWN_VERSION).status, Verdict::Ok);
        for (installed, remedy) in [("0.0.1", "run oc interrogate install"), ("9.0.0", "update the plugin")] {
            let check = of(installed);
            assert_eq!(check.status, Verdict::Warning);
            assert!(check.remedy.is_some_and(|found| found.starts_with(remedy)), "{installed}");
        }
    }
}
