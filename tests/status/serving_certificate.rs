//! A serving certificate that the service CA does not issue: seen whatever stands in its place, and healed by the remedy.
use crate::report::{Status, status};
use crate::site::{SECRET, SERVICE, Site, site};
use serde_json::json;
use std::process::Command;
use std::time::Duration;
use test_cluster::{Login, tool, until};

const SAID: &str = "the service CA issues no certificate for service/process-exporter (secret openshift-monitoring/process-exporter-tls does not have corresponding service UID ";
const ERROR: &str = "service.beta.openshift.io/serving-cert-generation-error";

/// Types what the remedy says, to the letter, with kubectl in the place of oc.
fn follow(site: &Site, found: &Status) {
    let remedy = found.remedy("objects");
    let (_, commands) = remedy.split_once(" with ").unwrap();
    for command in commands.split(" && ") {
        let mut words = command.split(' ');
        assert_eq!(words.next(), Some("oc"), "{command}");
        let mut kubectl = Command::new(tool("kubectl").unwrap());
        kubectl.arg("--kubeconfig").arg(site.cluster.kubeconfig(Login::Installer)).args(words);
        let done = kubectl.output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn a_certificate_that_is_not_issued_is_reported_and_the_remedy_has_it_issued() {
    let site = site();
    let asked = || status(&site.plugin, &[]);
    let healed = || {
        until("a certificate to be issued", Duration::from_secs(30), || {
            let found = asked();
            anyhow::ensure!(found.with_status("failed") == ["prometheus"], "{found:?}");
            found.assert_check("objects", "ok", "13 of 13 are there and ours, as install makes them", "");
            Ok(())
        })
        .unwrap();
        site.await_certificate();
    };
    site.put_foreign_secret();
    assert_eq!(site.install(&[]).code, 0);
    site.await_surrender();
    let found = asked();
    assert_eq!((found.code, found.with_status("failed")), (1, vec!["objects", "prometheus"]), "{found:?}");
    found.assert_check("objects", "failed", SAID, "see whose secret/process-exporter-tls is");
    found.assert_check("pods", "ok", "3 of 3 nodes are ready", "");
    follow(&site, &found);
    healed();

    // Others' Secret is gone, and the service CA does not look again by itself.
    assert_eq!(site.uninstall().code, 0);
    until("its secret to be gone", Duration::from_secs(30), || {
        anyhow::ensure!(!site.has(SECRET));
        Ok(())
    })
    .unwrap();
    site.put_foreign_secret();
    assert_eq!(site.install(&[]).code, 0);
    site.await_surrender();
    site.cluster.api().delete(SECRET).unwrap();
    let found = asked();
    found.assert_check("objects", "failed", SAID, "delete secret process-exporter-tls --ignore-not-found");
    // Half of what it says does not help: the number is of two stages.
    let half = json!({"metadata": {"annotations": {ERROR: null, format!("{ERROR}-num"): null}}});
    site.cluster.api().merge(SERVICE, &half).unwrap();
    asked().assert_check("objects", "failed", SAID, "delete secret");
    follow(&site, &found);
    healed();

    // Whatever words it has, they are one line that no terminal obeys.
    let words = json!({"metadata": {"annotations": {ERROR: "no\u{1b}[2J\nway"}}});
    site.cluster.api().merge(SERVICE, &words).unwrap();
    asked().assert_check("objects", "failed", "service/process-exporter (no [2J way)", "see whose");
    let table = site.plugin.run(["status"]).unwrap();
    assert!(
        table.stdout.contains("(no [2J way): see whose") && !table.stdout.contains('\u{1b}'),
        "{table:?}"
    );
}
