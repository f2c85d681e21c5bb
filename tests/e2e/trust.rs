//! Whose certificates the way to Prometheus trusts, against real TLS servers: each source of trust by itself, and
//! nothing else.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use test_cluster::{Certificate, Door, Gate, Login, Outcome, Plugin, shared};

use crate::way_in::{
    ask, assert_answered, assert_refused, changed, cluster, logged_in, plugin, prometheus, text,
};

const UNTRUSTED: [&str; 2] = ["authority that is not trusted", "--prometheus-ca FILE"];

/// A gate before the history, which the Route leads to.
fn gate(door: &Door<'_>, name: &str, certificate: Certificate) -> Gate {
    let host = format!("{name}.apps.test.example");
    let gate = shared().start_gate(&host, &prometheus().url, certificate).unwrap();
    door.lead_to_host(&gate.host).unwrap();
    gate
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
    assert_answered("default-ingress-cert", &ask(&logged_in(Login::Viewer), &[]));
    assert_answered("kube-root-ca.crt", &ask(&logged_in(Login::RootCaReader), &[]));
    let reader = logged_in(Login::LoginCaReader);
    assert_refused("oauth-serving-cert, empty", &ask(&reader, &[]), &UNTRUSTED);
    door.publish("oauth-serving-cert", "ca-bundle.crt", &fs::read_to_string(&ingress).unwrap()).unwrap();
    assert_answered("oauth-serving-cert", &ask(&reader, &[]));

    let stranger = || logged_in(Login::Stranger);
    assert_refused("none", &ask(&stranger(), &[]), &UNTRUSTED);
    assert_answered("--prometheus-ca", &ask(&stranger(), &["--prometheus-ca", text(&ingress)]));
    let machine = stranger().variable("SSL_CERT_FILE", &ingress);
    assert_answered("the machine's roots", &ask(&machine, &[]));
    let both = bundle(&machine, &[&api, &ingress]);
    let flag = ["--certificate-authority", text(&both)];
    assert_answered("--certificate-authority", &ask(&stranger(), &flag));
    let filed = plugin();
    let path = changed(&filed, "config", Login::Stranger, |config| {
        config["clusters"][0]["cluster"]["certificate-authority"] = json!(both);
    });
    assert_answered("the kubeconfig's authority", &ask(&filed, &["--kubeconfig", text(&path)]));
    let not_for_the_api = ["--kubeconfig", text(&path), "--insecure-skip-tls-verify"];
    assert_answered("the same, the API server unverified", &ask(&filed, &not_for_the_api));
}

#[test]
fn a_certificate_published_without_its_authority_is_enough_for_itself() {
    let (_, door) = cluster();
    let reader = logged_in(Login::LoginCaReader);
    let gate = gate(&door, "leaf-only", Certificate::Unpublished);
    assert_refused("not published", &ask(&reader, &[]), &UNTRUSTED);
    let leaf = fs::read_to_string(&gate.certificate).unwrap();
    door.publish("oauth-serving-cert", "apps.test.example", &leaf).unwrap();
    assert_answered("published", &ask(&reader, &[]));
    door.lead_to(prometheus()).unwrap();
    assert_refused("another one of its names", &ask(&reader, &[]), &UNTRUSTED);
    let leaf = ["--prometheus-ca", text(&gate.certificate)];
    door.lead_to_host(&gate.host).unwrap();
    assert_answered("by flag", &ask(&logged_in(Login::Stranger), &leaf));
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
        let gate = gate(&door, name, certificate);
        let viewer = logged_in(Login::Viewer);
        let refused = |case: &str, outcome: &Outcome| {
            assert_refused(&format!("{name}, {case}"), outcome, &[said[0], said[1], &gate.host]);
        };
        refused("by route", &ask(&viewer, &[]));
        let address = format!("https://{}", gate.host);
        refused("by address", &ask(&viewer, &["--prometheus", &address]));
        // What loosens the way to the API server loosens nothing here.
        let authorities = logged_in(Login::Viewer).variable("SSL_CERT_FILE", shared().ingress_ca());
        refused("unverified API server", &ask(&authorities, &["--insecure-skip-tls-verify"]));
        if certificate != Certificate::Unpublished {
            // Listed by itself a certificate needs no authority, but its name and time all the same.
            refused("listed itself", &ask(&viewer, &["--prometheus-ca", text(&gate.certificate)]));
        }
        assert_answered("on the user's word", &ask(&viewer, &["--insecure-prometheus"]));
    }
}

#[test]
fn an_unverified_api_server_names_no_authority() {
    let (cluster, _door) = cluster();
    let insecure = ["--insecure-skip-tls-verify"];
    assert_refused("what it publishes", &ask(&logged_in(Login::Viewer), &insecure), &UNTRUSTED);
    let filed = plugin();
    let path = changed(&filed, "config", Login::Viewer, |config| {
        config["clusters"][0]["cluster"] =
            json!({"server": cluster.api().server(), "insecure-skip-tls-verify": true});
    });
    assert_refused("by kubeconfig", &ask(&filed, &["--kubeconfig", text(&path)]), &UNTRUSTED);
}

#[test]
fn the_api_server_is_verified_too() {
    let (cluster, _door) = cluster();
    let (server, viewer) = (cluster.api().server(), logged_in(Login::Viewer));
    let other = ["--certificate-authority", text(cluster.ingress_ca())];
    let authority = ["authority that is not trusted", "--certificate-authority FILE", server];
    assert_refused("another authority", &ask(&viewer, &other), &authority);
    let name = ["--tls-server-name", "api.test.example"];
    assert_refused("another name", &ask(&viewer, &name), &["certificate for another host", server]);
    assert_answered("a name that it has", &ask(&viewer, &["--tls-server-name", "localhost"]));
    let machine = logged_in(Login::Viewer).variable("SSL_CERT_FILE", cluster.api_ca());
    let none = changed(&machine, "config", Login::Viewer, |config| {
        config["clusters"][0]["cluster"] = json!({"server": server});
    });
    assert_answered("by the machine's roots", &ask(&machine, &["--kubeconfig", text(&none)]));
    for (case, pem) in [
        ("an empty file", ""),
        ("a private key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    ] {
        let empty = machine.home().join("empty.crt");
        fs::write(&empty, pem).unwrap();
        let prometheus = ask(&viewer, &["--prometheus-ca", text(&empty)]);
        assert_refused(case, &prometheus, &["--prometheus-ca", text(&empty), "holds no certificate"]);
        let api = ask(&viewer, &["--certificate-authority", text(&empty)]);
        assert_refused(case, &api, &["certificate authority"]);
    }
    let missing = ask(&viewer, &["--prometheus-ca", "missing.crt"]);
    assert_refused("no such file", &missing, &["--prometheus-ca missing.crt", "No such file"]);
}
