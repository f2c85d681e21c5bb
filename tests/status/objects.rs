//! Objects that are gone, others', or another version's, and pods that are not there: seen, and healed by the remedy.
use crate::report::{Status, status};
use crate::scrape::{Rules, start_scrape};
use crate::site::{CONFIG, DAEMON_SET, HERE, Site, site};
use oc_interrogate::status::CheckName;
use serde_json::json;
use std::time::Duration;
use test_cluster::{Fleet, until};

const NODE_EXPORTER: &str = "/apis/apps/v1/namespaces/openshift-monitoring/daemonsets/node-exporter";
const RULE: &str =
    "/apis/monitoring.coreos.com/v1/namespaces/openshift-monitoring/prometheusrules/process-exporter";
pub(crate) const ROLE: &str =
    "/apis/rbac.authorization.k8s.io/v1/namespaces/openshift-monitoring/roles/process-exporter";

/// Without a Prometheus: of the objects and pods alone.
fn without_prometheus(site: &Site) -> Status {
    status(&site.plugin, &[])
}

/// Installs, and waits for the pods.
pub(crate) fn installed() -> Site {
    let site = site();
    let done = site.install(&["--wait=false"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    until("the pods to be ready", Duration::from_secs(60), || {
        anyhow::ensure!(site.get(DAEMON_SET)["status"]["numberAvailable"] == 3);
        Ok(())
    })
    .unwrap();
    site
}

#[test]
fn nothing_installed_is_said() {
    let site = site();
    let nothing = without_prometheus(&site);
    assert_eq!(nothing.code, 1);
    nothing.assert_check(
        "objects",
        "failed",
        "nothing of oc interrogate is installed on https://127.0.0.1",
        "run oc interrogate install",
    );
    assert_eq!(nothing.with_status("failed"), ["objects"]);
    let table = site.plugin.run(["status", "--wait"]).unwrap();
    let lines: Vec<_> = table.stdout.lines().collect();
    assert!(
        table.code == 1 && lines.len() == 2 && lines[0].starts_with("CHECK        STATUS   MESSAGE"),
        "{table:?}"
    );
    assert!(lines[1].starts_with("objects      failed   nothing of"), "{table:?}");
    assert_eq!(table.stderr, "error: 1 of 1 checks failed: objects\n");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "process-exporter",
        "labels": {"app.kubernetes.io/managed-by": "Helm"}}});
    site.cluster.api().apply(CONFIG, &map.to_string()).unwrap();
    let foreign = without_prometheus(&site);
    site.cluster.api().delete(CONFIG).unwrap();
    foreign.assert_check(
        "objects",
        "failed",
        "others have objects of the same names: configmap/process-exporter (managed by Helm)",
        "remove or rename",
    );
}

#[test]
fn without_prometheus_that_is_the_failure_and_what_follows_is_skipped() {
    let site = installed();
    let found = without_prometheus(&site);
    assert_eq!(found.code, 1, "{}", found.stderr);
    assert_eq!(found.with_status("ok"), ["objects", "version", "image", "constraints", "pods", "rights"]);
    assert_eq!(found.with_status("failed"), ["prometheus"]);
    found.assert_check(
        "prometheus",
        "failed",
        "it cannot be queried: no way to Prometheus, neither by route",
        "",
    );
    assert_eq!(
        found.with_status("skipped"),
        ["targets", "rules", "samples", "attributed", "names", "cpusets", "cost", "config"]
    );
    found.assert_check("objects", "ok", "13 of 13 are there and ours", "");
    found.assert_check("pods", "ok", "3 of 3 nodes are ready", "");
    assert_eq!(found.stderr, format!("error: 1 of {} checks failed: prometheus\n", CheckName::ALL.len()));
    let late = site.plugin.run(["status", "--wait", "--timeout", "1s"]).unwrap();
    assert!(late.code == 1 && late.stdout.contains("prometheus   failed"), "{late:?}");
}

