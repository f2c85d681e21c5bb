//! Servers' certificates of every kind, and lists of what is trusted.
use crate::trial::{Case, End, count, folder, kubeconfig, text, token, try_all};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use test_cluster::{GoCertificate, shared};

fn host(name: &str) -> String {
    format!("{name}.trial.test")
}

/// An authority with this kind of key.
fn authority(name: &str, key: &str) -> GoCertificate {
    GoCertificate { name: name.into(), key: key.into(), authority: true, ..GoCertificate::default() }
}

/// A server's certificate, for a host of its own.
fn server(name: &str, key: &str, issuer: &str, signature: &str) -> GoCertificate {
    GoCertificate {
        name: name.into(),
        key: key.into(),
        issuer: issuer.into(),
        signature: signature.into(),
        hosts: vec![host(name)],
        ..GoCertificate::default()
    }
}

fn authorities() -> Vec<GoCertificate> {
    let mut all: Vec<_> = ["rsa2048", "rsa4096", "p256", "p384", "p521", "ed25519"]
        .iter()
        .map(|key| authority(&format!("ca-{key}"), key))
        .collect();
    all.push(GoCertificate { version1: true, ..authority("ca-version1", "p256") });
    all.push(GoCertificate { issuer: "ca-p256".into(), ..authority("ca-between", "p256") });
    all.push(GoCertificate { expired: true, ..authority("ca-expired", "p256") });
    all
}

/// Every key with every hash that Go takes, by the authority that signs so.
fn algorithms() -> Vec<GoCertificate> {
    let mut all = Vec::new();
    for hash in ["SHA256", "SHA384", "SHA512"] {
        for (form, key) in [("RSA", "rsa2048"), ("RSAPSS", "rsa2048"), ("RSA", "rsa4096")] {
            let name = format!("{key}-{form}-{hash}").to_lowercase();
            all.push(server(&name, key, &format!("ca-{key}"), &format!("{hash}-{form}")));
        }
        for key in ["p256", "p384", "p521"] {
            let name = format!("{key}-{hash}").to_lowercase();
            all.push(server(&name, key, &format!("ca-{key}"), &format!("ECDSA-{hash}")));
        }
    }
    all.push(server("ed25519-by-itself", "ed25519", "ca-ed25519", "Ed25519"));
    all.push(server("ed25519-by-rsa", "ed25519", "ca-rsa2048", ""));
    all.push(server("p521-by-rsa", "p521", "ca-rsa2048", ""));
    all.push(server("rsa-by-p521", "rsa2048", "ca-p521", ""));
    all
}

