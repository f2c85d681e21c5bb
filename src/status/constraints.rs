//! The check that the exporter's security context constraints (SCC) leave other pods alone.
//!
//! Service accounts with wildcard rights may use this SCC too. OpenShift tries the most restrictive SCC first, and
//! the first one that fits a pod changes the pod.
use super::checks::CheckName;
use super::report::Check;
use crate::install::resources::{CONSTRAINTS, NAME};
use serde_json::Value;

/// Fields with a strategy, in `type`. `RunAsAny` changes no pod.
const STRATEGY_FIELDS: [&str; 4] = ["runAsUser", "seLinuxContext", "fsGroup", "supplementalGroups"];
/// Fields with capabilities that are added to each pod, or dropped from it.
const CAPABILITY_FIELDS: [&str; 2] = ["requiredDropCapabilities", "defaultAddCapabilities"];
/// Fields that make an SCC less restrictive than `hostaccess`, so that it is tried later.
const HOST_FIELDS: [&str; 2] = ["allowHostNetwork", "allowHostPorts"];

/// Returns the check of the SCC as the server sent it.
pub(super) fn check(constraints: &Value, remedy: &str) -> Check {
    let name = CONSTRAINTS.object_title(NAME);
    match harmful_fields(constraints).as_slice() {
        [] => Check::ok(CheckName::Constraints, format!("{name} is tried late and changes nobody's pods")),
        fields => Check::warning(
            CheckName::Constraints,
            format!("{name} may take over and change other people's pods ({})", fields.join(", ")),
            remedy,
        ),
    }
}

/// Returns the fields by which the SCC changes pods, or comes before other SCCs.
fn harmful_fields(constraints: &Value) -> Vec<&str> {
    let field = |name: &str| constraints.get(name);
    let is = |name: &str, value: bool| field(name) == Some(&Value::Bool(value));
    let items = |name: &str| field(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    let mut note = |name, is_harmful: bool| found.extend(is_harmful.then_some(name));
    for name in HOST_FIELDS {
        note(name, !is(name, true));
    }
    note("allowPrivilegeEscalation", is("allowPrivilegeEscalation", false));
    note("defaultAllowPrivilegeEscalation", is("defaultAllowPrivilegeEscalation", false));
    note("readOnlyRootFilesystem", is("readOnlyRootFilesystem", true));
    for name in CAPABILITY_FIELDS {
        note(name, !items(name).is_empty());
    }
    for name in STRATEGY_FIELDS {
        note(name, constraints.pointer(&format!("/{name}/type")).is_none_or(|kind| kind != "RunAsAny"));
    }
    note("seccompProfiles", !items("seccompProfiles").iter().any(|profile| profile == "*"));
    note("priority", field("priority").and_then(Value::as_i64).is_some_and(|priority| priority > 0));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::objects::{Program, Settings, render};
    use crate::status::report::CheckStatus;
    use serde_json::json;

    fn installed() -> Value {
        let objects = render(&Settings::default(), &Program::Image(String::new())).unwrap();
        objects.into_iter().find(|object| object.resource == CONSTRAINTS).unwrap().value
    }

    #[test]
    fn what_is_installed_harms_nobody() {
        assert_eq!(check(&installed(), "x").status, CheckStatus::Ok);
    }

    #[test]
    fn each_field_that_changes_pods_or_is_tried_early_is_named() {
        for (field, value) in [
            ("allowHostNetwork", json!(false)),
            ("allowHostPorts", json!(false)),
            ("allowPrivilegeEscalation", json!(false)),
            ("defaultAllowPrivilegeEscalation", json!(false)),
            ("readOnlyRootFilesystem", json!(true)),
            ("requiredDropCapabilities", json!(["ALL"])),
            ("defaultAddCapabilities", json!(["CHOWN"])),
            ("seLinuxContext", json!({"type": "MustRunAs"})),
            ("fsGroup", json!({"type": "MustRunAs"})),
            ("supplementalGroups", json!({})),
            ("runAsUser", json!({"type": "MustRunAsNonRoot"})),
            ("seccompProfiles", json!(["runtime/default"])),
            ("priority", json!(1)),
        ] {
            let mut changed = installed();
            changed[field] = value;
            assert_eq!(harmful_fields(&changed), [field]);
        }
        let found = check(&json!({}), "run oc interrogate install");
        assert!(
            found.status == CheckStatus::Warning && found.message.contains("(allowHostNetwork, "),
            "{found:?}"
        );
    }
}
