//! Pods that OpenShift's own admission refuses: named with its words and the remedy, and let in after it.
use crate::objects::{ROLE, installed};
use crate::report::status;
use crate::site::{HERE, Site};
use serde_json::json;
use std::time::Duration;
use test_cluster::until;

const CONSTRAINTS: &str = "/apis/security.openshift.io/v1/securitycontextconstraints/process-exporter";
const REMEDY: &str = "see oc get scc process-exporter";

/// Deletes the pod of one node; returns that node's name.
fn delete_a_pod(site: &Site) -> String {
    let pods = site.get(&format!("/api/v1{HERE}/pods?labelSelector=app.kubernetes.io/name=process-exporter"));
    let pod = &pods["items"][0];
    let (name, node) = (pod["metadata"]["name"].as_str().unwrap(), pod["spec"]["nodeName"].as_str().unwrap());
    site.cluster.api().delete(&format!("/api/v1{HERE}/pods/{name}?gracePeriodSeconds=0")).unwrap();
    node.to_owned()
}

/// Waits until `status` names that node with the admission's own words.
fn named(site: &Site, node: &str, words: &str) {
    until("the refusal to be told", Duration::from_secs(60), || {
        let found = status(&site.plugin, &[]);
        let said = format!("{found:?}");
        anyhow::ensure!(
            said.contains("no pods can be made") && said.contains(&words.replace('"', "\\\"")),
            "{said}"
        );
        found.assert_check("pods", "failed", "2 of 3 nodes are ready", REMEDY);
        found.assert_check(
            "pods",
            "failed",
            &format!("{node}: no pods can be made (Error creating: "),
            REMEDY,
        );
        found.assert_check("pods", "failed", words, REMEDY);
        Ok(())
    })
    .unwrap();
}

fn heal(site: &Site) {
    let healed = site.install(&["--force-conflicts"]);
    assert_eq!(healed.code, 0, "{}", healed.stderr);
    assert!(healed.stdout.contains("3 nodes are ready"), "{}", healed.stdout);
    status(&site.plugin, &[]).assert_check("pods", "ok", "3 of 3 nodes are ready", "");
}

#[test]
fn pods_that_may_not_use_our_constraints_are_named_and_install_heals_it() {
    let site = installed();
    site.cluster.api().merge(ROLE, &json!({"rules": []})).unwrap();
    let rights = |state: &str| {
        until("the role to count", Duration::from_secs(10), || {
            anyhow::ensure!(status(&site.plugin, &[]).with_status(state).contains(&"rights"));
            Ok(())
        })
        .unwrap();
    };
    rights("failed");
    let node = delete_a_pod(&site);
    let words = "pods \"process-exporter-\" is forbidden: unable to validate against any security context constraint: \
        provider \"process-exporter\": Forbidden: not usable by user or serviceaccount";
    named(&site, &node, words);
    status(&site.plugin, &[]).assert_check(
        "rights",
        "failed",
        "may not use their constraints",
        "run oc interrogate install",
    );
    heal(&site);
    rights("ok");
}

#[test]
fn pods_whose_constraints_are_gone_are_named_and_install_heals_it() {
    let site = installed();
    site.cluster.api().delete(CONSTRAINTS).unwrap();
    let node = delete_a_pod(&site);
    named(&site, &node, "failed to retrieve the required SCC \"process-exporter\"");
    heal(&site);
}
