//! Why the service CA issues no serving certificate. It writes the reason on the Service, and gives up.
use super::pod_problems::Problem;
use super::resources::{NAME, SERVICES};
use crate::cluster::{Failure, Part, Server};
use crate::prometheus::failure::one_line;
use serde_json::Value;

/// Annotations of the later and the earlier version of the service CA. It gives up after ten errors, until neither
/// counts them any longer.
const ERRORS: [&str; 2] = [
    "service.beta.openshift.io/serving-cert-generation-error",
    "service.alpha.openshift.io/serving-cert-generation-error",
];
/// Removes the other secret and the count of errors, so that the service CA tries again.
const REMEDY: &str = "see whose secret/process-exporter-tls is, then have the service CA make its own with oc -n openshift-monitoring delete secret process-exporter-tls --ignore-not-found && oc -n openshift-monitoring annotate service process-exporter service.beta.openshift.io/serving-cert-generation-error-num- service.alpha.openshift.io/serving-cert-generation-error-num-";

/// Returns the service CA's error on our Service, and the remedy. `None` if there is no error.
pub(crate) fn find_refusal(service: &Value) -> Option<Problem> {
    let annotations = service.pointer("/metadata/annotations")?;
    let error = ERRORS.iter().find_map(|key| annotations.get(*key)?.as_str())?;
    let what = format!("the service CA issues no certificate for service/{NAME} ({})", one_line(error));
    Some(Problem::new(what, REMEDY))
}

/// Fetches our Service, and returns the same. Errors if the user may not read it.
pub(super) async fn fetch_refusal(server: &Server<'_>) -> Result<Option<Problem>, Failure> {
    let service: Option<Value> = server.get_opt(&SERVICES.object_path(NAME), Part::Metadata).await?;
    Ok(service.as_ref().and_then(find_refusal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_of_either_stage_is_one_line_and_no_error_is_none() {
        for key in ERRORS {
            let service =
                json!({"metadata": {"annotations": {key: "secret a/b\u{1b}[2J\nhas no UID", "other": "x"}}});
            let line = find_refusal(&service).unwrap().to_string();
            assert!(
                line.contains("service/process-exporter (secret a/b [2J has no UID): see whose"),
                "{line}"
            );
        }
        assert_eq!(find_refusal(&json!({"metadata": {"annotations": {"other": "x"}}})), None);
        assert_eq!(find_refusal(&json!({"metadata": {}})), None);
    }
}
