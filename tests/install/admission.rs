//! The exporter's pods as OpenShift's own admission lets them in.
use crate::failures::pods;
use crate::site::{DAEMON_SET, site};
use serde_json::{Value, json};

const NAMESPACE: &str = "/api/v1/namespaces/openshift-monitoring";

#[test]
fn our_pods_come_in_under_our_constraints_and_as_they_are_written() {
    let site = site();
    let done = site.install(&[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let template = site.get(DAEMON_SET)["spec"]["template"]["spec"].clone();
    let annotations = site.get(NAMESPACE)["metadata"]["annotations"].clone();
    let range = annotations["openshift.io/sa.scc.supplemental-groups"].as_str().unwrap();
    let first: u64 = range.split('/').next().unwrap().parse().unwrap();
    let pods = pods(&site);
    assert_eq!(pods.len(), 3);
    for pod in pods {
        assert_eq!(pod["metadata"]["annotations"]["openshift.io/scc"], "process-exporter");
        // What the constraints add, from the namespace's own ranges.
        let mut context = pod["spec"]["securityContext"].clone();
        let added = ["fsGroup", "seLinuxOptions"].map(|field| context.as_object_mut().unwrap().remove(field));
        let level = json!({"level": annotations["openshift.io/sa.scc.mcs"]});
        assert_eq!(added, [Some(json!(first)), Some(level)]);
        // All else is what the manifest says.
        assert_eq!(context, template["securityContext"]);
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
