//! Server-side apply of the objects, one line each: created, configured or unchanged. Deletes what must go before and
//! after.
use super::console::Console;
use super::objects::Object;
use super::options::Options;
use super::payload::NAME_PREFIX;
use super::preflight::{Metadata, PartialObject, PartialObjectList};
use super::resources::{CONFIG_MAPS, OURS};
use crate::cluster::{Applied, Failure, Part, Server};
use anyhow::{Context as _, Result, anyhow, bail};
use kube::core::response::Status;
use serde::Deserialize as _;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Pause between two checks whether a deleted object is gone.
const PAUSE: Duration = Duration::from_millis(500);
/// Largest number of conflicting fields that a message names.
const MAX_FIELDS: usize = 3;

/// Deletes the predecessor's objects, dependents first, and waits until they are gone.
pub(super) async fn delete_predecessors(
    server: &Server<'_>,
    objects: &[Object],
    existing: &[Option<Metadata>],
    predecessors: &[usize],
    deadline: Instant,
    console: &mut Console<'_>,
) -> Result<()> {
    for &index in predecessors.iter().rev() {
        let (Some(object), Some(Some(metadata))) = (objects.get(index), existing.get(index)) else {
            continue;
        };
        let deleting = format!("deleting the predecessor's {}", object.title());
        let remedy = "delete it by hand, and run this again";
        let deleted = server.delete(&object.path(), &metadata.uid, true).await;
        deleted.map_err(|failure| failure.during(&deleting, remedy))?;
        loop {
            let found = server.get_opt::<PartialObject>(&object.path(), Part::Metadata).await;
            let found = found.map_err(|failure| failure.during(&deleting, remedy))?;
            if found.is_none_or(|partial| partial.metadata.uid != metadata.uid) {
                break;
            }
            if Instant::now() >= deadline {
                bail!("{deleting}: it is still there: see its finalizers, and run this again");
            }
            sleep(PAUSE).await;
        }
        console.line(&format!("{} deleted (the predecessor's)", object.title()));
    }
    Ok(())
}

/// Applies every object in order. Returns the number of objects that were created or changed.
pub(super) async fn apply_all(
    server: &Server<'_>,
    objects: &[Object],
    existing: &[Option<Metadata>],
    replaced: &[usize],
    options: &Options,
    console: &mut Console<'_>,
) -> Result<usize> {
    let mut changes = 0;
    for (index, (object, before)) in objects.iter().zip(existing).enumerate() {
        let before = before.as_ref().filter(|_| !replaced.contains(&index));
        if object.is_user_config() && before.is_some() && options.settings.config.is_none() {
            console.line(&format!("{} unchanged (yours)", object.title()));
            continue;
        }
        let after = apply_one(server, object, apply_options(object, options)).await?;
        let after = PartialObject::deserialize(&after)
            .context("the API server answered with no object: check its health")?;
        let what = match before {
            None => "created",
            Some(before) if after.metadata.is_changed_since(before) => "configured",
            Some(_) => "unchanged",
        };
        changes += usize::from(what != "unchanged");
        console.line(&format!("{} {what}", object.title()));
    }
    Ok(changes)
}

/// Returns how to apply an object. With `--config` the user's text wins over fields that others have set.
pub(super) fn apply_options(object: &Object, options: &Options) -> Applied {
    let force = options.force_conflicts || (object.is_user_config() && options.settings.config.is_some());
    Applied { dry_run: false, force }
}

/// Applies one object. Errors are one line with the remedy.
pub(super) async fn apply_one(server: &Server<'_>, object: &Object, options: Applied) -> Result<Value> {
    server
        .apply(&object.path(), &object.value, options)
        .await
        .map_err(|failure| explain_refusal(failure, &object.title()))
}

/// Deletes payloads that are not among `objects`: no pod uses them any longer. Returns their number.
pub(super) async fn remove_old_payloads(
    server: &Server<'_>,
    objects: &[Object],
    console: &mut Console<'_>,
) -> Result<usize> {
    let current: BTreeSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
    let listing =
        |failure: Failure| failure.during("listing the payloads of other versions", "run this again");
    let path = format!("{}?labelSelector={OURS}", CONFIG_MAPS.list_path());
    let found = server.get::<PartialObjectList>(&path, Part::MetadataList).await.map_err(listing)?;
    let mut removed = 0;
    for PartialObject { metadata } in found.items {
        if metadata.name.starts_with(NAME_PREFIX) && !current.contains(metadata.name.as_str()) {
            let title = CONFIG_MAPS.object_title(&metadata.name);
            let deleted = server.delete(&CONFIG_MAPS.object_path(&metadata.name), &metadata.uid, false).await;
            deleted.map_err(|failure| failure.during(&format!("deleting {title}"), "run this again"))?;
            console.line(&format!("{title} deleted (another version's)"));
            removed += 1;
        }
    }
    Ok(removed)
}

