//! A stand-in for OpenShift's service CA, which cannot be had as a module: what its operator's controllers do with Services,
//! Secrets and ConfigMaps, done by a thread of this process as the real one's service account, with the real one's rights.
//!
//! Unlike in OpenShift, it lists ten times a second and does not watch; its keys are of P-256 and not of RSA;
//! its own certificate is never rotated; it fills ConfigMaps alone, and no webhooks, API services or definitions.

mod account;
mod annotations;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::annotations::{STAGES, annotation, either, failures, is_of, key};
use crate::api::Api;
use crate::certs::{Authority, Serving};
use crate::cluster::Cluster;
use crate::namespace::directory;

/// Under which its fields are its own.
const MANAGER: &str = "fieldManager=service-ca-operator";
/// So often it tries for one Service.
const TRIES: u64 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// A running service CA; ended when dropped.
pub struct ServiceCa {
    /// Its certificate, a PEM file.
    pub file: PathBuf,
    /// Its common name, by which Services say who has signed for them.
    pub name: String,
    /// Dropped first, which ends the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServiceCa {
    /// Starts it beside a cluster. There is room for one.
    pub fn start(cluster: &Cluster) -> Result<Self> {
        account::make(cluster.api())?;
        let api = cluster.api().service_account(cluster.api_ca(), account::ACCOUNT)?;
        let folder = directory()?.join("service-ca");
        fs::create_dir_all(&folder)?;
        let name = format!("openshift-service-serving-signer@{}", Timestamp::now().as_second());
        let authority = Authority::new(&folder, &name)?;
        let file = authority.file.clone();
        let bundle = fs::read_to_string(&file)?;
        let log = File::create(folder.join("log"))?;
        let controller =
            Controller { api, authority, name: name.clone(), bundle, issued: HashMap::new(), log };
        let (end, ended) = channel();
        let thread = spawn(move || controller.run(&ended));
        Ok(Self { file, name, end: Some(end), thread: Some(thread) })
    }
}

