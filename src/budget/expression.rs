//! PromQL of a line for a whole window, as an alert evaluates it: what the command computes of samples, written down.
use super::facts::Reserved;
use super::limit::LimitKind;
use super::platform_metrics::{self, MANAGEMENT, SLICES_MEMORY, infra, pods_memory};
use super::subject::{Each, Line, Resource, Statistic, Subject, Sum};
use crate::prometheus::promql::literal;
use crate::query::promql;
use crate::report::Class;
use crate::time::show_duration;
use crate::top::metric_names::{
    BUSY, CLASSES_ON_NODES, CPUSETS, GROUPS, GROUPS_BY_CPUSET, PODS, PODS_BY_CPUSET, cores_of, cpus_busy,
};
use std::time::Duration;

/// Interval of the kubelet's scrapes: the steps of subqueries of memory.
const MEMORY_STEP: &str = "30s";

/// Writer of expressions.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    /// Length of the window.
    range: String,
    /// Interval of the exporter's rules: the steps of subqueries.
    step: String,
    reserved: &'a Reserved,
}

/// Writes what the platform used on each node: host, kernel, infra, class pod, and unattributed as a mean over a minute.
pub(super) fn platform(step: &str) -> String {
    let management = platform_metrics::requests(MANAGEMENT);
    format!(
        "sum by (instance) ({CLASSES_ON_NODES}{{class!=\"workload\"}} or \
         ({PODS}{{class=\"workload\"}} and on (namespace, pod) {management})) + on (instance) {}",
        unattributed(step)
    )
}

fn unattributed(step: &str) -> String {
    format!("avg_over_time(({BUSY} - on (instance) sum by (instance) ({CLASSES_ON_NODES}))[1m:{step}])")
}

