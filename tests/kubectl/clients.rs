//! Clients' certificates and keys, of every kind and in every form.
use crate::trial::{Case, End, cluster, count, folder, kubeconfig, token, try_all};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::fs;
use test_cluster::{GoCertificate, Pair, shared};

fn client(name: &str, key: &str, form: &str) -> GoCertificate {
    GoCertificate {
        name: name.into(),
        key: key.into(),
        key_form: form.into(),
        issuer: "clients".into(),
        common: "by-certificate".into(),
        client: true,
        ..GoCertificate::default()
    }
}

#[test]
fn clients_certificates() {
    let folder = folder();
    let authority = |name: &str| GoCertificate {
        name: name.into(),
        key: "p256".into(),
        authority: true,
        ..GoCertificate::default()
    };
    let good = [
        ("rsa2048", "pkcs8"),
        ("rsa2048", "pkcs1"),
        ("rsa4096", "pkcs1"),
        ("p256", "pkcs8"),
        ("p256", "sec1"),
        ("p384", "pkcs8"),
        ("p384", "sec1"),
        ("p521", "pkcs8"),
        ("p521", "sec1"),
        ("ed25519", "pkcs8"),
    ]
    .map(|(key, form)| client(&format!("client-{key}-{form}"), key, form));
    let expired = GoCertificate { expired: true, ..client("client-expired", "p256", "pkcs8") };
    let foreign = GoCertificate { issuer: "others".into(), ..client("client-foreign", "p256", "pkcs8") };
    let own = [authority("clients"), authority("others")];
    GoCertificate::make(&[&own[..], &good, &[expired.clone(), foreign.clone()]].concat(), &folder).unwrap();
    let server = shared().start_api_server("clients-api", &[], &folder.join("clients.crt")).unwrap();
    token();
    let cluster = json!({"server": format!("https://127.0.0.1:{}", server.port),
        "certificate-authority": cluster()["certificate-authority"]});
    let files = |one: &GoCertificate| {
        let Pair { certificate, key } = one.files(&folder);
        json!({"client-certificate": certificate, "client-key": key})
    };
    let read = |path: &Value| fs::read_to_string(path.as_str().unwrap()).unwrap();
    let case = |name: &str, user: &Value| Case::new(name, &kubeconfig(&cluster, user));
    let mut cases: Vec<Case> = good.iter().map(|one| case(&one.name, &files(one))).collect();
    for one in &good {
        let user = files(one);
        let data = json!({"client-certificate-data": BASE64.encode(read(&user["client-certificate"])),
            "client-key-data": BASE64.encode(read(&user["client-key"]))});
        cases.push(case(&format!("{} as data", one.name), &data));
    }
    let known = cases.len();
    let (first, second) = (files(&good[3]), files(&good[5]));
    let written = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = (read(&first["client-certificate"]), read(&first["client-key"]));
    let with = |certificate: &str, key: &str| json!({"client-certificate": written("c.crt", certificate), "client-key": written("c.key", key)});
    cases.extend([
        case("expired", &files(&expired)),
        case("of another authority", &files(&foreign)),
        case(
            "another's key",
            &json!({"client-certificate": first["client-certificate"], "client-key": second["client-key"]}),
        ),
        case("a certificate without a key", &json!({"client-certificate": first["client-certificate"]})),
        case(
            "a certificate that is not there",
            &json!({"client-certificate": "/gone", "client-key": first["client-key"]}),
        ),
        case(
            "a key that is not there",
            &json!({"client-certificate": first["client-certificate"], "client-key": "/gone"}),
        ),
        case(
            "a key in the place of the certificate",
            &json!({"client-certificate": first["client-key"], "client-key": first["client-key"]}),
        ),
        case("data that is no base64", &json!({"client-certificate-data": "!", "client-key-data": "!"})),
        case(
            "no PEM",
            &json!({"client-certificate-data": BASE64.encode("x"), "client-key-data": BASE64.encode("x")}),
        ),
    ]);
    // Each of these is written to the same files, so they are tried one at a time.
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let mut ends = try_all(&cases);
    let status = json!({"token": "", "clientCertificateData": certificate, "clientKeyData": key});
    let plugin =
        json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status});
    let plugin = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "cat",
        "args": [written("plugin", &plugin.to_string())], "interactiveMode": "Never"}});
    ends.extend(try_all(&[case("a plugin's, beside an empty token", &plugin)]));
    for (name, certificate, key) in [
        ("the parameters before the key", certificate.clone(), format!("{parameters}{key}")),
        ("words around them", format!("subject: x\n{certificate}\nend\n"), format!("a key\n{key}")),
        ("both in both files", format!("{certificate}{key}"), format!("{key}{certificate}")),
        ("line ends of Windows", certificate.replace('\n', "\r\n"), key.replace('\n', "\r\n")),
        ("a broken block behind", format!("{certificate}{broken}"), key.clone()),
        ("a key under another label", certificate.clone(), key.replace("PRIVATE", "EC PRIVATE")),
        ("an empty certificate", String::new(), key.clone()),
        ("a key that is cut", certificate.clone(), key[..key.len() / 2].to_owned()),
    ] {
        ends.extend(try_all(&[case(name, &with(&certificate, &key))]));
    }
    // Those, and of the written ones: the plugin's, and six that Go takes.
    assert_eq!(count(&ends, End::Connected), known + 7, "{ends:?}");
    assert_eq!(count(&ends[..known], End::Connected), known, "what Go makes and takes");
    assert!(count(&ends, End::Refused) >= 2 && count(&ends, End::Error) >= 6, "{ends:?}");
}
