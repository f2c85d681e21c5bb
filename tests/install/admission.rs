//! The exporter's pods as OpenShift's own admission lets them in.
use crate::failures::pods;
use crate::site::{DAEMON_SET, site};
use serde_json::Value;

#[test]
fn our_pods_come_in_under_our_constraints_and_as_they_are_written() {
    let site = site();
    let done = site.install(&[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let template = site.get(DAEMON_SET)["spec"]["template"]["spec"].clone();
    let pods = pods(&site);
    assert_eq!(pods.len(), 3);
    for pod in pods {
        assert_eq!(pod["metadata"]["annotations"]["openshift.io/scc"], "process-exporter");
        // The constraints add nothing: all is what the manifest says.
        assert_eq!(pod["spec"]["securityContext"], template["securityContext"]);
        for field in ["hostPID", "hostIPC", "hostNetwork"] {
            assert_eq!(pod["spec"][field], template[field], "{field}");
        }
        let contexts = |spec: &Value| {
            let containers =
                ["initContainers", "containers"].map(|list| spec[list].as_array().unwrap().clone());
            containers
                .concat()
                .iter()
                .map(|container| container["securityContext"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(contexts(&pod["spec"]), contexts(&template));
    }
}
