//! The exporter speaks no older TLS than the cluster's administrators want.
use crate::site::{DAEMON_SET, HERE, Site, site};
use serde_json::{Value, json};
use test_cluster::Login;

const PROFILE: &str = "/apis/config.openshift.io/v1/apiservers/cluster";

/// The lowest version that the installed exporter is told to speak.
fn lowest(site: &Site) -> String {
    let set = site.get(DAEMON_SET);
    let arguments = set["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().clone();
    let mut arguments = arguments.iter().filter_map(Value::as_str);
    arguments.find_map(|argument| argument.strip_prefix("--web.tls-min-version=")).unwrap().to_owned()
}

#[test]
fn the_lowest_version_is_that_of_the_clusters_profile() {
    let site = site();
    site.cluster.serve("config.openshift.io", "v1", "apiservers").unwrap();
    let api = site.cluster.api();
    let ciphers = ["TLS_AES_128_GCM_SHA256"];
    for (spec, expected) in [
        (json!({}), "VersionTLS12"),
        (json!({"tlsSecurityProfile": {"type": "Intermediate", "intermediate": {}}}), "VersionTLS12"),
        (json!({"tlsSecurityProfile": {"type": "Modern", "modern": {}}}), "VersionTLS13"),
        (json!({"tlsSecurityProfile": {"type": "Old", "old": {}}}), "VersionTLS12"),
        (
            json!({"tlsSecurityProfile": {"type": "Custom", "custom": {"ciphers": ciphers, "minTLSVersion": "VersionTLS13"}}}),
            "VersionTLS13",
        ),
    ] {
        let object = json!({"apiVersion": "config.openshift.io/v1", "kind": "APIServer", "metadata": {"name": "cluster"},
            "spec": spec});
        api.apply(PROFILE, &object.to_string()).unwrap();
        let done = site.install(&["--wait=false"]);
        assert_eq!(done.code, 0, "{done:?}");
        assert_eq!(lowest(&site), expected, "{spec}");
    }
    // Arguments from the profile are no edit by somebody.
    let objects = site.checked("objects");
    assert_eq!(objects["status"], "ok", "{objects}");
    api.delete(PROFILE).unwrap();
}

/// Without the right to see the profile, that is said, and the usual version holds, or that which is installed.
#[test]
fn a_profile_that_may_not_be_seen_is_noted() {
    let site = site();
    site.cluster.serve("config.openshift.io", "v1", "apiservers").unwrap();
    let api = site.cluster.api();
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "all-but-the-profile"},
    "rules": [
        {"apiGroups": ["", "apps", "rbac.authorization.k8s.io", "security.openshift.io", "networking.k8s.io"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": ["monitoring.coreos.com"], "resources": ["servicemonitors", "prometheusrules"], "verbs": ["*"]},
    ]});
    api.apply(&format!("{rbac}/clusterroles/all-but-the-profile"), &role.to_string()).unwrap();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "all-but-the-profile"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "all-but-the-profile"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": Login::Nobody.name()}]});
    let path = format!("{rbac}/clusterrolebindings/all-but-the-profile");
    api.apply(&path, &binding.to_string()).unwrap();
    let somebody = test_cluster::Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap();
    let somebody = somebody.kubeconfig(site.cluster.kubeconfig(Login::Nobody));
    test_cluster::until("the rights to hold", std::time::Duration::from_secs(30), || {
        let status = api.get_as(&format!("/api/v1{HERE}/services"), Login::Nobody.token())?;
        anyhow::ensure!(status == 200, "{status}");
        Ok(())
    })
    .unwrap();
    let done = site.run_as(&somebody, &["--wait=false"]);
    let first = lowest(&site);
    // A user who may read the profile applies it. One who may not leaves it as it is.
    let modern = json!({"apiVersion": "config.openshift.io/v1", "kind": "APIServer", "metadata": {"name": "cluster"},
        "spec": {"tlsSecurityProfile": {"type": "Modern", "modern": {}}}});
    api.apply(PROFILE, &modern.to_string()).unwrap();
    assert_eq!(site.install(&["--wait=false"]).code, 0);
    let again = site.run_as(&somebody, &["--wait=false"]);
    api.delete(PROFILE).unwrap();
    // The tests after this one count on nobody's having no rights.
    api.delete(&path).unwrap();
    assert_eq!(done.code, 0, "{done:?}");
    let noted =
        "the cluster's TLS profile is not known, which takes the right to get apiservers.config.openshift.io";
    assert!(done.stderr.contains(noted), "{done:?}");
    assert_eq!((first.as_str(), lowest(&site).as_str()), ("VersionTLS12", "VersionTLS13"));
    assert!(again.code == 0 && again.stderr.contains("the exporter speaks TLS 1.3 and above"), "{again:?}");
}
