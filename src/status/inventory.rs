//! Inventory: which objects exist, who owns them, and whether they are as `install` renders them.
use super::checks::CheckName;
use super::drift::Drift;
use super::report::Check;
use crate::cluster::Failure;
use crate::install::objects::Object;
use crate::install::preflight::{Metadata, PartialObject};
use crate::install::resources::LABELS;
use crate::install::serving_certificate;
use anyhow::Result;
use serde::Deserialize as _;
use serde_json::Value;

const INSTALL_REMEDY: &str = "run oc interrogate install";
const CHANGED_REMEDY: &str = "see it with oc interrogate install --force-conflicts --dry-run=server --diff, and take it back with oc interrogate install --force-conflicts; with both, the flags that it was installed with";

/// Names of the objects, by what is wrong with them.
#[derive(Default)]
pub(super) struct Inventory {
    pub(super) ours: usize,
    missing: Vec<String>,
    /// With the manager's name.
    others: Vec<String>,
    /// With the right that the user lacks.
    pub(super) not_visible: Vec<String>,
    /// Our objects as the server sent them.
    pub(super) objects: Vec<Value>,
}

/// Returns what the server sent, or which right the user lacks. Errors if the server does not respond, or if the
/// login has expired.
pub(super) fn visible<T>(answer: Result<T, Failure>, right: &str) -> Result<Result<T, String>> {
    match answer {
        Ok(found) => Ok(Ok(found)),
        Err(failure) if failure.code() == 403 => {
            Ok(Err(format!("not seen, which takes the right to {right}: ask for it")))
        }
        Err(failure) => Err(failure.during(&format!("trying to {right}"), "check the API server's health")),
    }
}

/// Returns the resource of an object as messages about rights name it.
pub(super) fn required_right(object: &Object) -> String {
    let resource = object.resource;
    let group = if resource.group.is_empty() { String::new() } else { format!(".{}", resource.group) };
    let of = resource.namespace.map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    format!("{}{group} \"{}\"{of}", resource.plural, object.name)
}

impl Inventory {
    /// Adds an object, or why the user may not see it.
    pub(super) fn add(&mut self, title: String, found: Result<Option<Value>, String>) {
        let partial = found.as_ref().ok().and_then(Option::as_ref).map(PartialObject::deserialize);
        match (partial, found) {
            (Some(Ok(partial)), Ok(object)) => {
                if partial.metadata.is_ours() {
                    self.objects.extend(object);
                }
                self.add_metadata(title, Ok(Some(partial.metadata)));
            }
            (_, found) => self.add_metadata(title, found.map(|_| None)),
        }
    }

    /// Adds an object by its metadata, or why the user may not see it.
    pub(super) fn add_metadata(&mut self, title: String, found: Result<Option<Metadata>, String>) {
        match found {
            Ok(Some(metadata)) if metadata.is_ours() => self.ours += 1,
            Ok(Some(metadata)) => {
                let whose = metadata.labels.get(LABELS[1].0).map(|whose| format!(" (managed by {whose})"));
                self.others.push(title + &whose.unwrap_or_default());
            }
            Ok(None) => self.missing.push(title),
            Err(not_visible) => self.not_visible.push(format!("{title} is {not_visible}")),
        }
    }

    /// Returns true if all objects exist, are ours and visible.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.others.is_empty() && self.not_visible.is_empty()
    }

    /// Returns the check. `drift` is `None` if the objects were not compared.
    pub(super) fn check(&self, server: &str, drift: Option<&Drift>) -> Check {
        let Inventory { ours, missing, others, not_visible, .. } = self;
        let whose = format!("others have objects of the same names: {}", others.join(", "));
        let replace = "remove or rename them, or if they are the predecessor's, run oc interrogate install --replace-predecessor";
        if *ours == 0 && not_visible.is_empty() {
            let nothing = format!("nothing of oc interrogate is installed on {server}");
            return match others.is_empty() {
                true => Check::failed(CheckName::Objects, nothing, INSTALL_REMEDY),
                false => Check::failed(CheckName::Objects, format!("{nothing}, and {whose}"), replace),
            };
        }
        let missing_too = (!missing.is_empty()).then(|| format!("missing: {}", missing.join(", ")));
        if missing_too.is_none()
            && others.is_empty()
            && let Some(problem) = self.objects.iter().find_map(serving_certificate::find_refusal)
        {
            return Check::failed(CheckName::Objects, problem.description, problem.remedy);
        }
        match (missing_too, others.is_empty(), not_visible.first()) {
            (Some(missing), true, _) => Check::failed(CheckName::Objects, missing, INSTALL_REMEDY),
            (missing, false, _) => {
                let missing = missing.map(|missing| format!("{missing}; ")).unwrap_or_default();
                Check::failed(CheckName::Objects, format!("{missing}{whose}"), replace)
            }
            (None, true, None) => check_drift(*ours, drift),
            (None, true, Some(first)) => {
                let more = not_visible.len() - 1;
                let more = if more > 0 { format!(" (and {more} more likewise)") } else { String::new() };
                let seen = if *ours > 0 { format!("{ours} are there and ours; ") } else { String::new() };
                Check::skipped(CheckName::Objects, format!("{seen}{first}{more}"))
            }
        }
    }
}

/// Returns the check if all objects exist and are ours.
fn check_drift(ours: usize, drift: Option<&Drift>) -> Check {
    let all = format!("{ours} of {ours} are there and ours");
    let Some(Drift { changed, unknown }) = drift else { return Check::ok(CheckName::Objects, all) };
    let reasons = format!("whether these are as install makes them is not known: {}", unknown.join("; "));
    match (changed.is_empty(), unknown.is_empty()) {
        (true, true) => Check::ok(CheckName::Objects, format!("{all}, as install makes them")),
        (true, false) => Check::skipped(CheckName::Objects, format!("{all}; {reasons}")),
        (false, no_more) => {
            let more = if no_more { String::new() } else { format!("; {reasons}") };
            let what = format!("{all}, but somebody has changed {}{more}", changed.join(", "));
            Check::warning(CheckName::Objects, what, CHANGED_REMEDY)
        }
    }
}
