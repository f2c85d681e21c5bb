//! Recognises the pods' part of the tree and the pod of a cgroup, and finds a pod's name in its monitor's command line.

use super::owner::MAX_NAME_BYTES;
use super::unit_name::{USER_SLICE, is_id};
use crate::snapshot::{Class, OTHER, Pod};
use std::sync::Arc;

/// Limit of failed searches for a pod's name, counted since its containers last came or went.
/// More than one is needed, because a pass may see a monitor before it is in its scope.
pub(crate) const NAME_TRIES: u8 = 5;

/// Facts about a pod's process from the text of `/proc/PID/cgroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodProcess {
    /// UID of the pod, or `(other)` if the text does not contain it.
    pub(crate) uid: Arc<str>,
    /// `true` if the process is in the scope of a container's monitor, whose command line names the pod.
    pub(crate) is_conmon: bool,
}

/// Returns `true` if PID 1's text shows that the reader sees cgroups relative to its own container.
pub(crate) fn is_relative(text_of_pid_1: &[u8]) -> bool {
    text_of_pid_1.split(|&b| b == b'\n').any(|line| line.starts_with(b"0::/.."))
}

/// Pod as the command line of one of its monitors names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPod {
    pub(crate) uid: Arc<str>,
    pub(crate) pod: Pod,
}

/// Returns `true` for the cgroup that contains all pods' cgroups.
pub(super) fn holds_all_pods(component: &str) -> bool {
    matches!(component, "kubepods" | "kubepods.slice") || component.ends_with("-kubepods.slice")
}

/// Parses a pod's UID from the name of a directory in the pods' part of the tree. `None` if it is no pod's cgroup.
/// The name is `kubepods[-besteffort|-burstable]-pod<UID with _ for ->.slice` if systemd keeps the tree, else `pod<UID>`.
pub(super) fn parse_uid(component: &str) -> Option<Arc<str>> {
    let uid = match component.strip_suffix(".slice") {
        Some(stem) => {
            let (before, rest) = stem.split_once("kubepods")?;
            if !before.is_empty() && !before.ends_with('-') {
                return None;
            }
            let rest = rest.strip_prefix("-besteffort").or(rest.strip_prefix("-burstable")).unwrap_or(rest);
            rest.strip_prefix("-pod")?.replace('_', "-")
        }
        None => component.strip_prefix("pod")?.to_owned(),
    };
    let is_valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (!uid.is_empty() && uid.len() <= MAX_NAME_BYTES && uid.bytes().all(is_valid)).then(|| uid.into())
}

/// Returns `true` if a directory of a pod's cgroup is the scope of a container's monitor.
pub(crate) fn is_conmon_scope(component: &str) -> bool {
    parse_container_id(component, "crio-conmon-").is_some()
}

/// Returns `true` if CRI-O's name for a cgroup is a container's or its monitor's. It may be outside of the pods' slices.
pub(super) fn is_container_or_monitor(component: &str) -> bool {
    let is_scope = component.ends_with(".scope");
    is_scope && (is_conmon_scope(component) || parse_container_id(component, "crio-").is_some())
}

fn parse_container_id<'a>(component: &'a str, prefix: &str) -> Option<&'a str> {
    let id = component.strip_suffix(".scope").unwrap_or(component).strip_prefix(prefix)?;
    (id.len() == 64 && is_id(id)).then_some(id)
}

/// Finds the pod of a process in the text of its `/proc/PID/cgroup`. `None` if it is in no pod.
/// `relative` is the result of [`is_relative`] for the reader.
pub(crate) fn parse_pod_of_process(text: &[u8], relative: bool) -> Option<PodProcess> {
    let mut found = None;
    for line in text.split(|&b| b == b'\n') {
        let line = String::from_utf8_lossy(line);
        // A bare `/`, as seen from inside of a container, is the reader's own pod.
        let mut is_in_pods = relative && line == "0::/";
        let mut components = line.split('/');
        while let Some(component) = components.next() {
            is_in_pods |= is_container_or_monitor(component);
            if component == USER_SLICE || [".service", ".scope"].iter().any(|unit| component.ends_with(unit))
            {
                // A cgroup below a unit may have any name.
                break;
            }
            if let Some(uid) = parse_uid(component).filter(|_| component.ends_with(".slice") || is_in_pods) {
                let is_conmon = components.next().is_some_and(is_conmon_scope);
                return Some(PodProcess { uid, is_conmon });
            }
            let is_pods_slice = component.starts_with("kubepods") && component.ends_with(".slice");
            is_in_pods |= is_pods_slice || holds_all_pods(component);
        }
        if is_in_pods {
            found = Some(PodProcess { uid: OTHER.into(), is_conmon: false });
        }
    }
    found
}

