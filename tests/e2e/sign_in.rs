//! oauth-proxy in front of Prometheus, as in OpenShift 4.12 to 4.15: whoever is refused gets a page to sign in, and one is
//! enough to know.

use std::time::Duration;

use serde_json::json;
use test_cluster::{Login, OauthProxy, Outcome, shared, until};

use crate::way_in::{assert_refused, assert_reported, cluster, logged_in, plugin, prometheus, run_top, text};

const BOUND: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/somebody-may-query";

/// Refused in one line without a word of the page, after one request with this token, to nowhere else.
fn assert_one_request(case: &str, outcome: &Outcome, proxy: &OauthProxy, token: Option<&str>, said: &[&str]) {
    let url = format!("error: https://{} answered with a sign-in page (403)", proxy.host);
    assert_refused(case, outcome, &[&[url.as_str()], said].concat());
    for part in ["<", "Log", "d09GR", "oauth/start", "cookie"] {
        assert!(!outcome.stderr.contains(part), "{case}: {part}: {}", outcome.stderr);
    }
    let requests = proxy.requests();
    assert_eq!(requests.len(), 1, "{case}: {requests:#?}");
    assert_eq!(requests[0].token.as_deref(), token, "{case}");
    assert!(requests[0].path.starts_with("/api/v1/"), "{case}: {}", requests[0].path);
}

#[test]
fn a_refused_user_learns_of_the_page_after_one_request() {
    let (cluster, door) = cluster();
    let proxy = cluster.start_oauth_proxy("sign-in.apps.test.example", &prometheus().url).unwrap();
    door.lead_to_host(&proxy.host).unwrap();
    let role = "ask for the cluster role cluster-monitoring-view";
    let again = ["log in again with oc login", role];
    let nobody = logged_in(Login::Nobody);
    let token = Login::Nobody.token();
    assert_one_request("without the right", &run_top(&nobody, &[]), &proxy, token, &again);
    let watched = nobody.run(["top", "--watch", "-o", "json"]).unwrap();
    assert_one_request("watched", &watched, &proxy, token, &again);

    let (url, ca) = (format!("https://{}", proxy.host), text(cluster.ingress_ca()).to_owned());
    let named = ["--prometheus", &url, "--prometheus-ca", &ca];
    let wrong = Login::WrongToken;
    assert_one_request("wrong", &run_top(&logged_in(wrong), &named), &proxy, wrong.token(), &again);
    let without = run_top(&logged_in(Login::NoUser), &named);
    assert_one_request(
        "without a token",
        &without,
        &proxy,
        None,
        &["was sent no token", "oc login, or pass --token"],
    );

    // The same proxy admits a user with the right.
    assert_reported("with the right", &run_top(&logged_in(Login::Viewer), &[]));
    let requests = proxy.requests();
    assert!(
        requests.iter().all(|request| request.token.as_deref() == Login::Viewer.token()),
        "{requests:#?}"
    );
}

#[test]
fn the_cluster_role_that_the_error_names_is_enough() {
    let (cluster, _door) = cluster();
    let api = shared().api();
    let proxy = cluster.start_oauth_proxy("granted.apps.test.example", &prometheus().url).unwrap();
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "somebody"}});
    let path = "/api/v1/namespaces/shop/serviceaccounts/somebody";
    api.apply(path, &account.to_string()).unwrap();
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let made = api.create(&format!("{path}/token"), &request).unwrap();
    let token = made["status"]["token"].as_str().unwrap();
    let (url, ca) = (format!("https://{}", proxy.host), text(cluster.ingress_ca()).to_owned());
    let asked = || run_top(&plugin(), &["--prometheus", &url, "--prometheus-ca", &ca, "--token", token]);
    assert_one_request("not yet", &asked(), &proxy, Some(token), &["cluster role cluster-monitoring-view"]);
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "somebody-may-query"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-monitoring-view"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "shop", "name": "somebody"}]});
    api.apply(BOUND, &binding.to_string()).unwrap();
    let let_in = until("the role to hold", Duration::from_secs(30), || {
        let outcome = asked();
        anyhow::ensure!(outcome.code == 0, "{}", outcome.stderr);
        Ok(outcome)
    });
    api.delete(BOUND).unwrap();
    assert_reported("granted", &let_in.unwrap());
}
