//! Subjects of lines: what is summed up on each node, and the statistic of it.
use super::limit::{Limit, LimitKind};
use crate::report::{Class, Cpuset};
use crate::top::Percentile;
use anyhow::{Result, ensure};
use regex::Regex;
use serde::Deserialize;
use std::fmt;

/// Line of a budget.
#[derive(Clone, Debug)]
pub struct Line {
    /// Name, unique in its budget.
    pub name: String,
    /// What is held to the limit.
    pub subject: Subject,
    /// Statistic that is held to it.
    pub statistic: Statistic,
    /// The limit.
    pub limit: Limit,
}

/// What is summed up on each node.
#[derive(Clone, Debug)]
pub struct Subject {
    /// CPU or memory.
    pub resource: Resource,
    /// The sum.
    pub sum: Sum,
    /// Groups of host or kernel that count alone.
    pub group: Option<Pattern>,
    /// Namespaces whose pods count alone.
    pub namespace: Option<Pattern>,
    /// What is held to the limit one by one.
    pub each: Option<Each>,
    /// Sets of CPUs: what may run on them alone counts. Empty: all.
    pub on: Vec<Cpuset>,
}

/// Resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Cores.
    #[default]
    Cpu,
    /// Working set, bytes.
    Memory,
}

/// Sum on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sum {
    /// Host, kernel, infra, class pod and unattributed.
    Platform,
    /// Busy time.
    Busy,
    /// Busy time that no class accounts for, as a mean over a minute.
    Unattributed,
    /// Busy time of the reserved or of the isolated CPUs.
    Cpuset(Cpuset),
    /// Some classes.
    Classes(Vec<Class>),
}

/// Things that are judged one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Each {
    /// Pods.
    Pod,
    /// Groups of host and kernel.
    Group,
}

/// Anchored regular expression.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it was given, without anchors; PromQL anchors it by itself.
    pub text: String,
    regex: Regex,
}

impl Pattern {
    /// Parses it. Errors if it is no regular expression.
    pub fn parse(text: &str) -> Result<Pattern> {
        ensure!(is_common(text), "{text:?} is no regular expression that Prometheus knows");
        // The bare one first: `a)(b` would pass when it is wrapped.
        Regex::new(text)?;
        Ok(Pattern { text: text.to_owned(), regex: Regex::new(&format!("^(?:{text})$"))? })
    }

    /// Returns true if it matches the whole of a text.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Returns false for what this program's regular expressions have and Prometheus's have not: set operations, the flags `x`
/// and `u`, escapes `\\u`, and repetitions above 1000.
fn is_common(text: &str) -> bool {
    let has_operation = ["&&", "--", "~~", "\\u", "\\U", "\\<", "\\>"].iter().any(|part| text.contains(part));
    let flags = text.split("(?").skip(1).map(|rest| rest.split([')', ':']).next().unwrap_or_default());
    let has_flag =
        flags.filter(|flags| !flags.starts_with(['P', '<'])).any(|flags| flags.contains(['x', 'u', 'R']));
    let counts = text.split('{').skip(1).flat_map(|rest| rest.split(['}', ',']).take(2));
    let is_long = counts.filter_map(|count| count.parse::<u64>().ok()).any(|count| count > 1000);
    !has_operation && !has_flag && !is_long
}

/// Statistic over the window.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum Statistic {
    /// Average.
    Avg,
    /// Maximum.
    Max,
    /// Percentile.
    Percentile(Percentile),
}

impl Statistic {
    /// Parses `avg`, `max` or a percentile such as `p99`.
    pub fn parse(text: &str) -> Result<Statistic> {
        match text {
            "avg" => Ok(Statistic::Avg),
            "max" => Ok(Statistic::Max),
            _ => {
                let known = text.starts_with('p').then(|| Percentile::parse(text).ok()).flatten();
                let percentile = known.ok_or_else(|| {
                    anyhow::anyhow!("{text:?} is no statistic: give avg, max or a percentile such as p99")
                })?;
                Ok(Statistic::Percentile(percentile))
            }
        }
    }

    /// Returns the name: `avg`, `max`, `p99`.
    pub fn name(&self) -> &str {
        match self {
            Statistic::Avg => "avg",
            Statistic::Max => "max",
            Statistic::Percentile(percentile) => &percentile.name,
        }
    }
}

impl TryFrom<String> for Statistic {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Statistic> {
        Statistic::parse(&text)
    }
}

impl Subject {
    /// Returns the classes of a sum; empty if it is none of classes.
    pub fn classes(&self) -> &[Class] {
        match &self.sum {
            Sum::Classes(classes) => classes,
            _ => &[],
        }
    }