/// Returns the line that `install` ends with if the server refuses an object.
fn explain_refusal(mut failure: Failure, title: &str) -> anyhow::Error {
    let applying = format!("applying {title}");
    if let Failure::Refused(status) = &failure
        && let Some(conflict) = conflict(status)
    {
        return anyhow!("{applying}: {conflict}");
    }
    let remedy = match &mut failure {
        Failure::Refused(status) => {
            name_cause(status);
            remedy(status)
        }
        _ => "run this again, it goes on where it ended",
    };
    failure.during(&applying, remedy)
}

/// Adds the first cause of the details to the message. The webhook of PrometheusRules names the broken rule only
/// there.
fn name_cause(status: &mut Status) {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let message = &status.message;
    let mut missing_causes =
        causes.filter(|cause| !cause.message.is_empty() && !message.contains(&cause.message));
    if let Some(cause) = missing_causes.next() {
        status.message = format!("{message}: {}", cause.message);
    }
}

/// Returns which manager has set which fields, if the server refuses for a conflict.
fn conflict(status: &Status) -> Option<String> {
    let causes = &status.details.as_ref().filter(|_| status.code == 409)?.causes;
    let mut fields = BTreeMap::<String, Vec<&str>>::new();
    for cause in causes.iter().filter(|cause| cause.reason == "FieldManagerConflict") {
        // The message is: `conflict with "kubectl-edit" using apps/v1`.
        let manager = cause.message.split('"').nth(1).unwrap_or("another manager");
        fields.entry(manager.to_owned()).or_default().push(&cause.field);
    }
    let named = fields.iter().map(|(manager, fields)| {
        let more = fields.len().saturating_sub(MAX_FIELDS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let few = fields.iter().take(MAX_FIELDS).copied().collect::<Vec<_>>().join(", ");
        format!("\"{manager}\" has set {few}{more}")
    });
    let named: Vec<_> = named.collect();
    (!named.is_empty()).then(|| {
        format!(
            "{} to other values: leave it as it is, or take the fields over with --force-conflicts",
            named.join("; ")
        )
    })
}

fn remedy(status: &Status) -> &'static str {
    let says = |text: &str| status.message.contains(text);
    if says("admission webhook") || says("ValidatingAdmissionPolicy") {
        "the cluster's own admission refuses it; managed clusters (ROSA, OSD) forbid changes in openshift-* namespaces: ask their support"
    } else if says("exceeded quota") {
        "raise the quota of the namespace, and run this again"
    } else {
        match status.code {
            403 => "ask for this right, and run this again",
            404 => "its namespace or its kind is gone: check the cluster, and run this again",
            422 => "it cannot be changed into this: run oc interrogate uninstall, then install",
            _ => "run this again, it goes on where it ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Page;
    use serde_json::json;

    fn status(value: Value) -> Failure {
        Failure::Refused(Box::new(serde_json::from_value(value).unwrap()))
    }

    #[test]
    fn each_refusal_has_a_remedy_of_its_own() {
        let mut page =
            Page::new("What the API server answers to an object, and the line that `install` ends with.");
        for (case, code, message) in [
            ("a webhook", 403, "admission webhook \"regular-user-validation\" denied the request: no"),
            ("a policy", 422, "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"),
            ("a quota", 403, "configmaps \"x\" is forbidden: exceeded quota: q"),
            ("no right", 403, "configmaps is forbidden: User \"x\" cannot"),
            ("no namespace", 404, "namespaces \"openshift-monitoring\" not found"),
            ("an immutable field", 422, "field is immutable"),
            ("anything else", 500, "etcdserver: request timed out"),
        ] {
            let answer = json!({"code": code, "message": message});
            page.add(case, &explain_refusal(status(answer), "configmap/x").to_string());
        }
        let rule =
            "group \"process-exporter\", rule 0: could not parse expression: unclosed left parenthesis";
        let broken = json!({"code": 422, "message": "admission webhook \"prometheusrules.openshift.io\" denied the request: Rules are not valid",
            "details": {"causes": [{"reason": "FieldValueInvalid", "message": rule, "field": "spec"}]}});
        page.add("a rule that is refused", &explain_refusal(status(broken), "prometheusrule/x").to_string());
        let conflicts = |fields: &[(&str, &str)]| {
            let cause = |&(manager, field): &(&str, &str)| {
                json!({"reason": "FieldManagerConflict",
                "message": format!("conflict with \"{manager}\" using apps/v1"), "field": field})
            };
            let causes: Vec<_> = fields.iter().map(cause).collect();
            status(json!({"code": 409, "message": "Apply failed", "details": {"causes": causes}}))
        };
        let one = [".spec.a", ".spec.b", ".spec.c", ".spec.d"].map(|field| ("kubectl-edit", field));
        page.add(
            "a conflict of four fields",
            &explain_refusal(conflicts(&one), "daemonset.apps/x").to_string(),
        );
        let two = [("argocd", ".spec.a"), ("kubectl-edit", ".spec.b")];
        page.add(
            "a conflict with two managers",
            &explain_refusal(conflicts(&two), "daemonset.apps/x").to_string(),
        );
        page.check("tests/golden/install/refusals.txt");
    }
}
