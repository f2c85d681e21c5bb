//! The classes of CPU: by the exporter's `class` label, and pods by their namespace.
use serde::Serialize;

/// What kind of thing used the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Processes of the host outside of pods.
    Host,
    /// Kernel threads and interrupts.
    Kernel,
    /// Pods of the platform's namespaces.
    Infra,
    /// Everybody else's pods.
    Workload,
    /// All pods together, by the exporter's own count.
    Pod,
}

impl Class {
    /// As in labels, JSON and CSV.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Host => "host",
            Class::Kernel => "kernel",
            Class::Infra => "infra",
            Class::Workload => "workload",
            Class::Pod => "pod",
        }
    }

    /// The class of an exporter's series. Without a label (the predecessor's exporter) it is host, but for the group
    /// `conmon`, which is the pods there too.
    pub fn of_group(label: Option<&str>, group: &str) -> Class {
        match label.unwrap_or_default() {
            "kernel" => Class::Kernel,
            "pod" => Class::Pod,
            "" if group == "conmon" => Class::Pod,
            _ => Class::Host,
        }
    }

    /// The class of a pod, by its namespace, as the exporter tells it.
    pub fn of_namespace(namespace: &str) -> Class {
        match node_cpu::Class::of_namespace(namespace) {
            node_cpu::Class::Infra => Class::Infra,
            _ => Class::Workload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn pods_are_infra_by_their_namespace() {
        for (namespace, class) in [
            ("default", Class::Infra),
            ("openshift", Class::Infra),
            ("openshift-ovn-kubernetes", Class::Infra),
            ("kube-system", Class::Infra),
            ("openshifty", Class::Workload),
            ("kube", Class::Workload),
            ("default-2", Class::Workload),
            ("my-openshift-app", Class::Workload),
        ] {
            assert_eq!(Class::of_namespace(namespace), class, "{namespace}");
        }
    }

    #[test]
    fn a_group_without_a_class_is_the_predecessors() {
        assert_eq!(Class::of_group(None, "crio"), Class::Host);
        assert_eq!(Class::of_group(None, "conmon"), Class::Pod);
        assert_eq!(Class::of_group(Some("host"), "conmon"), Class::Host);
        assert_eq!(Class::of_group(Some("kernel"), "kworker"), Class::Kernel);
    }
}
