//! Users who may see less than there is.
use crate::report::status;
use crate::scrape::{Rules, start_scrape};
use crate::site::{HERE, site};
use serde_json::json;
use std::time::Duration;
use test_cluster::{Login, Plugin, until};

fn plugin(login: Login) -> Plugin {
    let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap();
    plugin.kubeconfig(test_cluster::shared().kubeconfig(login))
}

#[test]
fn what_may_not_be_seen_is_skipped_and_says_the_right() {
    let site = site();
    assert_eq!(site.install(&["--wait=false"]).code, 0);
    let scrape = start_scrape(&site, "seen", Rules::All, 3);
    scrape.await_data();
    let door = site.cluster.door();
    door.lead_to(&scrape.prometheus).unwrap();

    // The pods' rules are first evaluated within half a minute.
    let viewer = status(&plugin(Login::Viewer), &["--wait", "-v"]);
    assert_eq!(viewer.code, 0, "{viewer:?}");
    // Its token went to both servers, and is in no line about that.
    let requests = |server: &str| viewer.stderr.lines().filter(|line| line.contains(server)).count();
    assert!(requests("/api/v1/query ") > 3 && requests("/apis/") > 3, "{}", viewer.stderr);
    assert!(!viewer.stderr.contains("sha256~"), "{}", viewer.stderr);
    assert_eq!(
        viewer.with_status_except_attributed("skipped"),
        ["objects", "version", "image", "constraints", "pods", "rights"]
    );
    let right = "the right to get daemonsets.apps \"process-exporter\" in openshift-monitoring: ask for it";
    viewer.assert_check("objects", "skipped", "the right to get securitycontextconstraints.security.openshift.io \"process-exporter\": ask for it (and 10 more likewise)", "");
    viewer.assert_check("version", "skipped", right, "");
    viewer.assert_check("pods", "skipped", right, "");
    viewer.assert_check(
        "rights",
        "skipped",
        "the right to create subjectaccessreviews.authorization.k8s.io",
        "",
    );
    viewer.assert_check(
        "prometheus",
        "ok",
        "it responds at https://seen-openshift-monitoring.apps.test.example",
        "",
    );
    viewer.assert_check("targets", "ok", "3 of 3 nodes are scraped", "");
    assert!(!viewer.with_status("ok").is_empty() && viewer.with_status("failed").is_empty(), "{viewer:?}");

    let nobody = status(&plugin(Login::Nobody), &[]);
    assert_eq!(nobody.code, 1);
    assert_eq!(nobody.with_status("failed"), ["prometheus"]);
    nobody.assert_check("prometheus", "failed", "it cannot be queried: user \"nobody\" may not query", "");
    nobody.assert_check("prometheus", "failed", "ask for the cluster role cluster-monitoring-view", "");
    let unknown = plugin(Login::WrongToken).run(["status"]).unwrap();
    assert!(unknown.code == 1 && unknown.stdout.is_empty(), "{unknown:?}");
    assert!(unknown.stderr.contains("(401): log in again with oc login"), "{unknown:?}");
}

#[test]
fn the_sign_in_page_of_older_releases_is_reported_after_one_request() {
    let site = site();
    assert_eq!(site.install(&["--wait=false"]).code, 0);
    let scrape = start_scrape(&site, "signed", Rules::All, 3);
    scrape.await_data();
    let door = site.cluster.door();
    let host = "sign-in.apps.test.example";
    let proxy = site.cluster.start_oauth_proxy(host, &scrape.prometheus.url).unwrap();
    door.lead_to_host(host).unwrap();
    let nobody = status(&plugin(Login::Nobody), &[]);
    let said = format!(
        "it cannot be queried: https://{host} answered with a sign-in page (403): log in again with oc login, or ask for the cluster role cluster-monitoring-view"
    );
    nobody.assert_check("prometheus", "failed", &said, "");
    assert!(nobody.code == 1 && nobody.with_status("failed") == ["prometheus"], "{nobody:?}");
    assert!(!format!("{nobody:?}").contains("Log"), "a part of the page: {nobody:?}");
    let requests = proxy.requests();
    assert!(requests.len() == 1 && requests[0].token.as_deref() == Login::Nobody.token(), "{requests:#?}");
    status(&plugin(Login::Viewer), &[]).assert_check(
        "prometheus",
        "ok",
        &format!("it responds at https://{host}"),
        "",
    );
}

#[test]
fn with_a_part_of_the_rights_a_part_is_seen() {
    let site = site();
    assert_eq!(site.install(&[]).code, 0);
    let api = site.cluster.api();
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/openshift-monitoring";
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "part"},
        "rules": [{"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["get"]}]});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "part"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "part"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}]});
    let objects = [(format!("{rbac}/roles/part"), role), (format!("{rbac}/rolebindings/part"), binding)];
    objects.iter().for_each(|(path, object)| api.apply(path, &object.to_string()).unwrap());
    let nobody = plugin(Login::Nobody);
    until("the role to hold", Duration::from_secs(10), || {
        let found = status(&nobody, &[]);
        anyhow::ensure!(found.with_status("ok") == ["version", "image", "pods"], "{found:?}");
        Ok(())
    })
    .unwrap();
    status(&nobody, &[]).assert_check(
        "objects",
        "skipped",
        "1 are there and ours; securitycontextconstraints",
        "",
    );

    let pods = site.get(&format!("/api/v1{HERE}/pods?labelSelector=app.kubernetes.io/name=process-exporter"));
    let name = pods["items"][0]["metadata"]["name"].as_str().unwrap();
    let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    api.merge(&format!("/api/v1{HERE}/pods/{name}/status"), &unready).unwrap();
    until("the pod to be missed", Duration::from_secs(10), || {
        anyhow::ensure!(status(&nobody, &[]).with_status("failed").contains(&"pods"));
        Ok(())
    })
    .unwrap();
    let blind = "ask for the right to list pods in openshift-monitoring and to list events in openshift-monitoring and to list nodes, which shows why";
    status(&nobody, &[]).assert_check("pods", "failed", "2 of 3 nodes are ready", blind);
    let all = status(&site.plugin, &[]);
    all.assert_check(
        "pods",
        "failed",
        "its pod is not ready yet",
        "oc -n openshift-monitoring describe pods",
    );
    objects.iter().for_each(|(path, _)| api.delete(path).unwrap());
}
