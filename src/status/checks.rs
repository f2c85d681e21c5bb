//! The table of checks. `status` runs them in this order, and `status --help` and docs/troubleshooting.md list them.
//! What a new one takes is in docs/design/map.md.
use serde::{Serialize, Serializer};

/// Makes an enum of the table's rows: variant, name in the output, and what must hold for the check to be ok.
macro_rules! checks {
    ($($variant:ident $name:literal $condition:literal)+) => {
        /// Names a check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum CheckName {
            $(#[doc = $condition] $variant,)+
        }

        impl CheckName {
            /// Every check, in the order of the report.
            pub const ALL: &[CheckName] = &[$(CheckName::$variant),+];

            /// Returns its name in the output.
            pub fn as_str(self) -> &'static str {
                match self { $(CheckName::$variant => $name,)+ }
            }

            /// Returns what must hold for the check to be ok, as one sentence.
            pub fn condition(self) -> &'static str {
                match self { $(CheckName::$variant => $condition,)+ }
            }
        }
    };
}

checks! {
    Objects     "objects"     "All objects of the installation exist, and are as `install` applies them."
    Version     "version"     "The installed version is that of the plugin."
    Image       "image"       "The pods run in node-exporter's image, or in that of `--image`."
    Constraints "constraints" "The exporter's security context constraints change no other pods."
    Pods        "pods"        "Every node that should run the exporter has a ready pod."
    Rights      "rights"      "The exporter's pods may use their security context constraints."
    Prometheus  "prometheus"  "Prometheus responds to queries."
    Targets     "targets"     "Prometheus scrapes the exporter of every node."
    Rules       "rules"       "Prometheus has loaded all recording rules, and evaluates them in time."
    Samples     "samples"     "Every node has fresh samples."
    Attributed  "attributed"  "On each node, 80 to 120 % of the busy time is attributed."
    Names       "names"       "Pods are counted under their names, not under their UIDs."
    Cpusets     "cpusets"     "Nothing of the platform may run on isolated CPUs, but what is expected there."
    Cost        "cost"        "No exporter uses more than 0.05 cores."
    Config      "config"      "Every exporter has read its config and its certificates since they last changed."
}

impl Serialize for CheckName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::CheckName;

    #[test]
    fn the_documentation_has_the_table() {
        let row = |name: &CheckName| format!("| `{}` | {} |\n", name.as_str(), name.condition());
        let rows: String = CheckName::ALL.iter().map(row).collect();
        let table = format!("\n\n| check | ok if |\n|---|---|\n{rows}\n");
        let text = include_str!("../../docs/troubleshooting.md");
        assert!(text.contains(&table), "docs/troubleshooting.md must hold this table:{table}");
    }
}