impl Drop for ServiceCa {
    fn drop(&mut self) {
        drop(self.end.take());
        // It has nothing to say that its log does not.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The thread's own.
struct Controller {
    api: Api,
    authority: Authority,
    name: String,
    /// Its certificate, PEM.
    bundle: String,
    /// Issued certificates: names by the PEM text of the leaf. The real one reads both from the certificate.
    issued: HashMap<String, Vec<String>>,
    log: File,
}

impl Controller {
    /// Works until the other end is dropped.
    fn run(mut self, ended: &Receiver<()>) {
        while ended.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            if let Err(error) = self.visit_all() {
                // It tries again, like the real one.
                let _ = writeln!(self.log, "{error:#}");
            }
        }
    }

    /// Visits all Services and ConfigMaps. An error of one of them does not affect the others.
    fn visit_all(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        for service in self.api.get_if_there("/api/v1/services")?.iter().flat_map(items) {
            outcome = outcome.and(self.serve(service));
        }
        for map in self.api.outlines("/api/v1/configmaps")? {
            outcome = outcome.and(self.inject(&map));
        }
        outcome
    }

    /// Sees to one Service's Secret.
    fn serve(&mut self, service: &Value) -> Result<()> {
        let Some(wanted) = either(service, "serving-cert-secret-name") else { return Ok(()) };
        let secrets = format!("/api/v1/namespaces/{}/secrets", text(service, "/metadata/namespace")?);
        let path = format!("{secrets}/{wanted}");
        let secret = self.api.get_if_there(&path)?;
        if let Some(secret) = &secret
            && self.has_issued(secret, &names(service)?)
        {
            return self.mend(service, secret, &path);
        }
        if failures(service) >= TRIES {
            return Ok(());
        }
        let new = self.secret(service, wanted)?;
        match self.api.add(&format!("{secrets}?{MANAGER}"), &new) {
            Ok(true) => {}
            Ok(false) => {
                let there = self.api.get_if_there(&path)?.context("the secret is gone again")?;
                let uid = text(service, "/metadata/uid")?;
                if !is_of(&there, uid) {
                    let namespace = text(service, "/metadata/namespace")?;
                    let error =
                        format!("secret {namespace}/{wanted} does not have corresponding service UID {uid}");
                    return self.fail(service, &error);
                }
                self.api.replace(&format!("{path}?{MANAGER}"), &new)?;
            }
            Err(error) => return self.fail(service, &format!("{error:#}")),
        }
        self.annotate(service, |annotations| {
            for stage in STAGES {
                annotations.insert(key(stage, "serving-cert-signed-by"), self.name.clone().into());
                annotations.remove(&key(stage, "serving-cert-generation-error"));
                annotations.remove(&key(stage, "serving-cert-generation-error-num"));
            }
        })
    }

    /// Returns true if a Secret's certificate is of this authority and for these names, whoever wrote it.
    fn has_issued(&self, secret: &Value, names: &[String]) -> bool {
        const END: &str = "-----END CERTIFICATE-----\n";
        let chain = text(secret, "/data/tls.crt").ok().and_then(|text| BASE64.decode(text).ok());
        let chain =
            chain.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default().replace("\r\n", "\n");
        let leaf = chain.split_inclusive(END).next().unwrap_or_default();
        self.issued.get(leaf).is_some_and(|issued| issued == names)
    }

    /// Puts right what others have done to a Secret of its making: the owner, the expiry, the key, and keys of others.
    fn mend(&mut self, service: &Value, secret: &Value, path: &str) -> Result<()> {
        let uid = text(service, "/metadata/uid")?;
        if !is_of(secret, uid) {
            return Ok(());
        }
        let mut mended = secret.clone();
        let owners =
            secret.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
        let is_owned = owners.into_iter().any(|owner| text(owner, "/uid").is_ok_and(|owner| owner == uid));
        let is_whole = ["/data/tls.crt", "/data/tls.key"].iter().all(|field| text(secret, field).is_ok());
        if !is_owned || !is_whole || either(secret, "expiry").is_none() {
            let new = self.secret(service, text(secret, "/metadata/name")?)?;
            for field in ["/metadata/annotations", "/metadata/ownerReferences", "/data"] {
                set_field(&mut mended, field, new.pointer(field).cloned().unwrap_or_default())?;
            }
        } else if let Some(data) = mended.get_mut("data").and_then(Value::as_object_mut) {
            data.retain(|key, _| matches!(key.as_str(), "tls.crt" | "tls.key"));
        }
        if mended == *secret { Ok(()) } else { self.api.replace(&format!("{path}?{MANAGER}"), &mended) }
    }

    /// A new Secret for a Service, with a new certificate.
    fn secret(&mut self, service: &Value, name: &str) -> Result<Value> {
        let (of, uid) = (text(service, "/metadata/name")?, text(service, "/metadata/uid")?);
        let names = names(service)?;
        let Serving { leaf, chain, key: private, expiry } = self.authority.serving(&names, uid)?;
        self.issued.insert(leaf, names);
        // The Service's own stage says whose it is; the expiry is said in both.
        let asked = key("beta", "serving-cert-secret-name");
        let stage = if annotation(service, &asked).is_some() { "beta" } else { "alpha" };
        let mut annotations = Map::new();
        annotations.insert(key(stage, "originating-service-name"), of.into());
        annotations.insert(key(stage, "originating-service-uid"), uid.into());
        for stage in STAGES {
            annotations.insert(key(stage, "expiry"), expiry.clone().into());
        }
        annotations.insert("openshift.io/owning-component".into(), "service-ca".into());
        annotations
            .insert("openshift.io/description".into(), format!("serving certificate of service/{of}").into());
        let owner = json!({"apiVersion": "v1", "kind": "Service", "name": of, "uid": uid});
        Ok(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "annotations": annotations, "ownerReferences": [owner]},
            "data": {"tls.crt": BASE64.encode(chain), "tls.key": BASE64.encode(private)},
        }))
    }

    /// Says on the Service why there is no certificate, and how often it has been tried.
    fn fail(&self, service: &Value, error: &str) -> Result<()> {
        let number = (failures(service) + 1).to_string();
        self.annotate(service, |annotations| {
            for stage in STAGES {
                annotations.insert(key(stage, "serving-cert-generation-error"), error.into());
                annotations.insert(key(stage, "serving-cert-generation-error-num"), number.clone().into());
            }
        })
    }

    fn annotate(&self, service: &Value, change: impl FnOnce(&mut Map<String, Value>)) -> Result<()> {
        let mut changed = service.clone();
        let metadata = changed.pointer_mut("/metadata").context("a service without metadata")?;
        let path = format!(
            "/api/v1/namespaces/{}/services/{}",
            text(metadata, "/namespace")?,
            text(metadata, "/name")?
        );
        let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
        change(annotations.context("a service without annotations")?);
        self.api.replace(&format!("{path}?{MANAGER}"), &changed)
    }

    /// Fills a ConfigMap that asks for its certificate with that and nothing else.
    fn inject(&self, outline: &Value) -> Result<()> {
        let asks = |stage| annotation(outline, &key(stage, "inject-cabundle"));
        if !STAGES.into_iter().filter_map(asks).any(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(());
        }
        let metadata = |field| text(outline, &format!("/metadata/{field}"));
        let path = format!("/api/v1/namespaces/{}/configmaps/{}", metadata("namespace")?, metadata("name")?);
        let Some(mut map) = self.api.get_if_there(&path)? else { return Ok(()) };
        let data = json!({"service-ca.crt": self.bundle});
        if map.get("data") == Some(&data) {
            return Ok(());
        }
        set_field(&mut map, "/data", data)?;
        let annotations = map.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
        annotations
            .context("no annotations")?
            .insert("openshift.io/owning-component".into(), "service-ca".into());
        self.api.replace(&format!("{path}?{MANAGER}"), &map)
    }
}

/// The names that a Service's certificate is for, sorted; one without an address of its own has its pods' too.
fn names(service: &Value) -> Result<Vec<String>> {
    let host = format!("{}.{}.svc", text(service, "/metadata/name")?, text(service, "/metadata/namespace")?);
    let is_headless = text(service, "/spec/clusterIP").is_ok_and(|address| address == "None");
    let hosts = if is_headless { vec![format!("*.{host}"), host] } else { vec![host] };
    Ok(hosts.into_iter().flat_map(|host| [host.clone(), format!("{host}.cluster.local")]).collect())
}

/// Sets the field of an object at a path of names.
fn set_field(object: &mut Value, pointer: &str, value: Value) -> Result<()> {
    let (parent, field) = pointer.rsplit_once('/').context("no path")?;
    let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.with_context(|| format!("nothing to hold {pointer}"))?.insert(field.to_owned(), value);
    Ok(())
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.get("items").and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, pointer: &str) -> Result<&'v str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer}"))
}