/// Certificate of the server, and names of the trusted ones; `true`: by its whole list of authorities.
fn others() -> Vec<(GoCertificate, Vec<&'static str>)> {
    let itself = |name: &str, key: &str| server(name, key, "", "");
    let expired = |certificate: GoCertificate| GoCertificate { expired: true, ..certificate };
    let marked = |certificate: GoCertificate| GoCertificate { authority: true, ..certificate };
    let elsewhere =
        |certificate: GoCertificate| GoCertificate { hosts: vec![host("elsewhere")], ..certificate };
    vec![
        (server("by-version1", "p256", "ca-version1", ""), vec!["ca-version1"]),
        (server("by-one-between", "p256", "ca-between", ""), vec!["ca-between"]),
        (server("by-another", "p256", "ca-p384", ""), vec!["ca-p256"]),
        (server("among-many", "p256", "ca-p384", ""), vec!["ca-p256", "ca-rsa2048", "ca-p384"]),
        (server("by-an-expired-one", "p256", "ca-expired", ""), vec!["ca-expired"]),
        (server("listed", "p256", "ca-p256", ""), vec!["listed"]),
        (server("listed-p521", "p521", "ca-p521", ""), vec!["listed-p521"]),
        (itself("by-itself", "p256"), vec!["by-itself"]),
        (itself("by-itself-p521", "p521"), vec!["by-itself-p521"]),
        (itself("by-itself-rsa", "rsa2048"), vec!["by-itself-rsa"]),
        (marked(itself("marked", "p256")), vec!["marked"]),
        (marked(itself("marked-p521", "p521")), vec!["marked-p521"]),
        (itself("by-itself-unlisted", "p256"), vec!["ca-p256"]),
        (marked(itself("marked-unlisted", "p256")), vec!["ca-p256"]),
        (expired(server("expired", "p256", "ca-p256", "")), vec!["ca-p256"]),
        (expired(server("expired-and-listed", "p256", "ca-p256", "")), vec!["expired-and-listed"]),
        (expired(marked(itself("expired-and-marked", "p256"))), vec!["expired-and-marked"]),
        (elsewhere(server("of-another-host", "p256", "ca-p256", "")), vec!["ca-p256"]),
        (
            elsewhere(server("of-another-host-and-listed", "p256", "ca-p256", "")),
            vec!["of-another-host-and-listed"],
        ),
        // A server's certificate vouches for no other server.
        (server("by-a-listed-server", "p256", "by-itself", ""), vec!["by-itself"]),
        (server("sha1", "rsa2048", "ca-rsa2048", "SHA1-RSA"), vec!["ca-rsa2048"]),
        (server("sha1-ecdsa", "p256", "ca-p256", "ECDSA-SHA1"), vec!["ca-p256"]),
        (server("sha1-and-listed", "rsa2048", "ca-rsa2048", "SHA1-RSA"), vec!["sha1-and-listed"]),
    ]
}

/// Several PEM files in one, where the first of them says.
fn bundle(folder: &Path, file: &str, names: &[&str]) -> String {
    let text = |name: &&str| fs::read_to_string(folder.join(format!("{name}.crt"))).unwrap();
    let path = folder.join(file);
    fs::write(&path, names.iter().map(text).collect::<String>()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn servers_certificates() {
    let folder = folder();
    let algorithms = algorithms();
    let others = others();
    let shown: Vec<GoCertificate> =
        algorithms.iter().cloned().chain(others.iter().map(|(shown, _)| shown.clone())).collect();
    GoCertificate::make(&[authorities(), shown.clone()].concat(), &folder).unwrap();
    let hosts: Vec<_> = shown.iter().map(|one| (host(&one.name), one.files(&folder))).collect();
    let server = shared().start_api_server("trial-api", &hosts, shared().api_ca()).unwrap();
    let url = format!("https://127.0.0.1:{}", server.port);
    let user = json!({"token": token()});
    let case = |shown: &GoCertificate, trusted: &str| {
        let cluster =
            json!({"server": url, "tls-server-name": host(&shown.name), "certificate-authority": trusted});
        Case::new(shown.name.clone(), &kubeconfig(&cluster, &user))
    };
    let mut cases: Vec<Case> = algorithms
        .iter()
        .map(|shown| case(shown, &bundle(&folder, &format!("{}.ca", shown.name), &[&shown.issuer])))
        .collect();
    let known = cases.len();
    for (shown, trusted) in &others {
        cases.push(case(shown, &bundle(&folder, &format!("{}.ca", shown.name), trusted)));
    }
    // Nobody is named: this machine's own authorities, which know none of these.
    let nobody = json!({"server": url, "tls-server-name": host("listed")});
    cases.push(Case::new("nobody is named", &kubeconfig(&nobody, &user)));
    let unverified = |extra: &str| {
        let cluster: Value =
            json!({"server": url, "tls-server-name": host(extra), "insecure-skip-tls-verify": true});
        Case::new(format!("unverified {extra}"), &kubeconfig(&cluster, &user))
    };
    cases.extend(["expired", "sha1", "p521-sha512", "marked-unlisted"].map(unverified));
    let ends = try_all(&cases);
    assert_eq!(count(&ends[..known], End::Connected), known, "what Go signs and takes");
    assert!(count(&ends, End::Connected) > known + 10 && count(&ends, End::Refused) > 8, "{ends:?}");
    let _ = text(&folder);
}
