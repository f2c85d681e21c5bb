//! Certificates that the way to Prometheus trusts, against real TLS servers: each source of trust by itself, and
//! nothing else.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use test_cluster::{Certificate, Door, Gateway, Login, Outcome, Plugin, shared};

use crate::way_in::{
    assert_refused, assert_reported, changed, cluster, logged_in, plugin, prometheus, run_top, text,
};

const UNTRUSTED: [&str; 2] = ["authority that is not trusted", "--prometheus-ca FILE"];

/// A gateway before the history, which the Route leads to.
fn gateway(door: &Door<'_>, name: &str, certificate: Certificate) -> Gateway {
    let host = format!("{name}.apps.test.example");
    let gateway = shared().start_gateway(&host, &prometheus().url, certificate).unwrap();
    door.lead_to_host(&gateway.host).unwrap();
    gateway
}

/// A PEM file in the plugin's home that holds all of these files.
fn bundle(plugin: &Plugin, files: &[&PathBuf]) -> PathBuf {
    let path = plugin.home().join("bundle.crt");
    fs::write(&path, files.iter().map(|file| fs::read_to_string(file).unwrap()).collect::<String>()).unwrap();
    path
}

#[test]
fn each_source_of_trust_is_enough() {
    let (cluster, door) = cluster();
    let (ingress, api) = (cluster.ingress_ca().to_owned(), cluster.api_ca().to_owned());
    assert_reported("default-ingress-cert", &run_top(&logged_in(Login::Viewer), &[]));
    assert_reported("kube-root-ca.crt", &run_top(&logged_in(Login::RootCaReader), &[]));
    let reader = logged_in(Login::LoginCaReader);
    assert_refused("oauth-serving-cert, empty", &run_top(&reader, &[]), &UNTRUSTED);
    door.publish("oauth-serving-cert", "ca-bundle.crt", &fs::read_to_string(&ingress).unwrap()).unwrap();
    assert_reported("oauth-serving-cert", &run_top(&reader, &[]));

    let stranger = || logged_in(Login::Stranger);
    assert_refused("none", &run_top(&stranger(), &[]), &UNTRUSTED);
    assert_reported("--prometheus-ca", &run_top(&stranger(), &["--prometheus-ca", text(&ingress)]));
    let machine = stranger().variable("SSL_CERT_FILE", &ingress);
    assert_reported("the machine's roots", &run_top(&machine, &[]));
    let both = bundle(&machine, &[&api, &ingress]);
    let flag = ["--certificate-authority", text(&both)];
    assert_reported("--certificate-authority", &run_top(&stranger(), &flag));
    let filed = plugin();
    let path = changed(&filed, "config", Login::Stranger, |config| {
        config["clusters"][0]["cluster"]["certificate-authority"] = json!(both);
    });
    assert_reported("the kubeconfig's authority", &run_top(&filed, &["--kubeconfig", text(&path)]));
    let not_for_the_api = ["--kubeconfig", text(&path), "--insecure-skip-tls-verify"];
    assert_reported("the same, the API server unverified", &run_top(&filed, &not_for_the_api));
}

#[test]
fn a_certificate_published_without_its_authority_is_enough_for_itself() {
    let (_, door) = cluster();
    let reader = logged_in(Login::LoginCaReader);
    let gateway = gateway(&door, "leaf-only", Certificate::Unpublished);
    assert_refused("not published", &run_top(&reader, &[]), &UNTRUSTED);
    let leaf = fs::read_to_string(&gateway.certificate).unwrap();
    door.publish("oauth-serving-cert", "apps.test.example", &leaf).unwrap();
    assert_reported("published", &run_top(&reader, &[]));
    door.lead_to(prometheus()).unwrap();
    assert_refused("another one of its names", &run_top(&reader, &[]), &UNTRUSTED);
    let leaf = ["--prometheus-ca", text(&gateway.certificate)];
    door.lead_to_host(&gateway.host).unwrap();
    assert_reported("by flag", &run_top(&logged_in(Login::Stranger), &leaf));
}

