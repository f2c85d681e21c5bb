//! The serving certificate: the service CA's, left to it, gone with the Service; or somebody else's Secret in its place.
use crate::site::{SECRET, SERVICE, site};
use serde_json::Value;
use std::time::Duration;
use test_cluster::until;

#[test]
fn the_service_cas_word_on_the_service_is_left_alone_and_its_secret_goes_with_the_service() {
    let site = site();
    let before = site.names();
    assert_eq!(site.install(&[]).code, 0);
    let secret = site.await_certificate();
    assert_eq!(secret["type"], "kubernetes.io/tls");
    let annotations = || site.get(SERVICE)["metadata"]["annotations"].clone();
    let (signed, versions) = (annotations(), site.versions());
    assert_eq!(signed["service.alpha.openshift.io/serving-cert-signed-by"], site.service_ca.name);
    for more in [&[][..], &["--force-conflicts"]] {
        let again = site.install(more);
        assert_eq!(again.code, 0, "{}", again.stderr);
        assert!(again.stdout.contains("nothing changed") && !again.stderr.contains("conflict"), "{again:?}");
        assert_eq!((annotations(), site.versions()), (signed.clone(), versions.clone()));
    }
    let other = site.install(&["--scrape-interval", "30s"]);
    assert_eq!((other.code, annotations()), (0, signed), "{}", other.stderr);
    assert_eq!(site.get(SECRET), secret, "another certificate was issued");

    assert_eq!(site.uninstall().code, 0);
    until("the namespaces to be as before", Duration::from_secs(30), || {
        let names = site.names();
        anyhow::ensure!(names == before, "{names:?}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn somebody_elses_secret_is_warned_of_once_with_the_service_cas_own_words() {
    let site = site();
    site.put_foreign_secret();
    assert_eq!(site.install(&["--wait=false"]).code, 0);
    site.await_surrender();
    let done = site.install(&[]);
    let service = site.get(SERVICE);
    let uid = service["metadata"]["uid"].as_str().unwrap();
    let said = format!(
        "warning: the service CA issues no certificate for service/process-exporter (secret openshift-monitoring/process-exporter-tls does not have corresponding service UID {uid}): see whose "
    );
    // The pods are ready with it, all the same.
    assert_eq!(done.code, 0, "{}", done.stderr);
    let told: Vec<_> = done.stderr.lines().filter(|line| line.starts_with(&said)).collect();
    assert!(
        told.len() == 1 && told[0].contains("with oc -n openshift-monitoring delete secret"),
        "{}",
        done.stderr
    );
    // Objects of others stay.
    assert_eq!(site.uninstall().code, 0);
    let left: Value = site.get(SECRET);
    site.cluster.api().delete(SECRET).unwrap();
    assert!(left["metadata"].get("ownerReferences").is_none(), "{left}");
}
