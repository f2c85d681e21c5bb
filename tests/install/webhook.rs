//! An admission webhook that is in the way of `install`: OpenShift's own check of PrometheusRules, registered in another way.
use crate::failures::{await_line, start_install};
use crate::site::{HERE, Site, site};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;
use test_cluster::{Admission, until};

const NAME: &str = "prometheusrules.openshift.io";

/// The changed registration; OpenShift's is back, and the webhook is up, when this is dropped.
struct Registered<'a>(&'a Site);

impl<'a> Registered<'a> {
    /// Registers the webhook after `change` of what OpenShift registers.
    fn with(site: &'a Site, change: impl FnOnce(&mut Value)) -> Registered<'a> {
        let mut check = site.fleet.admission.rule_check();
        change(&mut check["webhooks"][0]);
        site.cluster.api().apply(Admission::RULE_CHECK, &check.to_string()).unwrap();
        Registered(site)
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let admission = &self.0.fleet.admission;
        let api = self.0.cluster.api();
        let restored = admission
            .start_rule_check()
            .and_then(|()| api.apply(Admission::RULE_CHECK, &admission.rule_check().to_string()));
        assert!(restored.is_ok() || thread::panicking(), "{restored:?}");
    }
}

/// Returns the API server's response to the creation of an object, as a dry run.
fn tried(site: &Site, path: &str, object: &Value) -> String {
    let made = site.cluster.api().create(&format!("{path}?dryRun=All"), object);
    made.map_or_else(|error| error.to_string(), |made| made.to_string())
}

fn tried_service(site: &Site) -> String {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "try"}, "spec": {"ports": [{"port": 1}]}});
    tried(site, &format!("/api/v1{HERE}/services"), &service)
}

fn tried_rule(site: &Site, expression: &str) -> String {
    let rules = json!([{"name": "try", "rules": [{"record": "try", "expr": expression}]}]);
    let rule = json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "try"},
        "spec": {"groups": rules}});
    tried(site, &format!("/apis/monitoring.coreos.com/v1{HERE}/prometheusrules"), &rule)
}

fn until_it_says(text: &str, tried: impl Fn() -> String) {
    until(&format!("the API server to say {text}"), Duration::from_secs(30), || {
        let said = tried();
        anyhow::ensure!(said.contains(text), "{said}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn our_rules_pass_the_check_and_broken_ones_do_not() {
    let site = site();
    // Whatever the webhook does not allow is then an error.
    let registered = Registered::with(&site, |check| check["failurePolicy"] = "Fail".into());
    let refused = tried_rule(&site, "sum(");
    assert!(refused.contains(&format!("admission webhook \\\"{NAME}\\\" denied the request")), "{refused}");
    assert!(refused.contains("Rules are not valid") && refused.contains("unclosed left paren"), "{refused}");
    site.fleet.admission.stop_rule_check();
    until_it_says("failed calling webhook", || tried_rule(&site, "sum(up)"));
    site.fleet.admission.start_rule_check().unwrap();
    for interval in ["15s", "1s", "2m30s"] {
        let done = site.install(&["--wait=false", "--scrape-interval", interval]);
        assert_eq!(done.code, 0, "{interval}: {}", done.stderr);
        let line = "prometheusrule.monitoring.coreos.com/process-exporter ";
        let line = done.stdout.lines().find(|found| found.starts_with(line)).unwrap();
        assert!(line.ends_with(if interval == "15s" { "created" } else { "configured" }), "{line}");
    }
    drop(registered);
}

#[test]
fn a_webhook_that_refuses_is_named() {
    let site = site();
    // A mistake of an administrator: asked about Services too, it refuses them.
    let registered = Registered::with(&site, |check| {
        let services = json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": ["services"], "operations": ["CREATE"]});
        check["rules"].as_array_mut().unwrap().push(services);
    });
    until_it_says("Unexpected resource kind", || tried_service(&site));
    let refused = site.install(&[]);
    assert_eq!(refused.code, 1);
    let last = refused.stderr.lines().last().unwrap();
    let said = format!(
        "error: applying service/process-exporter: admission webhook \"{NAME}\" denied the request: Unexpected resource kind: expected resource to be prometheusrules, but received {{ v1 services}} (422): "
    );
    assert!(last.starts_with(&said) && last.contains("managed clusters (ROSA, OSD)"), "{last}");
    drop(registered);
    until_it_says("\"kind\":\"Service\"", || tried_service(&site));
}

#[test]
fn a_webhook_that_is_down_is_named_and_waited_for() {
    let site = site();
    let registered = Registered::with(&site, |check| check["failurePolicy"] = "Fail".into());
    site.fleet.admission.stop_rule_check();
    until_it_says("connection refused", || tried_rule(&site, "sum(up)"));
    let late = site.install(&["--timeout", "3s"]);
    assert_eq!(late.code, 1);
    let last = late.stderr.lines().last().unwrap();
    let said = format!("failed calling webhook \"{NAME}\"");
    let applying = "error: applying prometheusrule.monitoring.coreos.com/process-exporter: ";
    assert!(last.starts_with(applying) && last.contains(&said), "{last}");
    assert!(last.ends_with("start that webhook, or wait for it"), "{last}");

    let mut child = start_install(&site, &[]);
    let line = await_line(&mut child, &said);
    assert!(line.starts_with("warning: ") && line.contains("trying again until --timeout"), "{line}");
    site.fleet.admission.start_rule_check().unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    drop(registered);
}

#[test]
fn a_check_of_rules_that_is_down_is_passed_by_as_openshift_registers_it() {
    let site = site();
    let registered = Registered::with(&site, |_| {});
    site.fleet.admission.stop_rule_check();
    until_it_says("\"expr\":\"sum(\"", || tried_rule(&site, "sum("));
    let done = site.install(&[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(!done.stderr.contains("webhook"), "{}", done.stderr);
    drop(registered);
}
