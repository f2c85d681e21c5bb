//! Objects that somebody has edited: seen field by field, whatever flags they were installed with, and taken back.
use crate::report::{Status, status};
use crate::site::{CONFIG, DAEMON_SET, HERE, Site, site};
use serde_json::{Value, json};
use std::time::Duration;
use test_cluster::{Login, Plugin, until};

const RULE: &str =
    "/apis/monitoring.coreos.com/v1/namespaces/openshift-monitoring/prometheusrules/process-exporter";
const MONITOR: &str =
    "/apis/monitoring.coreos.com/v1/namespaces/openshift-monitoring/servicemonitors/process-exporter";
const CONSTRAINTS: &str = "/apis/security.openshift.io/v1/securitycontextconstraints/process-exporter";
const DASHBOARD: &str = "/api/v1/namespaces/openshift-config-managed/configmaps/process-exporter-dashboard";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const FLAGS: [&str; 7] = [
    "--wait=false",
    "--threads=false",
    "--scrape-interval",
    "90s",
    "--node-selector",
    "kubernetes.io/arch=amd64",
    "--force-conflicts",
];

fn assert_no_drift(site: &Site) {
    status(&site.plugin, &[]).assert_check(
        "objects",
        "ok",
        "13 of 13 are there and ours, as install makes them",
        "",
    );
}

/// Changes an object by a merge of what `edit` makes of it.
fn edit(site: &Site, path: &str, edit: impl FnOnce(&mut Value)) {
    let mut object = site.get(path);
    edit(&mut object);
    site.cluster.api().merge(path, &json!({"spec": object["spec"]})).unwrap();
}

#[test]
fn what_is_edited_is_named_and_what_is_added_stays() {
    let site = site();
    let api = site.cluster.api();
    assert_eq!(site.install(&FLAGS).code, 0);
    assert_no_drift(&site);
    // The user's own, and what others add.
    api.merge(CONFIG, &json!({"data": {"config.yaml": "process_names: [{name: a, comm: [a]}]"}})).unwrap();
    api.merge(DAEMON_SET, &json!({"metadata": {"annotations": {"seen-by": "somebody"}}})).unwrap();
    edit(&site, DAEMON_SET, |set| {
        let sidecar = json!({"name": "sidecar", "image": "registry/sidecar:1"});
        set["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().push(sidecar);
    });
    assert_no_drift(&site);

    edit(&site, DAEMON_SET, |set| {
        let pod = &mut set["spec"]["template"]["spec"];
        pod["tolerations"] = Value::Null;
        pod["containers"][0]["args"].as_array_mut().unwrap().remove(0);
        pod["initContainers"][0]["image"] = json!("registry/other:1");
    });
    edit(&site, RULE, |rule| rule["spec"]["groups"][0]["rules"][1]["expr"] = json!("vector(1)"));
    edit(&site, MONITOR, |monitor| monitor["spec"]["endpoints"][0]["relabelings"] = json!([]));
    let found = status(&site.plugin, &[]);
    for changed in [
        "daemonset.apps/process-exporter (spec.template.spec.containers[0].args, spec.template.spec.initContainers[0].image, spec.template.spec.tolerations)",
        "servicemonitor.monitoring.coreos.com/process-exporter (spec.endpoints[0].relabelings)",
        "prometheusrule.monitoring.coreos.com/process-exporter (spec.groups[0].rules[1].expr)",
    ] {
        found.assert_check(
            "objects",
            "warning",
            changed,
            "take it back with oc interrogate install --force-conflicts",
        );
    }
    assert!(!found.with_status("failed").contains(&"objects"), "{found:?}");
    assert_eq!(site.install(&FLAGS).code, 0);
    assert_no_drift(&site);

    // The rules are not those of another interval.
    edit(&site, MONITOR, |monitor| monitor["spec"]["endpoints"][0]["interval"] = json!("30s"));
    status(&site.plugin, &[]).assert_check(
        "objects",
        "warning",
        "prometheusrule.monitoring.coreos.com/process-exporter (spec.groups[0].interval, ",
        "--force-conflicts",
    );
}

#[test]
fn a_missing_right_to_try_is_reported_once_something_differs() {
    let site = site();
    let api = site.cluster.api();
    assert_eq!(site.install(&["--wait=false"]).code, 0);
    // All but to ask Prometheus: kube-rbac-proxy remembers for minutes who may, and other tests have the same user.
    let groups = ["", "apps", "networking.k8s.io", "rbac.authorization.k8s.io", "security.openshift.io"];
    let reading = json!([{"apiGroups": groups, "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": ["monitoring.coreos.com"], "resources": ["servicemonitors", "prometheusrules"], "verbs": ["get", "list"]}]);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "reads-all"}, "rules": reading});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "reads-all"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reads-all"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}]});
    let rights = [
        (format!("{RBAC}/clusterroles/reads-all"), role),
        (format!("{RBAC}/clusterrolebindings/reads-all"), binding),
    ];
    rights.iter().for_each(|(path, object)| api.apply(path, &object.to_string()).unwrap());
    let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap();
    let reader = plugin.kubeconfig(test_cluster::shared().kubeconfig(Login::Nobody));
    let asked = || -> Status { status(&reader, &[]) };
    until("the role to hold", Duration::from_secs(10), || {
        anyhow::ensure!(asked().with_status("ok").contains(&"version"));
        Ok(())
    })
    .unwrap();
    // Values that the server writes in its own form need no trial.
    asked().assert_check("objects", "ok", "13 of 13 are there and ours, as install makes them", "");
    api.merge(CONSTRAINTS, &json!({"allowHostIPC": true})).unwrap();
    let found = asked();
    let unknown = "whether these are as install makes them is not known: securitycontextconstraints.security.openshift.io/process-exporter, which takes the right to patch it: ask for it";
    found.assert_check("objects", "skipped", unknown, "");
    assert!(!found.with_status("failed").contains(&"objects"), "{found:?}");
    let mut all = status(&site.plugin, &[]);
    all.assert_check("objects", "warning", "process-exporter (allowHostIPC)", "--force-conflicts");

    // Only some of very many are tried.
    let labels = json!({"metadata": {"labels": {"app.kubernetes.io/version": "0.1.0"}}});
    api.merge(DASHBOARD, &json!({"data": {"process-exporter.json": "{}"}})).unwrap();
    api.merge(MONITOR, &json!({"spec": {"jobLabel": "other"}})).unwrap();
    api.merge(RULE, &json!({"spec": {"groups": []}})).unwrap();
    api.merge(DAEMON_SET, &json!({"spec": {"template": {"spec": {"hostPID": false}}}})).unwrap();
    api.merge(
        &format!("/api/v1{HERE}/services/process-exporter"),
        &json!({"metadata": {"annotations": null}}),
    )
    .unwrap();
    api.merge(
        &format!("/api/v1{HERE}/serviceaccounts/process-exporter"),
        &json!({"automountServiceAccountToken": true}),
    )
    .unwrap();
    api.merge(&format!("{RBAC}{HERE}/roles/process-exporter"), &json!({"rules": []})).unwrap();
    api.merge(DAEMON_SET, &labels).unwrap();
    all = status(&site.plugin, &[]);
    all.assert_check(
        "objects",
        "warning",
        "serviceaccount/process-exporter (automountServiceAccountToken)",
        "--force-conflicts",
    );
    all.assert_check("objects", "warning", "and 1 more, not tried after 6 others", "--force-conflicts");
    rights.iter().for_each(|(path, _)| api.delete(path).unwrap());
}