#[test]
fn what_is_gone_or_changed_is_seen_and_install_heals_it() {
    let site = installed();
    let api = site.cluster.api();
    let payload = site.names().into_iter().find(|name| name.contains("-payload-")).unwrap();
    let payload = payload.split('"').rfind(|part| part.contains("payload")).unwrap().to_owned();
    api.delete(RULE).unwrap();
    api.delete(&format!("/api/v1{HERE}/configmaps/{payload}")).unwrap();
    api.merge(ROLE, &json!({"rules": []})).unwrap();
    api.merge(DAEMON_SET, &json!({"metadata": {"labels": {"app.kubernetes.io/version": "0.0.9"}}})).unwrap();
    let image = json!([
        {"name": "kube-rbac-proxy", "image": "registry.test.example/kube-rbac-proxy"},
        {"name": "node-exporter", "image": "registry.test.example/node-exporter@sha256:4567"},
    ]);
    api.merge(NODE_EXPORTER, &json!({"spec": {"template": {"spec": {"containers": image}}}})).unwrap();
    until("the role to be without rules", Duration::from_secs(10), || {
        anyhow::ensure!(without_prometheus(&site).with_status("failed").contains(&"rights"));
        Ok(())
    })
    .unwrap();
    let found = without_prometheus(&site);
    let missing =
        format!("missing: prometheusrule.monitoring.coreos.com/process-exporter, configmap/{payload}");
    found.assert_check("objects", "failed", &missing, "run oc interrogate install");
    found.assert_check("version", "warning", "installed is 0.0.9, and this plugin is 0.1.0", "; it upgrades");
    found.assert_check(
        "image",
        "warning",
        "node-exporter's is registry.test.example/node-exporter@sha256:4567 now",
        "run oc interrogate install",
    );
    found.assert_check("rights", "failed", "may not use their constraints", "run oc interrogate install");
    assert_eq!(found.code, 1);

    let healed = site.install(&["--force-conflicts"]);
    assert_eq!(healed.code, 0, "{}", healed.stderr);
    until("the rights to hold", Duration::from_secs(10), || {
        anyhow::ensure!(without_prometheus(&site).with_status("failed") == ["prometheus"]);
        Ok(())
    })
    .unwrap();
    let found = without_prometheus(&site);
    assert_eq!(found.with_status("ok"), ["objects", "version", "image", "constraints", "pods", "rights"]);
    api.merge(DAEMON_SET, &json!({"metadata": {"labels": {"app.kubernetes.io/version": "9.0.0"}}})).unwrap();
    let newer = without_prometheus(&site);
    newer.assert_check("version", "warning", "installed is 9.0.0", "update the plugin");
    assert!(
        !format!("{newer:?}").contains("as install makes them"),
        "what another version makes is not known"
    );
    api.merge(DAEMON_SET, &json!({"metadata": {"labels": {"app.kubernetes.io/version": null}}})).unwrap();
    without_prometheus(&site).assert_check(
        "version",
        "warning",
        "is not known",
        "run oc interrogate install",
    );

    // Another tool takes one of them over.
    api.merge(RULE, &json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}})).unwrap();
    let taken = without_prometheus(&site);
    api.delete(RULE).unwrap();
    let message = "prometheusrule.monitoring.coreos.com/process-exporter (managed by Helm)";
    taken.assert_check("objects", "failed", message, "remove or rename them");

    let back = json!([
        {"name": "kube-rbac-proxy", "image": "registry.test.example/kube-rbac-proxy"},
        {"name": "node-exporter", "image": Fleet::IMAGE},
    ]);
    api.merge(NODE_EXPORTER, &json!({"spec": {"template": {"spec": {"containers": back}}}})).unwrap();
    // An image of one's own follows nothing.
    let own =
        site.plugin.run(["install", "--image", "registry/x:1", "--wait=false", "--force-conflicts"]).unwrap();
    assert_eq!(own.code, 0, "{}", own.stderr);
    without_prometheus(&site).assert_check("image", "ok", "its own, registry/x:1", "");
    let nowhere = ["install", "--image", "registry/x:1", "--node-selector", "zone=nowhere", "--wait=false"];
    assert_eq!(site.plugin.run(nowhere).unwrap().code, 0);
    until("no node to run it", Duration::from_secs(30), || {
        let found = without_prometheus(&site);
        anyhow::ensure!(found.with_status("warning") == ["pods"], "{found:?}");
        found.assert_check("pods", "warning", "no node runs it", "check its node selector");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_node_without_a_pod_is_named_with_the_reason_and_waited_for() {
    let site = installed();
    let scrape = start_scrape(&site, "waited", Rules::All, 3);
    scrape.await_data();
    site.forbid_pods();
    let pods = site.get(&format!("/api/v1{HERE}/pods?labelSelector=app.kubernetes.io/name=process-exporter"));
    let pod = &pods["items"][0];
    let (name, node) = (pod["metadata"]["name"].as_str().unwrap(), pod["spec"]["nodeName"].as_str().unwrap());
    site.cluster.api().delete(&format!("/api/v1{HERE}/pods/{name}?gracePeriodSeconds=0")).unwrap();
    let flag = scrape.flag();
    until("the refusal to be told", Duration::from_secs(30), || {
        let found = status(&site.plugin, &[&flag]);
        let wanted = format!("error: 1 of {} checks failed: pods\n", CheckName::ALL.len());
        anyhow::ensure!(found.stderr == wanted, "{found:?}");
        found.assert_check("pods", "failed", "2 of 3 nodes are ready", "oc interrogate status --wait");
        anyhow::ensure!(format!("{found:?}").contains("exceeded quota"), "{found:?}");
        Ok(())
    })
    .unwrap();
    let found = status(&site.plugin, &[&flag]);
    found.assert_check(
        "pods",
        "failed",
        &format!("{node}: no pods can be made"),
        "raise the quota of openshift-monitoring",
    );

    let waiting = site.plugin.start(["status", "--wait", &flag]).unwrap();
    site.allow_pods();
    let ended = waiting.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(
        ended.status.success() && out.contains("pods         ok       3 of 3 nodes are ready"),
        "{out}{err}"
    );
}
