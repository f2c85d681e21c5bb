//! The annotations that the service CA reads and writes, each of a later stage and an earlier one.

use serde_json::Value;

/// The stages that annotations are of; either is read, and both are written.
pub(super) const STAGES: [&str; 2] = ["beta", "alpha"];

pub(super) fn key(stage: &str, name: &str) -> String {
    format!("service.{stage}.openshift.io/{name}")
}

pub(super) fn annotation<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// An annotation of either stage, the later one first.
pub(super) fn either<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    STAGES.into_iter().find_map(|stage| annotation(object, &key(stage, name)))
}

pub(super) fn failures(service: &Value) -> u64 {
    either(service, "serving-cert-generation-error-num")
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// Returns true if a Secret's annotations name the Service of this UID.
pub(super) fn is_of(secret: &Value, uid: &str) -> bool {
    STAGES.into_iter().any(|stage| annotation(secret, &key(stage, "originating-service-uid")) == Some(uid))
}
