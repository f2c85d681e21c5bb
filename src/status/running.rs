//! Checks of the pods: whether they run, and whether they may be admitted.
use super::checks::CheckName;
use super::inventory::visible;
use super::report::Check;
use crate::cluster::Server;
use crate::install::daemonset::DaemonSet;
use crate::install::diagnose;
use crate::install::resources::{CONSTRAINTS, NAME, NAMESPACE};
use anyhow::{Context as _, Result};
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const DELETING: &str = "the DaemonSet has been deleted and waits for its pods to end";
const DELETING_REMEDY: &str = "see oc -n openshift-monitoring get pods -l app.kubernetes.io/name=process-exporter -o wide, end one on a node that is down with oc delete pod --force, then run oc interrogate install";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// The nodes that should run the exporter.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// Number of nodes. `None` if unknown.
    pub(super) desired: Option<usize>,
    /// Nodes that are not ready themselves.
    pub(super) down: BTreeSet<String>,
}

impl Nodes {
    fn all(desired: usize) -> Nodes {
        Nodes { desired: Some(desired), ..Nodes::default() }
    }
}

/// Checks the pods, and returns the nodes that should have one. Errors if the server does not respond, or if the
/// login has expired.
pub(super) async fn check_pods(
    server: &Server<'_>,
    daemonset: Result<&Value, &String>,
) -> Result<(Check, Nodes)> {
    let daemonset = match daemonset {
        Ok(daemonset) => DaemonSet::deserialize(daemonset)
            .context("the API server answered with no daemonset: check its health")?,
        Err(not_visible) => return Ok((Check::skipped(CheckName::Pods, not_visible), Nodes::default())),
    };
    if daemonset.is_deleting() {
        return Ok((Check::failed(CheckName::Pods, DELETING, DELETING_REMEDY), Nodes::default()));
    }
    let (ready, desired) = daemonset.ready();
    let state = format!("{ready} of {desired} nodes are ready");
    if !daemonset.is_observed() {
        let what = "the DaemonSet's controller has not seen its last change yet";
        return Ok((
            Check::failed(CheckName::Pods, what, "wait for it with oc interrogate status --wait"),
            Nodes::all(desired),
        ));
    }
    if desired == 0 {
        let remedy = "check its node selector, and the nodes with oc get nodes";
        return Ok((Check::warning(CheckName::Pods, "no node runs it", remedy), Nodes::all(0)));
    }
    if daemonset.is_rolled_out() {
        return Ok((Check::ok(CheckName::Pods, state), Nodes::all(desired)));
    }
    let diagnosis = diagnose::diagnose(server, &daemonset, true).await?;
    let only_down = diagnosis.misses_only_nodes_down(&daemonset);
    let mut what = state;
    let mut remedies = Vec::new();
    for problem in diagnosis.problems {
        what = format!("{what}; {}", problem.description);
        if !remedies.contains(&problem.remedy) {
            remedies.push(problem.remedy);
        }
    }
    if !diagnosis.missing_rights.is_empty() {
        remedies.push(format!(
            "ask for the right to {}, which shows why",
            diagnosis.missing_rights.join(" and to ")
        ));
    }
    let nodes = Nodes { desired: Some(desired), down: diagnosis.nodes_down };
    if only_down {
        return Ok((Check::warning(CheckName::Pods, what, remedies.join("; or ")), nodes));
    }
    remedies.push("wait for it with oc interrogate status --wait".to_owned());
    Ok((Check::failed(CheckName::Pods, what, remedies.join("; or ")), nodes))
}

/// Checks that the exporter's pods may be admitted under their SCC. Errors are the same.
pub(super) async fn check_rights(server: &Server<'_>) -> Result<Check> {
    let groups =
        ["system:serviceaccounts", "system:serviceaccounts:openshift-monitoring", "system:authenticated"];
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
        "user": format!("system:serviceaccount:{NAMESPACE}:{NAME}"), "groups": groups,
        "resourceAttributes": {"group": CONSTRAINTS.group, "resource": CONSTRAINTS.plural, "verb": "use",
            "name": NAME, "namespace": NAMESPACE}}});
    let answer = server.review(REVIEWS, &review).await;
    Ok(match visible(answer, "create subjectaccessreviews.authorization.k8s.io")? {
        Err(not_visible) => {
            Check::skipped(CheckName::Rights, format!("those of the exporter's pods are {not_visible}"))
        }
        Ok(answer) if answer.pointer("/status/allowed") == Some(&Value::Bool(true)) => {
            Check::ok(CheckName::Rights, "the exporter's pods may use their constraints")
        }
        Ok(_) => Check::failed(
            CheckName::Rights,
            format!(
                "the exporter's pods may not use their constraints ({}): the next one is refused",
                CONSTRAINTS.object_title(NAME)
            ),
            "run oc interrogate install, which grants it again",
        ),
    })
}
