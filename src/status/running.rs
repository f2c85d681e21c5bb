//! Whether the exporter runs: its pods on the nodes, and their right to be admitted.
use super::found::seen;
use super::report::Check;
use crate::cluster::Server;
use crate::install::look;
use crate::install::place::{CONSTRAINTS, NAME, NAMESPACE};
use crate::install::set::Set;
use anyhow::{Context as _, Result};
use serde::Deserialize as _;
use serde_json::{Value, json};

const PODS: &str = "pods";
const RIGHTS: &str = "rights";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// The pods, and how many nodes should have one, where that is known. Errors: the server does not answer, or the login
/// is no longer good.
pub(super) async fn pods(
    server: &Server<'_>,
    set: Result<&Value, &String>,
) -> Result<(Check, Option<usize>)> {
    let set = match set {
        Ok(set) => {
            Set::deserialize(set).context("the API server answered with no daemonset: check its health")?
        }
        Err(unseen) => return Ok((Check::skipped(PODS, unseen), None)),
    };
    let (ready, desired) = set.ready();
    let state = format!("{ready} of {desired} nodes are ready");
    if !set.is_seen() {
        let what = "the DaemonSet's controller has not seen its last change yet";
        return Ok((
            Check::failed(PODS, what, "wait for it with oc interrogate status --wait"),
            Some(desired),
        ));
    }
    if desired == 0 {
        let remedy = "check its node selector, and the nodes with oc get nodes";
        return Ok((Check::warning(PODS, "no node runs it", remedy), Some(0)));
    }
    if set.is_done() {
        return Ok((Check::ok(PODS, state), Some(desired)));
    }
    let look = look::look(server, desired, true).await?;
    let mut what = state;
    let mut remedies = Vec::new();
    for trouble in look.troubles {
        what = format!("{what}; {}", trouble.what);
        if !remedies.contains(&trouble.remedy) {
            remedies.push(trouble.remedy);
        }
    }
    if !look.blind.is_empty() {
        remedies.push(format!("ask for the right to {}, which shows why", look.blind.join(" and to ")));
    }
    remedies.push("wait for it with oc interrogate status --wait".to_owned());
    Ok((Check::failed(PODS, what, remedies.join("; or ")), Some(desired)))
}

/// Whether the exporter's pods may be admitted under their constraints. Errors as above.
pub(super) async fn rights(server: &Server<'_>) -> Result<Check> {
    let groups =
        ["system:serviceaccounts", "system:serviceaccounts:openshift-monitoring", "system:authenticated"];
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
        "user": format!("system:serviceaccount:{NAMESPACE}:{NAME}"), "groups": groups,
        "resourceAttributes": {"group": CONSTRAINTS.group, "resource": CONSTRAINTS.plural, "verb": "use",
            "name": NAME, "namespace": NAMESPACE}}});
    let answer = server.review(REVIEWS, &review).await;
    Ok(match seen(answer, "create subjectaccessreviews.authorization.k8s.io")? {
        Err(unseen) => Check::skipped(RIGHTS, format!("those of the exporter's pods are {unseen}")),
        Ok(answer) if answer.pointer("/status/allowed") == Some(&Value::Bool(true)) => {
            Check::ok(RIGHTS, "the exporter's pods may use their constraints")
        }
        Ok(_) => Check::failed(
            RIGHTS,
            format!(
                "the exporter's pods may not use their constraints ({}): the next one is refused",
                CONSTRAINTS.name_of(NAME)
            ),
            "run oc interrogate install, which grants it again",
        ),
    })
}