impl<'a> Writer<'a> {
    /// Makes a writer for windows of `interval`, of rules that are evaluated every `step`.
    pub(super) fn new(interval: Duration, step: Duration, reserved: &'a Reserved) -> Writer<'a> {
        Writer { range: show_duration(interval), step: show_duration(step), reserved }
    }

    /// Writes the expression that is true where a line exceeds its limit over the window. The error says why there is none.
    pub(super) fn exceeds(&self, line: &Line) -> Result<String, String> {
        let is = self.statistic(line)?;
        let node = if line.subject.resource == Resource::Memory { "node" } else { "instance" };
        let requests =
            |resource: &str| format!("({})", platform_metrics::pod_requests(resource, &self.range));
        let of_request = |share: f64, requests: &str| {
            format!("({is}) > on (namespace, pod) group_left () ({share} * {requests})")
        };
        Ok(match line.limit.kind {
            LimitKind::Plain(amount) | LimitKind::Cores(amount) | LimitKind::Bytes(amount) => {
                format!("({is}) > {amount}")
            }
            LimitKind::OfReserved(share) | LimitKind::OfSystemReserved(share) => match &self.reserved.given {
                Some(list) => format!("({is}) > {}", share * list.count() as f64),
                None => {
                    let status = |name: &str| {
                        let of = format!("kube_node_status_{name}{{resource=\"cpu\"}}");
                        format!(
                            "max by ({node}) (label_replace({of}, \"{node}\", \"$1\", \"node\", \"(.*)\"))"
                        )
                    };
                    let count = format!("({} - on ({node}) {})", status("capacity"), status("allocatable"));
                    format!("({is}) > on ({node}) ({share} * {count})")
                }
            },
            LimitKind::OfManagementRequest(share) => of_request(share / 1000.0, &requests(MANAGEMENT)),
            LimitKind::OfRequest(share) if line.subject.resource == Resource::Memory => {
                of_request(share, &requests("memory"))
            }
            LimitKind::OfRequest(share) => {
                let either = format!("({} / 1000 or {})", requests(MANAGEMENT), requests("cpu"));
                of_request(share, &either)
            }
        })
    }

    fn statistic(&self, line: &Line) -> Result<String, String> {
        let subject = &line.subject;
        let over = |of: &str, step: &str| {
            let range = format!("[{}:{step}]", self.range);
            function(&line.statistic, "avg_over_time", &format!("({of}){range}"))
        };
        if subject.resource == Resource::Memory {
            let by = if subject.each.is_some() { "node, namespace, pod" } else { "node" };
            return Ok(over(&memory(subject, by), MEMORY_STEP));
        }
        if let Sum::Cpuset(cpuset) = subject.sum {
            let cpus = self.reserved.given.as_ref().and_then(|_| self.reserved.cpus_of(cpuset, ""));
            let cpus =
                cpus.ok_or("an alert cannot ask which CPUs are reserved: give --reserved 0-1,52-53")?;
            return Ok(over(&cores_of(&cpus_busy(&cpus.matcher())), &self.step));
        }
        if !subject.on.is_empty() {
            return Ok(over(&self.parts(subject, &line.statistic), &self.step));
        }
        if let Some(each) = subject.each {
            return Ok(self.each_series(subject, each, &line.statistic));
        }
        let of = match &subject.sum {
            Sum::Platform => platform(&self.step),
            // A single series has its own samples, whatever their interval.
            Sum::Busy => {
                return Ok(function(&line.statistic, "avg_over_time", &format!("{BUSY}[{}]", self.range)));
            }
            Sum::Unattributed => unattributed(&self.step),
            _ => {
                let sum = format!("sum by (instance) ({})", self.samples(subject));
                // What was absent while its node answered counts as nothing in an average.
                let is_avg = line.statistic == Statistic::Avg;
                if is_avg { format!("{sum} or 0 * sum by (instance) ({CLASSES_ON_NODES})") } else { sum }
            }
        };
        Ok(over(&of, &self.step))
    }

    /// Writes what of some classes may run on some sets of CPUs, on each partitioned node.
    fn parts(&self, subject: &Subject, statistic: &Statistic) -> String {
        let sets: Vec<&str> = subject.on.iter().map(|cpuset| cpuset.as_str()).collect();
        let on = format!("cpuset=~\"{}\"", sets.join("|"));
        let is_pod = |class: &&Class| matches!(class, Class::Infra | Class::Workload);
        let mut parts = Vec::new();
        if subject.group.is_some() || !subject.classes().iter().all(|class| is_pod(&class)) {
            parts.push(groups(subject).replacen(GROUPS, GROUPS_BY_CPUSET, 1));
        }
        if subject.classes().iter().any(|class| is_pod(&class)) {
            let of = |selector: &str| promql::and(&selector.replacen(PODS, PODS_BY_CPUSET, 1), Some(&on));
            parts.push(self.pods(subject, &of));
        }
        if let Some(groups) = parts.first_mut().filter(|part| part.starts_with(GROUPS_BY_CPUSET)) {
            *groups = promql::and(groups, Some(&on));
        }
        let sum = format!("sum by (instance) ({})", parts.join(" or "));
        let is_avg = *statistic == Statistic::Avg;
        if is_avg { format!("{sum} or 0 * sum by (instance) ({CPUSETS})") } else { sum }
    }

    /// Writes the statistic of each pod or group, whose average is over the time in which its node answered.
    fn each_series(&self, subject: &Subject, each: Each, statistic: &Statistic) -> String {
        let range = &self.range;
        let over = |selector: &str| function(statistic, "sum_over_time", &format!("{selector}[{range}]"));
        let all = match each {
            Each::Group => over(&groups(subject)),
            Each::Pod => self.pods(subject, &over),
        };
        match statistic {
            Statistic::Avg => {
                format!("({all}) / on (instance) group_left () count_over_time({BUSY}[{range}])")
            }
            _ => all,
        }
    }

    /// Writes the series of a sum of classes, groups or pods.
    fn samples(&self, subject: &Subject) -> String {
        let plain = |selector: &str| selector.to_owned();
        if subject.group.is_some() {
            return groups(subject);
        }
        let has = |class| subject.has_class(class);
        if subject.namespace.is_none() && has(Class::Workload) == has(Class::Infra) {
            return whole_classes(subject, true);
        }
        let pods_alone =
            subject.classes().iter().all(|class| matches!(class, Class::Infra | Class::Workload));
        let pods = self.pods(subject, &plain);
        if pods_alone { pods } else { format!("{} or {pods}", whole_classes(subject, false)) }
    }

    /// Writes the pods of a subject, each selector by `of`.
    fn pods(&self, subject: &Subject, of: &dyn Fn(&str) -> String) -> String {
        let namespace = namespace_matcher(subject);
        let infra = of(&format!("{PODS}{{class=\"infra\"{namespace}}}"));
        let workload = of(&format!("{PODS}{{class=\"workload\"{namespace}}}"));
        let management = platform_metrics::requests(MANAGEMENT);
        let management = match subject.each {
            Some(_) => format!("max_over_time({management}[{}])", self.range),
            None => management,
        };
        match (subject.has_class(Class::Infra), subject.has_class(Class::Workload)) {
            (true, true) => format!("{infra} or {workload}"),
            (true, false) => format!("{infra} or ({workload} and on (namespace, pod) {management})"),
            _ => format!("({workload} unless on (namespace, pod) {management})"),
        }
    }
}

/// Writes a statistic over a range; `average` is the function of an average.
fn function(statistic: &Statistic, average: &str, range: &str) -> String {
    match statistic {
        Statistic::Avg => format!("{average}({range})"),
        Statistic::Max => format!("max_over_time({range})"),
        Statistic::Percentile(percentile) => format!("quantile_over_time({}, {range})", percentile.share),
    }
}

fn namespace_matcher(subject: &Subject) -> String {
    let namespace = subject.namespace.as_ref();
    namespace.map_or_else(String::new, |only| format!(",namespace=~{}", literal(&only.text)))
}

fn whole_classes(subject: &Subject, pods: bool) -> String {
    let is_pod = |class: &Class| matches!(class, Class::Infra | Class::Workload);
    let classes = subject.classes().iter().filter(|class| pods || !is_pod(class)).map(|class| class.as_str());
    format!("{CLASSES_ON_NODES}{{class=~\"{}\"}}", classes.collect::<Vec<_>>().join("|"))
}

fn groups(subject: &Subject) -> String {
    let classes: Vec<&str> = subject.classes().iter().map(|class| class.as_str()).collect();
    let group = subject.group.as_ref();
    let group = group.map_or_else(String::new, |group| format!(",groupname=~{}", literal(&group.text)));
    format!("{GROUPS}{{class=~\"{}\"{group}}}", classes.join("|"))
}

/// Writes the working sets of a subject by labels, each set once. With the host they are known only where its are.
fn memory(subject: &Subject, by: &str) -> String {
    let namespace = namespace_matcher(subject);
    let pods = |not: bool| pods_memory(&(infra(not) + &namespace));
    let management = platform_metrics::requests(MANAGEMENT);
    let mut parts = Vec::new();
    if subject.has_class(Class::Infra) {
        parts.push(pods(false));
        if !subject.has_class(Class::Workload) {
            parts.push(format!("({} and on (namespace, pod) {management})", pods(true)));
        }
    }
    if subject.has_class(Class::Workload) {
        parts.push(pods(true));
    }
    let has_host = subject.has_class(Class::Host) && subject.namespace.is_none();
    if !has_host {
        return format!("sum by ({by}) ({})", parts.join(" or "));
    }
    parts.push(SLICES_MEMORY.to_owned());
    format!("sum by ({by}) ({}) and on (node) sum by (node) ({SLICES_MEMORY})", parts.join(" or "))
}
