//! Commands that restore an object.
use crate::cluster::FIELD_MANAGER;
use serde_json::Value;

const INSTALL: &str = "run oc interrogate install";
const INSTALL_BY_FORCE: &str =
    "run oc interrogate install --force-conflicts, since others have set fields of it too (oc apply does)";

/// Returns the command that restores `object`.
pub(super) fn reinstall(object: &Value) -> &'static str {
    let managers = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let is_shared = managers.into_iter().flatten().any(is_other_manager);
    if is_shared { INSTALL_BY_FORCE } else { INSTALL }
}

/// Returns true if another manager has set more than metadata and status, which controllers set.
fn is_other_manager(entry: &Value) -> bool {
    let fields = entry.get("fieldsV1").and_then(Value::as_object);
    entry.get("manager").is_some_and(|manager| manager != FIELD_MANAGER)
        && fields.is_some_and(|fields| {
            fields.keys().any(|field| !matches!(field.as_str(), "f:metadata" | "f:status"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_have_set_takes_force() {
        let object = |manager: &str, field: &str| {
            json!({"metadata": {"managedFields": [
                {"manager": FIELD_MANAGER, "fieldsV1": {"f:spec": {}}},
                {"manager": manager, "fieldsV1": {"f:metadata": {}, field: {}}},
            ]}})
        };
        for (manager, field, expected) in [
            ("kubectl-client-side-apply", "f:spec", INSTALL_BY_FORCE),
            ("kubectl-edit", "f:priority", INSTALL_BY_FORCE),
            ("kube-controller-manager", "f:status", INSTALL),
            ("service-ca-operator", "f:metadata", INSTALL),
            (FIELD_MANAGER, "f:spec", INSTALL),
        ] {
            assert_eq!(reinstall(&object(manager, field)), expected, "{manager} {field}");
        }
        assert_eq!(reinstall(&json!({})), INSTALL);
    }
}
