//! Filter of rows: by class, namespace and node, and of the exporter's own pods.
use super::key::Key;
use super::metric_names;
use crate::query::promql;
use crate::report::Class;
use anyhow::{Context, Result};
use regex::Regex;

/// Filter of a report's rows. Totals are never filtered.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Classes that have rows. Empty: all.
    pub classes: Vec<Class>,
    /// Namespace whose pods alone have rows: no host and no kernel. `None`: all.
    pub namespace: Option<String>,
    /// Namespaces whose pods have no rows.
    pub skip: Namespaces,
    /// Nodes that have rows. `None`: all.
    pub nodes: Option<Vec<String>>,
    /// True if the exporter's own pods have rows too.
    pub exporter: bool,
}

impl Filter {
    /// Returns true if a class has rows.
    pub(super) fn has_class(&self, class: Class) -> bool {
        let pods = matches!(class, Class::Infra | Class::Workload);
        (self.classes.is_empty() || self.classes.contains(&class)) && (pods || self.namespace.is_none())
    }

    /// Returns those of some classes that have rows.
    pub(super) fn included_classes(&self, classes: &[Class]) -> Vec<Class> {
        classes.iter().copied().filter(|class| self.has_class(*class)).collect()
    }

    /// Returns whether the exporter's own pods, and no others, are excluded of their namespace.
    pub(super) fn leaves_out_own(&self) -> bool {
        !self.exporter && self.has_namespace(metric_names::OWN_NAMESPACE)
    }

    /// Returns true if pods of one namespace may have rows, and others of their class none.
    pub(super) fn picks_namespaces(&self) -> bool {
        self.namespace.is_some() || !self.skip.0.is_empty()
    }

    /// Returns true if pods of a namespace have rows.
    pub(super) fn has_namespace(&self, namespace: &str) -> bool {
        self.has_class(Class::of_namespace(namespace))
            && self.namespace.as_deref().is_none_or(|only| only == namespace)
            && !self.skip.contains(namespace)
    }

    /// Returns true if a pod of a name and namespace has a row.
    pub(super) fn has_pod(&self, namespace: &str, pod: &str) -> bool {
        self.has_namespace(namespace) && (self.exporter || !metric_names::is_exporter_pod(namespace, pod))
    }

    /// Returns true if a group or a pod has a row.
    pub(super) fn shows(&self, key: &Key) -> bool {
        match &key.namespace {
            Some(namespace) => self.has_pod(namespace, &key.name),
            None => self.has_class(key.class),
        }
    }

    /// Matches the nodes that have rows by a label. `None`: all nodes have.
    pub(super) fn nodes_matcher(&self, label: &str) -> Option<String> {
        let nodes = self.nodes.as_ref()?;
        Some(promql::any_of(label, nodes.iter().map(String::as_str)))
    }

    /// Returns true if a node has rows.
    pub(super) fn has_node(&self, node: &str) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|one| one == node))
    }
}

/// Set of namespaces, by anchored regular expressions.
#[derive(Debug, Clone, Default)]
pub struct Namespaces(Vec<Regex>);

impl Namespaces {
    /// Parses regular expressions that are separated by commas. The error names the one that is none.
    pub fn parse(text: &str) -> Result<Namespaces> {
        let mut regexes = Vec::new();
        for pattern in split_at_commas(text).into_iter().filter(|pattern| !pattern.is_empty()) {
            // Checks the bare pattern first: `a)(b` would pass when wrapped, and errors would quote the wrapping.
            Regex::new(pattern)
                .and_then(|_| Regex::new(&format!("^(?:{pattern})$")))
                .map(|regex| regexes.push(regex))
                .map_err(|error| anyhow::anyhow!("{}", last_line(&error)))
                .with_context(|| format!("{pattern:?} is no regular expression"))?;
        }
        Ok(Namespaces(regexes))
    }

    /// Returns true if the set has a namespace.
    pub fn contains(&self, namespace: &str) -> bool {
        self.0.iter().any(|regex| regex.is_match(namespace))
    }
}

impl FromIterator<Namespaces> for Namespaces {
    /// Returns the union.
    fn from_iter<I: IntoIterator<Item = Namespaces>>(sets: I) -> Namespaces {
        Namespaces(sets.into_iter().flat_map(|set| set.0).collect())
    }
}

/// Returns the last line of an error: the regex crate draws its errors over several lines.
fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Splits at commas outside of brackets and braces: `a{1,2},[x,y]b` has two parts.
fn split_at_commas(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut in_class, mut braces, mut escaped) = (Vec::new(), 0, false, 0usize, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '{' if !in_class => braces += 1,
            '}' if !in_class => braces = braces.saturating_sub(1),
            ',' if !in_class && braces == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

#[cfg(test)]
mod tests {
    use super::{Namespaces, split_at_commas};

    #[test]
    fn commas_in_brackets_and_braces_belong_to_the_regex() {
        assert_eq!(split_at_commas("a,b"), ["a", "b"]);
        assert_eq!(split_at_commas("a{1,2},[x,{]b,c"), ["a{1,2}", "[x,{]b", "c"]);
        assert_eq!(split_at_commas(r"a\[,b"), [r"a\[", "b"]);
        assert_eq!(split_at_commas(""), [""]);
    }

    #[test]
    fn namespaces_are_anchored() {
        let skip: Namespaces =
            ["openshift-log.*,kube", "x|y"].iter().map(|text| Namespaces::parse(text).unwrap()).collect();
        for (namespace, inside) in [
            ("openshift-logging", true),
            ("my-openshift-logging", false),
            ("kube", true),
            ("kube-system", false),
            ("y", true),
            ("xy", false),
        ] {
            assert_eq!(skip.contains(namespace), inside, "{namespace}");
        }
        assert!(!Namespaces::parse("").unwrap().contains(""));
    }

    #[test]
    fn a_bad_regex_is_one_line_that_names_it() {
        let error = format!("{:#}", Namespaces::parse("a,(").unwrap_err());
        assert!(error.contains("\"(\" is no regular expression: ") && !error.contains('\n'), "{error}");
        assert!(Namespaces::parse("a)(b").is_err());
    }
}