/// Parses the pod from a monitor's arguments `-n k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`. `None` if they name no pod.
/// Each argument ends in NUL.
pub(crate) fn parse_monitored_pod(arguments: &[u8]) -> Option<NamedPod> {
    let mut arguments = arguments.split(|&b| b == 0);
    let name = arguments.by_ref().find(|argument| *argument == b"-n").and(arguments.next())?;
    let name = std::str::from_utf8(name).ok()?.strip_prefix("k8s_")?;
    let (name, _attempt) = name.rsplit_once('_')?;
    let mut parts = name.splitn(4, '_');
    let (_container, pod, namespace, uid) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    };
    let is_valid = is_name(pod) && is_name(namespace) && pod.len() <= 253 && namespace.len() <= 63;
    let pod = Pod { class: Class::of_namespace(namespace), namespace: namespace.into(), name: pod.into() };
    is_valid.then(|| NamedPod { uid: uid.replace('_', "-").into(), pod })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "af97775074c5f35e8c9cece9ae603a30aed0f6bf87078c72cc66b674825dd00f";

    #[test]
    fn a_pods_cgroup_has_its_uid_in_its_name() {
        for (component, want) in [
            (
                "kubepods-besteffort-pod8f14e45f_ceea_467f_9f3c_1b2c3d4e5f60.slice",
                Some("8f14e45f-ceea-467f-9f3c-1b2c3d4e5f60"),
            ),
            ("kubepods-burstable-pod8d28c7.slice", Some("8d28c7")),
            ("kubepods-pod1.slice", Some("1")),
            ("kubelet-kubepods-pod1.slice", Some("1")),
            ("pod8f14e45f-ceea", Some("8f14e45f-ceea")),
            ("kubepods-burstable.slice", None),
            ("kubepods.slice", None),
            ("kubepods-pod.slice", None),
            ("xkubepods-pod1.slice", None),
            ("kubepods-podü.slice", None),
            ("pod", None),
            ("burstable", None),
        ] {
            assert_eq!(parse_uid(component).as_deref(), want, "{component}");
        }
    }

    #[test]
    fn a_monitors_arguments_name_its_pod() {
        let named = |arguments: &str| parse_monitored_pod(arguments.replace(' ', "\0").as_bytes());
        let pod = |class, namespace: &str, name: &str| Pod {
            class,
            namespace: namespace.into(),
            name: name.into(),
        };
        let found = named(
            "/usr/bin/conmon -b /run -c 1 -n k8s_POD_etcd-a.b_openshift-etcd_8d_28_0 -P /x -n k8s_a_b_c_d_0",
        );
        assert_eq!(
            found,
            Some(NamedPod { uid: "8d-28".into(), pod: pod(Class::Infra, "openshift-etcd", "etcd-a.b") })
        );
        for (namespace, class) in [
            ("openshift", Class::Infra),
            ("kube-system", Class::Infra),
            ("default", Class::Infra),
            ("openshiftx", Class::Workload),
            ("kube", Class::Workload),
            ("my-openshift-x", Class::Workload),
        ] {
            let found = named(&format!("conmon -n k8s_c_p_{namespace}_u_7"));
            assert_eq!(found.map(|named| named.pod), Some(pod(class, namespace, "p")));
        }
        for nothing in [
            "",
            "conmon",
            "conmon -n",
            "conmon -n k8s_c_p_n_0",
            "conmon -n c_p_n_u_0",
            "conmon -n k8s_c_p__u_0",
        ] {
            assert_eq!(named(nothing), None, "{nothing}");
        }
        assert_eq!(named("conmon -n k8s_c_p\x1b_n_u_0"), None);
    }

    #[test]
    fn the_text_of_a_pods_process_contains_its_uid() {
        let slice = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice";
        let pod_process = |uid: &str, is_conmon| Some(PodProcess { uid: uid.into(), is_conmon });
        for (text, relative, want) in [
            (format!("0::/{slice}/crio-{HEX}.scope/container\n"), false, pod_process("1-2", false)),
            (format!("0::/../../../kubepods-pod3.slice/crio-{HEX}.scope\n"), true, pod_process("3", false)),
            (
                format!("4:cpuacct:/\n1:name=systemd:/{slice}/crio-conmon-{HEX}.scope\n0::/\n"),
                false,
                pod_process("1-2", true),
            ),
            // A container may create such cgroups in its own.
            (
                format!("0::/{slice}/crio-{HEX}.scope/kubepods-pod9.slice/crio-conmon-{HEX}.scope\n"),
                false,
                pod_process("1-2", false),
            ),
            ("5:cpu:/kubepods/burstable/pod1-2/crio-1\n".to_owned(), false, pod_process("1-2", false)),
            ("0::/\n".to_owned(), true, pod_process("(other)", false)),
            ("0::/\n".to_owned(), false, None),
            (format!("0::/../../crio-conmon-{HEX}.scope\n"), true, pod_process("(other)", false)),
            (format!("0::/system.slice/crio-{HEX}.scope\n"), false, pod_process("(other)", false)),
            ("0::/system.slice/kubepods-like.service\n".to_owned(), false, None),
            ("0::/podman/pod1\n".to_owned(), false, None),
            ("0::/user.slice/kubepods-pod1.slice/x\n".to_owned(), false, None),
            ("0::/a.service/kubepods/pod1\n".to_owned(), false, None),
            ("5:cpu:/kubepods/burstable/x\n".to_owned(), false, pod_process("(other)", false)),
        ] {
            assert_eq!(parse_pod_of_process(text.as_bytes(), relative), want, "{text}");
        }
    }
}
