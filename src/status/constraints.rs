//! Whether the exporter's security constraints leave other people's pods alone.
//!
//! Service accounts with wildcard rights may use them too. OpenShift tries constraints from the most restrictive on, and
//! the first that fits a pod changes it to its liking.
use super::report::Check;
use crate::install::resources::{CONSTRAINTS, NAME};
use serde_json::Value;

/// The check's name.
pub(super) const CONSTRAINED: &str = "constraints";
/// Strategies that put nothing into a pod, in the field `type`.
const STRATEGIES: [&str; 4] = ["runAsUser", "seLinuxContext", "fsGroup", "supplementalGroups"];
/// Capabilities that are put into every pod, or taken out of it.
const CAPABILITIES: [&str; 2] = ["requiredDropCapabilities", "defaultAddCapabilities"];
/// What makes them less restrictive than hostaccess, so that they are tried after it.
const LATE: [&str; 2] = ["allowHostNetwork", "allowHostPorts"];

/// The check, of the constraints as the server has them.
pub(super) fn check(constraints: &Value, remedy: &str) -> Check {
    let name = CONSTRAINTS.object_title(NAME);
    match harmful(constraints).as_slice() {
        [] => Check::ok(CONSTRAINED, format!("{name} is tried late and changes nobody's pods")),
        fields => Check::warning(
            CONSTRAINED,
            format!("{name} may take over and change other people's pods ({})", fields.join(", ")),
            remedy,
        ),
    }
}

/// The fields by which the constraints change pods, or are tried before others.
fn harmful(constraints: &Value) -> Vec<&str> {
    let field = |name: &str| constraints.get(name);
    let is = |name: &str, value: bool| field(name) == Some(&Value::Bool(value));
    let items = |name: &str| field(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    let mut note = |name, is_harmful: bool| found.extend(is_harmful.then_some(name));
    for name in LATE {
        note(name, !is(name, true));
    }
    note("allowPrivilegeEscalation", is("allowPrivilegeEscalation", false));
    note("defaultAllowPrivilegeEscalation", is("defaultAllowPrivilegeEscalation", false));
    note("readOnlyRootFilesystem", is("readOnlyRootFilesystem", true));
    for name in CAPABILITIES {
        note(name, !items(name).is_empty());
    }
    for name in STRATEGIES {
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
    use crate::status::report::Verdict;
    use serde_json::json;

    fn ours() -> Value {
        let objects = render(&Settings::default(), &Program::Image(String::new())).unwrap();
        objects.into_iter().find(|object| object.resource == CONSTRAINTS).unwrap().value
    }

    #[test]
    fn what_is_installed_harms_nobody() {
        assert_eq!(check(&ours(), "x").status, Verdict::Ok);
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
            let mut changed = ours();
            changed[field] = value;
            assert_eq!(harmful(&changed), [field]);
        }
        let found = check(&json!({}), "run oc interrogate install");
        assert!(
            found.status == Verdict::Warning && found.message.contains("(allowHostNetwork, "),
            "{found:?}"
        );
    }
}
