//! Whether what was installed is there, ours, of this version, and in an image that the nodes have.
use super::report::Check;
use crate::cluster::{Failure, Part, Server};
use crate::install::objects::{self, Object, Program, Wanted};
use crate::install::payload::mounted;
use crate::install::place::{CONFIG_MAPS, DAEMON_SETS, LABELS, NAME, OURS};
use crate::install::preflight::{Metadata, Outline, Outlines, node_exporter_image};
use anyhow::Result;
use futures_util::future::join_all;
use serde_json::Value;

const OBJECTS: &str = "objects";
const VERSION: &str = "version";
const IMAGE: &str = "image";
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");
const INSTALL: &str = "run oc interrogate install";

/// What was found.
pub(super) struct Installed {
    pub(super) checks: Vec<Check>,
    /// The exporter's DaemonSet; or why it is not known.
    pub(super) set: Result<Value, String>,
    /// Whether there is nothing of ours at all.
    pub(super) is_nothing: bool,
}

/// How the objects were found, by name.
#[derive(Default)]
struct Found {
    ours: usize,
    missing: Vec<String>,
    /// With the name of who manages it.
    others: Vec<String>,
    /// With the right that it takes.
    unseen: Vec<String>,
}

/// Looks at the objects. Errors: the server does not answer, or the login is no longer good.
pub(super) async fn look(server: &Server<'_>) -> Result<Installed> {
    let objects = objects::all(&Wanted::default(), &Program::Image(String::new()))?;
    let found = join_all(objects.iter().map(async |object| {
        (object.title(), object, server.find::<Outline>(&object.path(), Part::Metadata).await)
    }));
    let path = DAEMON_SETS.path_of(NAME);
    let maps = format!("{}?labelSelector={OURS}", CONFIG_MAPS.path());
    let (found, set, maps) = tokio::join!(
        found,
        server.find::<Value>(&path, Part::Whole),
        server.get::<Outlines>(&maps, Part::MetadataList)
    );
    let set = match seen(set, "get daemonsets.apps in openshift-monitoring")? {
        Ok(Some(set)) => Ok(set),
        Ok(None) => Err(format!("there is no {}", DAEMON_SETS.name_of(NAME))),
        Err(unseen) => Err(unseen),
    };
    let mut all = Found::default();
    for (title, object, outline) in found {
        let outline = seen(outline, &format!("get {}", right(object)))?;
        all.add(title, outline.map(|outline| outline.map(|outline| outline.metadata)));
    }
    let maps = seen(maps, "list configmaps in openshift-monitoring")?;
    let maps = maps.map(|list| list.items.into_iter().map(|outline| outline.metadata).collect::<Vec<_>>());
    for name in set.iter().flat_map(mounted) {
        let found = match &maps {
            Ok(maps) => Ok(maps.iter().find(|map| map.name == name).cloned()),
            Err(unseen) => Err(unseen.clone()),
        };
        all.add(CONFIG_MAPS.name_of(name), found);
    }
    let is_nothing = all.ours == 0 && all.unseen.is_empty();
    let mut checks = vec![all.check(server.name())];
    if !is_nothing {
        checks.push(version(set.as_ref()));
        checks.push(image(server, set.as_ref()).await?);
    }
    Ok(Installed { checks, set, is_nothing })
}

/// What the server shows, or for want of which right it does not. Errors: it does not answer, or the login is no
/// longer good.
pub(super) fn seen<T>(answer: Result<T, Failure>, right: &str) -> Result<Result<T, String>> {
    match answer {
        Ok(found) => Ok(Ok(found)),
        Err(failure) if failure.code() == 403 => {
            Ok(Err(format!("not seen, which takes the right to {right}: ask for it")))
        }
        Err(failure) => {
            Err(failure.during(&format!("looking (to {right})"), "check the API server's health"))
        }
    }
}

/// The resource of an object as rights name it.
fn right(object: &Object) -> String {
    let place = object.place;
    let group = if place.group.is_empty() { String::new() } else { format!(".{}", place.group) };
    let of = place.namespace.map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    format!("{}{group} \"{}\"{of}", place.plural, object.name)
}

impl Found {
    fn add(&mut self, title: String, found: Result<Option<Metadata>, String>) {
        match found {
            Ok(Some(metadata)) if metadata.is_ours() => self.ours += 1,
            Ok(Some(metadata)) => {
                let whose = metadata.labels.get(LABELS[1].0).map(|whose| format!(" (managed by {whose})"));
                self.others.push(title + &whose.unwrap_or_default());
            }
            Ok(None) => self.missing.push(title),
            Err(unseen) => self.unseen.push(format!("{title} is {unseen}")),
        }
    }

    fn check(&self, server: &str) -> Check {
        let Found { ours, missing, others, unseen } = self;
        let whose = format!("others have objects of the same names: {}", others.join(", "));
        let replace = "remove or rename them, or if they are the predecessor's, run oc interrogate install --replace-predecessor";
        if *ours == 0 && unseen.is_empty() {
            let nothing = format!("nothing of oc interrogate is installed on {server}");
            return match others.is_empty() {
                true => Check::failed(OBJECTS, nothing, INSTALL),
                false => Check::failed(OBJECTS, format!("{nothing}, and {whose}"), replace),
            };
        }
        let missing_too = (!missing.is_empty()).then(|| format!("missing: {}", missing.join(", ")));
        match (missing_too, others.is_empty(), unseen.first()) {
            (Some(missing), true, _) => Check::failed(OBJECTS, missing, INSTALL),
            (missing, false, _) => {
                let missing = missing.map(|missing| format!("{missing}; ")).unwrap_or_default();
                Check::failed(OBJECTS, format!("{missing}{whose}"), replace)
            }
            (None, true, None) => Check::ok(OBJECTS, format!("{ours} of {ours} are there and ours")),
            (None, true, Some(first)) => {
                let more = unseen.len() - 1;
                let more = if more > 0 { format!(" (and {more} more likewise)") } else { String::new() };
                let seen = if *ours > 0 { format!("{ours} are there and ours; ") } else { String::new() };
                Check::skipped(OBJECTS, format!("{seen}{first}{more}"))
            }
        }
    }
}

fn version(set: Result<&Value, &String>) -> Check {
    let set = match set {
        Ok(set) => set,
        Err(unseen) => return Check::skipped(VERSION, unseen),
    };
    let labels = set.pointer("/metadata/labels");
    let installed = labels.and_then(|labels| labels.get("app.kubernetes.io/version")?.as_str());
    match installed {
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
            format!("{INSTALL}, which upgrades it"),
        ),
        None => Check::warning(
            VERSION,
            "the installed version is not known: it was not installed by oc interrogate install",
            format!("{INSTALL}, or keep it and see that it is {OWN_VERSION}"),
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
            format!("{INSTALL}, which follows it: nodes need not keep the other one"),
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
