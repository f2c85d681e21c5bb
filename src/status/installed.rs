//! Checks of the installed objects: inventory, version, image and constraints.
use super::checks::CheckName;
use super::drift;
use super::inventory::{Inventory, required_right, visible};
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

const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The installed objects.
pub(super) struct Installed {
    /// The check of all objects.
    pub(super) objects: Check,
    /// The exporter's DaemonSet, or why it is unknown.
    pub(super) daemonset: Result<Value, String>,
    /// The exporter's security context constraints, or why they are unknown.
    constraints: Result<Value, String>,
    /// True if none of our objects exists.
    pub(super) nothing_installed: bool,
}

/// Fetches the objects and checks them. Errors if the server does not respond, or if the login has expired.
pub(super) async fn fetch(server: &Server<'_>) -> Result<Installed> {
    let objects = objects::render(&Settings::default(), &Program::Image(String::new()))?;
    let answers = objects.iter().map(async |object| server.get_opt(&object.path(), Part::Whole).await);
    let config_maps = format!("{}?labelSelector={OURS}", CONFIG_MAPS.list_path());
    let (answers, config_maps) =
        tokio::join!(join_all(answers), server.get::<PartialObjectList>(&config_maps, Part::MetadataList));
    let mut inventory = Inventory::default();
    let mut daemonset = Err(format!("there is no {}", DAEMON_SETS.object_title(NAME)));
    let mut constraints = Err(format!("there is no {}", CONSTRAINTS.object_title(NAME)));
    for (object, answer) in objects.iter().zip(answers) {
        let answer: Result<Option<Value>, String> =
            visible(answer, &format!("get {}", required_right(object)))?;
        if object.resource == CONSTRAINTS {
            constraints = answer.clone().and_then(|found| found.map_or(constraints, Ok));
        }
        if object.resource == DAEMON_SETS {
            daemonset = answer.clone().and_then(|found| found.map_or(daemonset, Ok));
        }
        inventory.add(object.title(), answer);
    }
    let config_maps = visible(config_maps, "list configmaps in openshift-monitoring")?;
    let config_maps =
        config_maps.map(|list| list.items.into_iter().map(|partial| partial.metadata).collect::<Vec<_>>());
    for name in daemonset.iter().flat_map(mounted_payloads) {
        let named = |config_maps: &Vec<Metadata>| {
            config_maps.iter().find(|config_map| config_map.name == name).cloned()
        };
        inventory.add_metadata(
            CONFIG_MAPS.object_title(name),
            config_maps.as_ref().map(named).map_err(Clone::clone),
        );
    }
    let nothing_installed = inventory.ours == 0 && inventory.not_visible.is_empty();
    let drift =
        match daemonset.as_ref().is_ok_and(|daemonset| installed_version(daemonset) == Some(OWN_VERSION)) {
            true if inventory.is_complete() => {
                let config_maps: Vec<String> =
                    config_maps.into_iter().flatten().map(|config_map| config_map.name).collect();
                Some(drift::detect(server, &inventory.objects, &config_maps).await?)
            }
            // Missing objects matter more, and objects of another version differ anyway.
            _ => None,
        };
    let objects = inventory.check(server.name(), drift.as_ref());
    Ok(Installed { objects, daemonset, constraints, nothing_installed })
}

impl Installed {
    /// Checks the exporter's security context constraints.
    pub(super) fn check_constraints(&self) -> Check {
        match &self.constraints {
            Ok(found) => constraints::check(found, remedy::reinstall(found)),
            Err(not_visible) => Check::skipped(CheckName::Constraints, not_visible),
        }
    }
}

/// Returns the version in an object's label.
fn installed_version(daemonset: &Value) -> Option<&str> {
    daemonset.pointer("/metadata/labels")?.get("app.kubernetes.io/version")?.as_str()
}

/// Checks the version of the DaemonSet against this plugin's.
pub(super) fn check_version(daemonset: Result<&Value, &String>) -> Check {
    let daemonset = match daemonset {
        Ok(daemonset) => daemonset,
        Err(not_visible) => return Check::skipped(CheckName::Version, not_visible),
    };
    match installed_version(daemonset) {
        Some(installed) if installed == OWN_VERSION => {
            Check::ok(CheckName::Version, format!("{installed}, as this plugin"))
        }
        Some(installed) if numbers(installed) > numbers(OWN_VERSION) => Check::warning(
            CheckName::Version,
            format!("installed is {installed}, and this plugin is {OWN_VERSION}"),
            "update the plugin; its install would go back to what it brings",
        ),
        Some(installed) => Check::warning(
            CheckName::Version,
            format!("installed is {installed}, and this plugin is {OWN_VERSION}"),
            format!("{}; it upgrades", remedy::reinstall(daemonset)),
        ),
        None => Check::warning(
            CheckName::Version,
            "the installed version is not known: it was not installed by oc interrogate install",
            format!("{}; or keep it and see that it is {OWN_VERSION}", remedy::reinstall(daemonset)),
        ),
    }
}

/// Returns the numbers of a version, for comparisons.
fn numbers(version: &str) -> Vec<u64> {
    let digits = version.split(|c: char| !c.is_ascii_digit());
    digits.map_while(|number| number.parse().ok()).collect()
}

/// Checks that the pods run in an image that every node has. Errors if the server does not respond, or if the login
/// has expired.
pub(super) async fn check_image(server: &Server<'_>, daemonset: Result<&Value, &String>) -> Result<Check> {
    let daemonset = match daemonset {
        Ok(daemonset) => daemonset,
        Err(not_visible) => return Ok(Check::skipped(CheckName::Image, not_visible)),
    };
    let image = daemonset.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
    let image = image.unwrap_or_default();
    if mounted_payloads(daemonset).next().is_none() {
        return Ok(Check::ok(CheckName::Image, format!("its own, {image}")));
    }
    let found =
        visible(fetch_node_exporter_image(server).await, "get daemonsets.apps in openshift-monitoring")?;
    Ok(match found {
        Err(not_visible) => Check::skipped(CheckName::Image, format!("node-exporter's is {not_visible}")),
        Ok(Some(current)) if current == image => {
            Check::ok(CheckName::Image, "node-exporter's, which every node has")
        }
        Ok(Some(current)) => Check::warning(
            CheckName::Image,
            format!("it runs in {image}, and node-exporter's is {current} now, as after a cluster upgrade"),
            format!(
                "{}; it follows node-exporter's, as nodes need not keep the other one",
                remedy::reinstall(daemonset)
            ),
        ),
        Ok(None) => Check::warning(
            CheckName::Image,
            format!("it runs in {image}, and there is no node-exporter whose image every node has"),
            "see oc -n openshift-monitoring get daemonset node-exporter",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::{OWN_VERSION, check_version, numbers};
    use crate::status::report::CheckStatus;
    use serde_json::json;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        assert!(numbers("0.10.0") > numbers("0.9.1"));
        assert_eq!(numbers("1.2.3-rc1"), [1, 2, 3]);
        let of = |version_of: &str| {
            let daemonset = json!({"metadata": {"labels": {"app.kubernetes.io/version": version_of}}});
            check_version(Ok(&daemonset))
        };
        assert_eq!(of(OWN_VERSION).status, CheckStatus::Ok);
        for (installed, remedy) in [("0.0.1", "run oc interrogate install"), ("9.0.0", "update the plugin")] {
            let check = of(installed);
            assert_eq!(check.status, CheckStatus::Warning);
            assert!(check.remedy.is_some_and(|found| found.starts_with(remedy)), "{installed}");
        }
    }
}
