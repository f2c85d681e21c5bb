//! Pods: which part of the tree is theirs, which pod a cgroup is of, and what its monitor's command line calls it.

use super::owner::LONGEST;
use super::unit_name::{USERS, is_id};
use crate::snapshot::{Class, OTHER, Pod};
use std::sync::Arc;

/// How often a pod's name is looked for in vain, from when its containers last came or went: a monitor may be seen before it is
/// in its scope.
pub(crate) const NAME_TRIES: u8 = 5;

/// What the text of `/proc/PID/cgroup` tells of a pod's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InPod {
    /// The pod's UID, or `(other)` where the text does not tell it.
    pub(crate) uid: Arc<str>,
    /// Whether it is in the scope of a container's monitor, whose command line names the pod.
    pub(crate) is_conmon: bool,
}

/// Whether PID 1's text shows that the reader sees cgroups relative to its own container.
pub(crate) fn is_relative(text_of_pid_1: &[u8]) -> bool {
    text_of_pid_1.split(|&b| b == b'\n').any(|line| line.starts_with(b"0::/.."))
}

/// A pod as the command line of one of its monitors calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) uid: Arc<str>,
    pub(crate) pod: Pod,
}

/// The cgroup that holds all pods'.
pub(super) fn is_all_pods(component: &str) -> bool {
    matches!(component, "kubepods" | "kubepods.slice") || component.ends_with("-kubepods.slice")
}

/// The UID of the pod that a directory of the pods' part of the tree is the cgroup of:
/// `kubepods[-besteffort|-burstable]-pod<UID with _ for ->.slice` if systemd keeps the tree, else `pod<UID>`.
pub(super) fn uid_of(component: &str) -> Option<Arc<str>> {
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
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (!uid.is_empty() && uid.len() <= LONGEST && uid.bytes().all(good)).then(|| uid.into())
}

/// Whether a directory of a pod's cgroup is the scope of a container's monitor.
pub(crate) fn is_conmon_scope(component: &str) -> bool {
    container_id(component, "crio-conmon-").is_some()
}

/// Whether a cgroup is a container's or its monitor's by CRI-O's name for it, which may stand outside of the pods' slices.
pub(super) fn is_of_pod(component: &str) -> bool {
    let scope = component.ends_with(".scope");
    scope && (is_conmon_scope(component) || container_id(component, "crio-").is_some())
}

fn container_id<'a>(component: &'a str, prefix: &str) -> Option<&'a str> {
    let id = component.strip_suffix(".scope").unwrap_or(component).strip_prefix(prefix)?;
    (id.len() == 64 && is_id(id)).then_some(id)
}

/// The pod that a process is of, by the text of its `/proc/PID/cgroup`. `relative`: see [`is_relative`].
pub(crate) fn pod_by_text(text: &[u8], relative: bool) -> Option<InPod> {
    let mut found = None;
    for line in text.split(|&b| b == b'\n') {
        let line = String::from_utf8_lossy(line);
        // A bare `/` seen from inside of a container is the reader's own pod.
        let mut is_in = relative && line == "0::/";
        let mut components = line.split('/');
        while let Some(component) = components.next() {
            is_in |= is_of_pod(component);
            if component == USERS || [".service", ".scope"].iter().any(|unit| component.ends_with(unit)) {
                // Below a unit everybody may take any name.
                break;
            }
            if let Some(uid) = uid_of(component).filter(|_| component.ends_with(".slice") || is_in) {
                let is_conmon = components.next().is_some_and(is_conmon_scope);
                return Some(InPod { uid, is_conmon });
            }
            let slice = component.starts_with("kubepods") && component.ends_with(".slice");
            is_in |= slice || is_all_pods(component);
        }
        if is_in {
            found = Some(InPod { uid: OTHER.into(), is_conmon: false });
        }
    }
    found
}

/// The pod that a monitor's arguments name, each of which ends in NUL: `-n k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`.
pub(crate) fn pod_by_arguments(arguments: &[u8]) -> Option<Named> {
    let mut arguments = arguments.split(|&b| b == 0);
    let name = arguments.by_ref().find(|argument| *argument == b"-n").and(arguments.next())?;
    let name = std::str::from_utf8(name).ok()?.strip_prefix("k8s_")?;
    let (name, _attempt) = name.rsplit_once('_')?;
    let mut parts = name.splitn(4, '_');
    let (_container, pod, namespace, uid) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let good = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    };
    let whole = good(pod) && good(namespace) && pod.len() <= 253 && namespace.len() <= 63;
    let pod = Pod { class: Class::of_namespace(namespace), namespace: namespace.into(), name: pod.into() };
    whole.then(|| Named { uid: uid.replace('_', "-").into(), pod })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "af97775074c5f35e8c9cece9ae603a30aed0f6bf87078c72cc66b674825dd00f";

    #[test]
    fn a_pods_cgroup_bears_its_uid() {
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
            assert_eq!(uid_of(component).as_deref(), want, "{component}");
        }
    }

    #[test]
    fn a_monitors_arguments_name_its_pod() {
        let named = |arguments: &str| pod_by_arguments(arguments.replace(' ', "\0").as_bytes());
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
            Some(Named { uid: "8d-28".into(), pod: pod(Class::Infra, "openshift-etcd", "etcd-a.b") })
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
    fn the_text_of_a_pods_process_tells_its_uid() {
        let slice = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice";
        let in_pod = |uid: &str, is_conmon| Some(InPod { uid: uid.into(), is_conmon });
        for (text, relative, want) in [
            (format!("0::/{slice}/crio-{HEX}.scope/container\n"), false, in_pod("1-2", false)),
            (format!("0::/../../../kubepods-pod3.slice/crio-{HEX}.scope\n"), true, in_pod("3", false)),
            (
                format!("4:cpuacct:/\n1:name=systemd:/{slice}/crio-conmon-{HEX}.scope\n0::/\n"),
                false,
                in_pod("1-2", true),
            ),
            // A container may make such cgroups in its own.
            (
                format!("0::/{slice}/crio-{HEX}.scope/kubepods-pod9.slice/crio-conmon-{HEX}.scope\n"),
                false,
                in_pod("1-2", false),
            ),
            ("5:cpu:/kubepods/burstable/pod1-2/crio-1\n".to_owned(), false, in_pod("1-2", false)),
            ("0::/\n".to_owned(), true, in_pod("(other)", false)),
            ("0::/\n".to_owned(), false, None),
            (format!("0::/../../crio-conmon-{HEX}.scope\n"), true, in_pod("(other)", false)),
            (format!("0::/system.slice/crio-{HEX}.scope\n"), false, in_pod("(other)", false)),
            ("0::/system.slice/kubepods-like.service\n".to_owned(), false, None),
            ("0::/podman/pod1\n".to_owned(), false, None),
            ("0::/user.slice/kubepods-pod1.slice/x\n".to_owned(), false, None),
            ("0::/a.service/kubepods/pod1\n".to_owned(), false, None),
            ("5:cpu:/kubepods/burstable/x\n".to_owned(), false, in_pod("(other)", false)),
        ] {
            assert_eq!(pod_by_text(text.as_bytes(), relative), want, "{text}");
        }
    }
}
