//! An admission webhook such as managed clusters have: it refuses every Service of openshift-monitoring.
use crate::site::Site;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use test_cluster::{ALWAYS, Authority, directory, until};

const PATH: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/managed";

/// Registered while this lives; the API server asks it.
pub(crate) struct Webhook<'a> {
    site: &'a Site,
    address: String,
    open: Arc<AtomicBool>,
}

impl<'a> Webhook<'a> {
    /// Its name, as the API server says it.
    pub(crate) const NAME: &'static str = "regular-user-validation.managed.test.example";

    /// Starts and registers it; it is asked when this returns.
    pub(crate) fn start(site: &'a Site) -> Webhook<'a> {
        let folder = directory().unwrap().join("webhook");
        std::fs::create_dir(&folder).unwrap();
        let authority = Authority::new(&folder, "webhook-ca").unwrap();
        let pair = authority.server(&folder, &["127.0.0.1"], ALWAYS).unwrap();
        let chain = vec![CertificateDer::from_pem_file(pair.certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_file(pair.key).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (config, open) = (Arc::new(config), Arc::new(AtomicBool::new(true)));
        let webhook = Webhook { site, address: address.clone(), open: open.clone() };
        thread::spawn(move || {
            for stream in listener.incoming() {
                if !open.load(Ordering::SeqCst) {
                    return;
                }
                let connection = ServerConnection::new(config.clone()).unwrap();
                // Who hangs up has had enough.
                let _ = answer(StreamOwned::new(connection, stream.unwrap()));
            }
        });
        let ca = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            std::fs::read(&authority.file).unwrap(),
        );
        let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": ["services"], "operations": ["CREATE"]});
        let object = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "managed"}, "webhooks": [{"name": Webhook::NAME, "rules": [rule], "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 5,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-monitoring"}},
            "clientConfig": {"url": format!("https://{address}/"), "caBundle": ca}}]});
        site.cluster.api().apply(PATH, &object.to_string()).unwrap();
        until("the webhook to be asked", Duration::from_secs(30), || {
            anyhow::ensure!(webhook.tried().contains("no changes here"), "{}", webhook.tried());
            Ok(())
        })
        .unwrap();
        webhook
    }

    /// What a Service's creation is answered with.
    pub(crate) fn tried(&self) -> String {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "try"}, "spec": {"ports": [{"port": 1}]}});
        let path = "/api/v1/namespaces/openshift-monitoring/services?dryRun=All";
        self.site
            .cluster
            .api()
            .create(path, &service)
            .map_or_else(|error| error.to_string(), |made| made.to_string())
    }

    /// Stops it; it stays registered.
    pub(crate) fn stop(&self) {
        self.open.store(false, Ordering::SeqCst);
        // Its listener wakes up to see it.
        drop(TcpStream::connect(&self.address));
    }
}

impl Drop for Webhook<'_> {
    fn drop(&mut self) {
        self.stop();
        let deleted = self.site.cluster.api().delete(PATH);
        assert!(deleted.is_ok() || thread::panicking(), "{deleted:?}");
    }
}

/// Refuses what one request asks about.
fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>) -> anyhow::Result<()> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        text.extend(byte);
    }
    let head = String::from_utf8(text)?.to_lowercase();
    let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.split("\r\n").next());
    let mut body = vec![0; length.unwrap_or("0").parse()?];
    stream.read_exact(&mut body)?;
    let review: Value = serde_json::from_slice(&body)?;
    let refusal = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {
        "uid": review["request"]["uid"], "allowed": false, "status": {"code": 403, "message": "no changes here"}}});
    let refusal = refusal.to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{refusal}",
        refusal.len()
    )?;
    stream.flush()?;
    stream.conn.send_close_notify();
    Ok(stream.flush()?)
}
