//! Which objects are there, whose they are, and whether they are as `install` makes them.
use super::compared::Compared;
use super::report::Check;
use crate::cluster::Failure;
use crate::install::objects::Object;
use crate::install::preflight::{Metadata, PartialObject};
use crate::install::resources::LABELS;
use crate::install::serving_certificate;
use anyhow::Result;
use serde::Deserialize as _;
use serde_json::Value;

const OBJECTS: &str = "objects";
const INSTALL: &str = "run oc interrogate install";
const CHANGED: &str = "see it with oc interrogate install --force-conflicts --dry-run=server --diff, and take it back with oc interrogate install --force-conflicts; with both, the flags that it was installed with";

/// How the objects were found, by name.
#[derive(Default)]
pub(super) struct Found {
    pub(super) ours: usize,
    missing: Vec<String>,
    /// With the name of who manages it.
    others: Vec<String>,
    /// With the right that it takes.
    pub(super) unseen: Vec<String>,
    /// The objects themselves, where they are ours.
    pub(super) wholes: Vec<Value>,
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
pub(super) fn right(object: &Object) -> String {
    let resource = object.resource;
    let group = if resource.group.is_empty() { String::new() } else { format!(".{}", resource.group) };
    let of = resource.namespace.map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    format!("{}{group} \"{}\"{of}", resource.plural, object.name)
}

impl Found {
    /// An object, or why it is not seen.
    pub(super) fn add(&mut self, title: String, found: Result<Option<Value>, String>) {
        let partial = found.as_ref().ok().and_then(Option::as_ref).map(PartialObject::deserialize);
        match (partial, found) {
            (Some(Ok(partial)), Ok(whole)) => {
                if partial.metadata.is_ours() {
                    self.wholes.extend(whole);
                }
                self.add_map(title, Ok(Some(partial.metadata)));
            }
            (_, found) => self.add_map(title, found.map(|_| None)),
        }
    }

    /// An object of which the metadata say enough, or why it is not seen.
    pub(super) fn add_map(&mut self, title: String, found: Result<Option<Metadata>, String>) {
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

    /// Whether all of it is there, ours and seen.
    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.others.is_empty() && self.unseen.is_empty()
    }

    /// The check; `compared`: none where they were not compared.
    pub(super) fn check(&self, server: &str, compared: Option<&Compared>) -> Check {
        let Found { ours, missing, others, unseen, .. } = self;
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
        if missing_too.is_none()
            && others.is_empty()
            && let Some(problem) = self.wholes.iter().find_map(serving_certificate::find_refusal)
        {
            return Check::failed(OBJECTS, problem.description, problem.remedy);
        }
        match (missing_too, others.is_empty(), unseen.first()) {
            (Some(missing), true, _) => Check::failed(OBJECTS, missing, INSTALL),
            (missing, false, _) => {
                let missing = missing.map(|missing| format!("{missing}; ")).unwrap_or_default();
                Check::failed(OBJECTS, format!("{missing}{whose}"), replace)
            }
            (None, true, None) => as_made(*ours, compared),
            (None, true, Some(first)) => {
                let more = unseen.len() - 1;
                let more = if more > 0 { format!(" (and {more} more likewise)") } else { String::new() };
                let seen = if *ours > 0 { format!("{ours} are there and ours; ") } else { String::new() };
                Check::skipped(OBJECTS, format!("{seen}{first}{more}"))
            }
        }
    }
}

/// All are there and ours: whether they are as `install` makes them, where they were compared.
fn as_made(ours: usize, compared: Option<&Compared>) -> Check {
    let all = format!("{ours} of {ours} are there and ours");
    let Some(Compared { changed, untold }) = compared else { return Check::ok(OBJECTS, all) };
    let not_told = format!("whether these are as install makes them is not known: {}", untold.join("; "));
    match (changed.is_empty(), untold.is_empty()) {
        (true, true) => Check::ok(OBJECTS, format!("{all}, as install makes them")),
        (true, false) => Check::skipped(OBJECTS, format!("{all}; {not_told}")),
        (false, no_more) => {
            let more = if no_more { String::new() } else { format!("; {not_told}") };
            let what = format!("{all}, but somebody has changed {}{more}", changed.join(", "));
            Check::warning(OBJECTS, what, CHANGED)
        }
    }
}