#[test]
fn what_no_source_covers_is_refused() {
    let (_, door) = cluster();
    for (certificate, name, said) in [
        (Certificate::Unpublished, "unpublished", UNTRUSTED),
        (Certificate::Expired, "expired", ["has an expired certificate", "clock"]),
        (Certificate::Early, "early", ["not valid yet", "clock"]),
        (
            Certificate::ForAnother,
            "for-another",
            ["certificate for another host (another.apps.test.example)", "check the address"],
        ),
    ] {
        let gateway = gateway(&door, name, certificate);
        let viewer = logged_in(Login::Viewer);
        let refused = |case: &str, outcome: &Outcome| {
            assert_refused(&format!("{name}, {case}"), outcome, &[said[0], said[1], &gateway.host]);
        };
        refused("by route", &run_top(&viewer, &[]));
        let address = format!("https://{}", gateway.host);
        refused("by address", &run_top(&viewer, &["--prometheus", &address]));
        // Flags that loosen the way to the API server loosen nothing here.
        let authorities = logged_in(Login::Viewer).variable("SSL_CERT_FILE", shared().ingress_ca());
        refused("unverified API server", &run_top(&authorities, &["--insecure-skip-tls-verify"]));
        if certificate != Certificate::Unpublished {
            // Listed by itself a certificate needs no authority, but its name and time all the same.
            refused("listed itself", &run_top(&viewer, &["--prometheus-ca", text(&gateway.certificate)]));
        }
        assert_reported("on the user's word", &run_top(&viewer, &["--insecure-prometheus"]));
    }
}

#[test]
fn an_unverified_api_server_names_no_authority() {
    let (cluster, _door) = cluster();
    let insecure = ["--insecure-skip-tls-verify"];
    assert_refused("what it publishes", &run_top(&logged_in(Login::Viewer), &insecure), &UNTRUSTED);
    let filed = plugin();
    let path = changed(&filed, "config", Login::Viewer, |config| {
        config["clusters"][0]["cluster"] =
            json!({"server": cluster.api().server(), "insecure-skip-tls-verify": true});
    });
    assert_refused("by kubeconfig", &run_top(&filed, &["--kubeconfig", text(&path)]), &UNTRUSTED);
}

#[test]
fn the_api_server_is_verified_too() {
    let (cluster, _door) = cluster();
    let (server, viewer) = (cluster.api().server(), logged_in(Login::Viewer));
    let other = ["--certificate-authority", text(cluster.ingress_ca())];
    let authority = ["authority that is not trusted", "--certificate-authority FILE", server];
    assert_refused("another authority", &run_top(&viewer, &other), &authority);
    let name = ["--tls-server-name", "api.test.example"];
    assert_refused("another name", &run_top(&viewer, &name), &["certificate for another host", server]);
    assert_reported("a name that it has", &run_top(&viewer, &["--tls-server-name", "localhost"]));
    let machine = logged_in(Login::Viewer).variable("SSL_CERT_FILE", cluster.api_ca());
    let none = changed(&machine, "config", Login::Viewer, |config| {
        config["clusters"][0]["cluster"] = json!({"server": server});
    });
    assert_reported("by the machine's roots", &run_top(&machine, &["--kubeconfig", text(&none)]));
    for (case, pem) in [
        ("an empty file", ""),
        ("a private key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    ] {
        let empty = machine.home().join("empty.crt");
        fs::write(&empty, pem).unwrap();
        let prometheus = run_top(&viewer, &["--prometheus-ca", text(&empty)]);
        assert_refused(case, &prometheus, &["--prometheus-ca", text(&empty), "holds no certificate"]);
        let api = run_top(&viewer, &["--certificate-authority", text(&empty)]);
        assert_refused(case, &api, &["certificate authority"]);
    }
    let missing = run_top(&viewer, &["--prometheus-ca", "missing.crt"]);
    assert_refused("no such file", &missing, &["--prometheus-ca missing.crt", "No such file"]);
}
