//! The service CA does what OpenShift's does.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use test_cluster::{Api, ServiceCa, shared, until};

const SHOP: &str = "/api/v1/namespaces/shop";

fn service_ca() -> (&'static Api, &'static ServiceCa) {
    static CA: OnceLock<ServiceCa> = OnceLock::new();
    (shared().api(), CA.get_or_init(|| ServiceCa::start(shared()).unwrap()))
}

fn get(path: &str) -> Result<Value> {
    Ok(serde_json::from_str(&shared().api().get(path)?)?)
}

/// Makes a Service that asks for a certificate in Secret `NAME-tls`, with or without an address of its own.
fn serve(name: &str, is_headless: bool) {
    let key = "service.beta.openshift.io/serving-cert-secret-name";
    let mut service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "annotations": {key: format!("{name}-tls")}}, "spec": {"ports": [{"port": 1}]}});
    if is_headless {
        service["spec"]["clusterIP"] = "None".into();
    }
    shared().api().apply(&format!("{SHOP}/services/{name}"), &service.to_string()).unwrap();
}

fn annotations(path: &str) -> Result<Value> {
    Ok(get(path)?["metadata"]["annotations"].take())
}

fn await_signed(name: &str) -> Value {
    until("a signed service", Duration::from_secs(30), || {
        let found = annotations(&format!("{SHOP}/services/{name}"))?;
        ensure!(found["service.beta.openshift.io/serving-cert-signed-by"].is_string(), "{found}");
        get(&format!("{SHOP}/secrets/{name}-tls"))
    })
    .unwrap()
}

/// The certificates of a Secret, DER.
fn chain(secret: &Value) -> Vec<Vec<u8>> {
    let pem = BASE64.decode(secret["data"]["tls.crt"].as_str().unwrap()).unwrap();
    let pem = String::from_utf8(pem).unwrap();
    let parts = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies =
        parts.map(|part| part.split("-----END").next().unwrap().split_whitespace().collect::<String>());
    bodies.map(|body| BASE64.decode(body).unwrap()).collect()
}

fn holds(certificate: &[u8], name: &str) -> bool {
    certificate.windows(name.len()).any(|window| window == name.as_bytes())
}