    /// Returns true if it takes in a class.
    pub fn has_class(&self, class: Class) -> bool {
        match &self.sum {
            Sum::Platform => class != Class::Workload,
            Sum::Busy => true,
            Sum::Classes(classes) => classes.contains(&class),
            Sum::Unattributed | Sum::Cpuset(_) => false,
        }
    }

    /// Returns true if it is the sum of whole classes, or of what they are a part of.
    pub fn is_whole(&self) -> bool {
        self.group.is_none() && self.namespace.is_none() && self.each.is_none() && self.on.is_empty()
    }

    /// Returns true if the group of host or kernel is a part of it.
    pub fn has_group(&self, class: Class, group: &str) -> bool {
        self.namespace.is_none()
            && self.has_class(class)
            && self.group.as_ref().is_none_or(|only| only.matches(group))
    }

    /// Returns true if the pod, by its namespace and its class in budgets, is a part of it.
    pub fn has_pod(&self, class: Class, namespace: &str) -> bool {
        self.group.is_none()
            && self.has_class(class)
            && self.namespace.as_ref().is_none_or(|only| only.matches(namespace))
    }

    /// Checks that the parts fit together, and with a limit. Errors say which do not.
    pub(super) fn check(&self, limit: &Limit) -> Result<()> {
        let is_pod = |class: &Class| matches!(class, Class::Infra | Class::Workload);
        let pods = !self.classes().is_empty() && self.classes().iter().all(is_pod);
        let groups = !self.classes().is_empty()
            && self.classes().iter().all(|class| matches!(class, Class::Host | Class::Kernel));
        ensure!(
            self.group.is_none() || self.namespace.is_none(),
            "group is of host and kernel, namespace of pods: give one"
        );
        ensure!(self.group.is_none() || groups, "group needs of: host, kernel or both");
        ensure!(self.namespace.is_none() || pods, "namespace needs of: infra, workload or both");
        ensure!(self.each != Some(Each::Pod) || pods, "each: pod needs of: infra, workload or both");
        ensure!(self.each != Some(Each::Group) || groups, "each: group needs of: host, kernel or both");
        let of_classes = !self.classes().is_empty() && !self.classes().contains(&Class::Pod);
        let of_classes = of_classes && self.resource == Resource::Cpu;
        ensure!(
            self.on.is_empty() || of_classes,
            "cpuset needs of: host, kernel, infra, workload or some of them"
        );
        ensure!(self.on.is_empty() || self.each.is_none(), "cpuset is of sums: leave out each");
        let of_request = matches!(limit.kind, LimitKind::OfRequest(_) | LimitKind::OfManagementRequest(_));
        ensure!(!of_request || self.each == Some(Each::Pod), "a limit of requests needs each: pod");
        match self.resource {
            Resource::Cpu => {
                ensure!(!matches!(limit.kind, LimitKind::Bytes(_)), "a limit of CPU is no number of bytes")
            }
            Resource::Memory => {
                let known = self.sum == Sum::Platform || pods || self.classes() == [Class::Host];
                ensure!(
                    known && self.group.is_none(),
                    "memory is known of platform, host, infra and workload"
                );
                let fits =
                    matches!(limit.kind, LimitKind::Plain(_) | LimitKind::Bytes(_) | LimitKind::OfRequest(_));
                ensure!(fits, "a limit of memory is a number of bytes such as 16 GB, or a share of requests");
            }
        }
        Ok(())
    }
}

/// As in a line without a name.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.resource == Resource::Memory {
            f.write_str("memory of ")?;
        }
        if self.each.is_some() {
            f.write_str("each ")?;
        }
        match &self.sum {
            Sum::Platform => f.write_str("platform")?,
            Sum::Busy => f.write_str("busy")?,
            Sum::Unattributed => f.write_str("unattributed")?,
            Sum::Cpuset(cpuset) => write!(f, "busy of the {} CPUs", cpuset.as_str())?,
            Sum::Classes(classes) => {
                let names: Vec<&str> = classes.iter().map(|class| class.as_str()).collect();
                f.write_str(&names.join(" + "))?;
            }
        }
        match self.each {
            Some(Each::Pod) => f.write_str(" pod")?,
            Some(Each::Group) => f.write_str(" group")?,
            None => {}
        }
        if let Some(pattern) = self.group.as_ref().or(self.namespace.as_ref()) {
            write!(f, " {}", pattern.text)?;
        }
        if !self.on.is_empty() {
            let sets: Vec<&str> = self.on.iter().map(|cpuset| cpuset.as_str()).collect();
            write!(f, " on {} CPUs", sets.join(" or "))?;
        }
        Ok(())
    }
}
