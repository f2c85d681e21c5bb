//! Classes of CPU: by the exporter's label `class`, and of pods by their namespace.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kind of thing that used the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Processes of the host outside of pods.
    Host,
    /// Kernel threads and interrupts.
    Kernel,
    /// Pods of the platform's namespaces.
    Infra,
    /// All other pods.
    Workload,
    /// CPU of pods that has no pod's name.
    Pod,
}

impl Class {
    /// Returns the name as in labels, JSON and CSV.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Host => "host",
            Class::Kernel => "kernel",
            Class::Infra => "infra",
            Class::Workload => "workload",
            Class::Pod => "pod",
        }
    }

    /// Returns the class of a series by its label `class`; host if that names none.
    pub fn of_label(label: &str) -> Class {
        match label {
            "kernel" => Class::Kernel,
            "pod" => Class::Pod,
            "infra" => Class::Infra,
            "workload" => Class::Workload,
            _ => Class::Host,
        }
    }

    /// Returns the class of a pod by its namespace, as the exporter does.
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
}