#[test]
fn an_annotated_service_gets_a_certificate_of_its_names_and_another_when_it_is_deleted() {
    let (api, ca) = service_ca();
    serve("pods", true);
    serve("address", false);
    let (pods, address) = (await_signed("pods"), await_signed("address"));
    let service = get(&format!("{SHOP}/services/pods")).unwrap();
    let metadata = &pods["metadata"];
    let uid = &service["metadata"]["uid"];
    assert_eq!(pods["type"], "kubernetes.io/tls");
    assert_eq!(
        metadata["ownerReferences"],
        json!([{"apiVersion": "v1", "kind": "Service", "name": "pods", "uid": uid}])
    );
    assert_eq!(metadata["annotations"]["service.beta.openshift.io/originating-service-name"], "pods");
    assert_eq!(metadata["annotations"]["service.beta.openshift.io/originating-service-uid"], *uid);
    for stage in ["beta", "alpha"] {
        let expiry = &metadata["annotations"][format!("service.{stage}.openshift.io/expiry")];
        assert!(expiry.as_str().unwrap().ends_with("T00:00:00Z"), "{expiry}");
        let signed = &service["metadata"]["annotations"]
            [format!("service.{stage}.openshift.io/serving-cert-signed-by")];
        assert_eq!(*signed, ca.name);
    }
    let who = service["metadata"]["managedFields"].to_string();
    assert!(who.contains(r#""manager":"service-ca-operator""#), "{who}");
    let (pods, address) = (chain(&pods), chain(&address));
    assert_eq!((pods.len(), &pods[1]), (2, &address[1]), "leaf and signer");
    assert!(holds(&pods[0], uid.as_str().unwrap()) && holds(&pods[1], &ca.name));
    for name in ["pods.shop.svc.cluster.local", "*.pods.shop.svc", "*.pods.shop.svc.cluster.local"] {
        assert!(holds(&pods[0], name), "{name}");
    }
    assert!(
        holds(&address[0], "address.shop.svc.cluster.local") && !holds(&address[0], "*."),
        "has no pods' names"
    );

    api.delete(&format!("{SHOP}/secrets/pods-tls")).unwrap();
    let again = until("another secret", Duration::from_secs(30), || get(&format!("{SHOP}/secrets/pods-tls")));
    assert_ne!(chain(&again.unwrap())[0], pods[0]);
    api.delete(&format!("{SHOP}/services/pods")).unwrap();
    until("the garbage collector", Duration::from_secs(30), || {
        ensure!(get(&format!("{SHOP}/secrets/pods-tls")).is_err());
        Ok(())
    })
    .unwrap();
}

#[test]
fn somebody_elses_secret_is_tried_ten_times_and_not_again_until_it_and_the_number_are_gone() {
    let (api, _) = service_ca();
    let (service, secret) = (format!("{SHOP}/services/late"), format!("{SHOP}/secrets/late-tls"));
    let foreign = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late-tls"}, "stringData": {"a": "b"}});
    api.apply(&secret, &foreign.to_string()).unwrap();
    serve("late", true);
    let key =
        |stage: &str, rest: &str| format!("service.{stage}.openshift.io/serving-cert-generation-error{rest}");
    until("ten tries", Duration::from_secs(30), || {
        let found = annotations(&service)?;
        ensure!(found[key("beta", "-num")] == "10" && found[key("alpha", "-num")] == "10", "{found}");
        let uid = get(&service)?["metadata"]["uid"].as_str().context("no uid")?.to_owned();
        let error = format!("secret shop/late-tls does not have corresponding service UID {uid}");
        ensure!(found[key("beta", "")] == error && found[key("alpha", "")] == error, "{found}");
        Ok(())
    })
    .unwrap();
    // Services are looked at in the order of their names: once a later one is served, this one has been left.
    api.delete(&secret).unwrap();
    serve("later", true);
    await_signed("later");
    assert!(get(&secret).is_err());
    api.merge(&service, &json!({"metadata": {"annotations": {key("beta", "-num"): null}}})).unwrap();
    serve("latest", true);
    await_signed("latest");
    assert!(get(&secret).is_err(), "the number is of two stages");
    api.merge(&service, &json!({"metadata": {"annotations": {key("alpha", "-num"): null}}})).unwrap();
    await_signed("late");
    let found = annotations(&service).unwrap();
    assert!(found.get(key("beta", "")).is_none() && found.get(key("alpha", "")).is_none(), "{found}");
}

#[test]
fn a_secret_of_its_making_is_restored_and_an_annotated_config_map_is_filled() {
    let (api, ca) = service_ca();
    serve("mended", true);
    let before = await_signed("mended");
    let path = format!("{SHOP}/secrets/mended-tls");
    let broken = json!({"metadata": {"ownerReferences": null}, "data": {"tls.crt": "eA==", "more": "eA=="}});
    api.merge(&path, &broken).unwrap();
    until("the secret to be mended", Duration::from_secs(30), || {
        let now = get(&path)?;
        let keys: Vec<_> = now["data"].as_object().context("no data")?.keys().collect();
        ensure!(keys == ["tls.crt", "tls.key"], "{keys:?}");
        ensure!(chain(&now).len() == 2, "the certificate is somebody's");
        ensure!(now["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]);
        Ok(())
    })
    .unwrap();
    let map = |name: &str, value: &str| {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"other": "x"},
            "metadata": {"name": name, "annotations": {"service.beta.openshift.io/inject-cabundle": value}}});
        api.apply(&format!("{SHOP}/configmaps/{name}"), &map.to_string()).unwrap();
    };
    map("asks-not", "false");
    map("asks", "true");
    let bundle = std::fs::read_to_string(&ca.file).unwrap();
    until("the bundle", Duration::from_secs(30), || {
        let data = get(&format!("{SHOP}/configmaps/asks"))?["data"].take();
        ensure!(data == json!({"service-ca.crt": bundle}), "{data}");
        Ok(())
    })
    .unwrap();
    assert_eq!(get(&format!("{SHOP}/configmaps/asks-not")).unwrap()["data"], json!({"other": "x"}));
}
