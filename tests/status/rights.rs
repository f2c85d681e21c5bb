//! Users who may see less than there is.
use crate::report::status;
use crate::scraped::{Rules, scraped};
use crate::site::site;
use test_cluster::{Login, Plugin};

fn plugin(login: Login) -> Plugin {
    let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap();
    plugin.kubeconfig(test_cluster::shared().kubeconfig(login))
}

#[test]
fn what_may_not_be_seen_is_skipped_and_says_the_right() {
    let site = site();
    assert_eq!(site.install(&["--wait=false"]).code, 0);
    let scraped = scraped(&site, "seen", Rules::All, 3);
    scraped.await_data();
    let door = site.cluster.door();
    door.lead_to(&scraped.prometheus).unwrap();

    // The pods' rules are first evaluated within half a minute.
    let viewer = status(&plugin(Login::Viewer), &["--wait"]);
    assert_eq!(viewer.code, 0, "{viewer:?}");
    assert_eq!(viewer.those("skipped"), ["objects", "version", "image", "pods", "rights"]);
    let right = "the right to get daemonsets.apps in openshift-monitoring: ask for it";
    viewer.has("objects", "skipped", "the right to get securitycontextconstraints.security.openshift.io \"process-exporter\": ask for it (and 9 more likewise)", "");
    viewer.has("version", "skipped", right, "");
    viewer.has("pods", "skipped", right, "");
    viewer.has("rights", "skipped", "the right to create subjectaccessreviews.authorization.k8s.io", "");
    viewer.has("prometheus", "ok", "it answers at https://seen-openshift-monitoring.apps.test.example", "");
    viewer.has("targets", "ok", "3 of 3 nodes are scraped", "");
    assert!(!viewer.those("ok").is_empty() && viewer.those("failed").is_empty(), "{viewer:?}");

    let nobody = status(&plugin(Login::Nobody), &[]);
    assert_eq!(nobody.code, 1);
    assert_eq!(nobody.those("failed"), ["prometheus"]);
    nobody.has(
        "prometheus",
        "failed",
        "ask for the cluster role cluster-monitoring-view",
        "top cannot ask it either",
    );
    let unknown = plugin(Login::WrongToken).run(["status"]).unwrap();
    assert!(unknown.code == 1 && unknown.stdout.is_empty(), "{unknown:?}");
    assert!(unknown.stderr.contains("(401): log in again with oc login"), "{unknown:?}");
}
