//! PromQL of a line for a whole window, as an alert evaluates it: what the command computes of samples, written down.
use super::facts::Reserved;
use super::limit::LimitKind;
use super::subject::{Each, Line, Of, Resource, Statistic, Subject};
use crate::prometheus::promql::literal;
use crate::report::Class;
use crate::time::show_duration;
use crate::top::metric_names::{BUSY, CLASSES_ON_NODES, GROUPS, PODS};
use std::time::Duration;

/// Interval of the exporter's rules, and of the kubelet's scrapes: the steps of subqueries.
const STEP: &str = "15s";
const MEMORY_STEP: &str = "30s";
/// Requests of the pods that count as infra whatever their namespace is, in millicores.
const MANAGEMENT: &str =
    "kube_pod_container_resource_requests{resource=\"management_workload_openshift_io_cores\"}";

/// Writes what the platform used on each node: host, kernel, infra, class pod, and unattributed as a mean over a minute.
pub(super) fn platform() -> String {
    format!(
        "sum by (instance) ({CLASSES_ON_NODES}{{class!=\"workload\"}} or {}) + on (instance) {}",
        management_pods("class=\"workload\""),
        unattributed()
    )
}

fn unattributed() -> String {
    format!("avg_over_time(({BUSY} - on (instance) sum by (instance) ({CLASSES_ON_NODES}))[1m:{STEP}])")
}

fn management_pods(matchers: &str) -> String {
    format!("({PODS}{{{matchers}}} and on (namespace, pod) {MANAGEMENT})")
}

/// Writes the expression that is true where a line exceeds its limit over the last `interval`. The error says why there is
/// none.
pub(super) fn exceeds(line: &Line, interval: Duration, reserved: &Reserved) -> Result<String, String> {
    let is = statistic(line, interval, reserved)?;
    let node = if line.subject.resource == Resource::Memory { "node" } else { "instance" };
    let requests = |of: &str| format!("sum by (namespace, pod) (max by (namespace, pod, container) ({of}))");
    let of_request = |share: f64, requests: &str| {
        format!("({is}) > on (namespace, pod) group_left () ({share} * {requests})")
    };
    let cpu = |resource: &str| format!("kube_pod_container_resource_requests{{resource=\"{resource}\"}}");
    Ok(match line.limit.kind {
        LimitKind::Plain(amount) | LimitKind::Cores(amount) | LimitKind::Bytes(amount) => {
            format!("({is}) > {amount}")
        }
        LimitKind::OfReserved(share) => match &reserved.given {
            Some(list) => format!("({is}) > {}", share * list.count() as f64),
            None => {
                let status = |name: &str| {
                    let of = format!("kube_node_status_{name}{{resource=\"cpu\"}}");
                    format!("max by ({node}) (label_replace({of}, \"{node}\", \"$1\", \"node\", \"(.*)\"))")
                };
                let count = format!("({} - on ({node}) {})", status("capacity"), status("allocatable"));
                format!("({is}) > on ({node}) ({share} * {count})")
            }
        },
        LimitKind::OfManagementRequest(share) => of_request(share / 1000.0, &requests(MANAGEMENT)),
        LimitKind::OfRequest(share) if line.subject.resource == Resource::Memory => {
            of_request(share, &requests(&cpu("memory")))
        }
        LimitKind::OfRequest(share) => {
            let either = format!("({} / 1000 or {})", requests(MANAGEMENT), requests(&cpu("cpu")));
            of_request(share, &either)
        }
    })
}

fn statistic(line: &Line, interval: Duration, reserved: &Reserved) -> Result<String, String> {
    let (subject, range) = (&line.subject, show_duration(interval));
    let over = |of: &str, step: &str| match &line.statistic {
        Statistic::Avg => format!("avg_over_time(({of})[{range}:{step}])"),
        Statistic::Max => format!("max_over_time(({of})[{range}:{step}])"),
        Statistic::Percentile(percentile) => {
            format!("quantile_over_time({}, ({of})[{range}:{step}])", percentile.share)
        }
    };
    if subject.resource == Resource::Memory {
        let by = if subject.each.is_some() { "node, namespace, pod" } else { "node" };
        return Ok(over(&format!("sum by ({by}) ({})", memory(subject)), MEMORY_STEP));
    }
    if subject.of == Of::Reserved {
        let list = reserved.given.as_ref().ok_or_else(|| {
            "an alert cannot ask which CPUs are reserved: give --reserved 0-1,52-53".to_owned()
        })?;
        let cpus: Vec<String> = list.iter().map(|cpu| cpu.to_string()).collect();
        let busy =
            format!("node_cpu_seconds_total{{mode!~\"idle|iowait|steal\",cpu=~\"{}\"}}", cpus.join("|"));
        return Ok(over(&format!("sum by (instance) (irate({busy}[2m]))"), STEP));
    }
    if let Some(each) = subject.each {
        return Ok(each_series(subject, each, &line.statistic, &range));
    }
    let of = match &subject.of {
        Of::Platform => platform(),
        Of::Busy => BUSY.to_owned(),
        Of::Unattributed => unattributed(),
        _ => {
            let sum = format!("sum by (instance) ({})", samples(subject));
            // What was absent while its node answered counts as nothing in an average.
            let is_avg = line.statistic == Statistic::Avg;
            if is_avg { format!("{sum} or 0 * sum by (instance) ({CLASSES_ON_NODES})") } else { sum }
        }
    };
    Ok(over(&of, STEP))
}

/// Writes the statistic of each pod or group, whose average is over the time in which its node answered.
fn each_series(subject: &Subject, each: Each, statistic: &Statistic, range: &str) -> String {
    let name = match statistic {
        Statistic::Avg => "sum_over_time(".to_owned(),
        Statistic::Max => "max_over_time(".to_owned(),
        Statistic::Percentile(percentile) => format!("quantile_over_time({}, ", percentile.share),
    };
    let over = |selector: &str| format!("{name}{selector}[{range}])");
    let all = match each {
        Each::Group => over(&groups(subject)),
        Each::Pod => pods(subject, &over),
    };
    match statistic {
        Statistic::Avg => format!("({all}) / on (instance) group_left () count_over_time({BUSY}[{range}])"),
        _ => all,
    }
}

/// Writes the series of a sum of classes, groups or pods.
fn samples(subject: &Subject) -> String {
    let plain = |selector: &str| selector.to_owned();
    if subject.group.is_some() {
        return groups(subject);
    }
    if subject.namespace.is_some() || subject.has_class(Class::Workload) != subject.has_class(Class::Infra) {
        let pods_alone =
            subject.classes().iter().all(|class| matches!(class, Class::Infra | Class::Workload));
        let pods = pods(subject, &plain);
        return if pods_alone { pods } else { format!("{} or {pods}", whole_classes(subject, false)) };
    }
    whole_classes(subject, true)
}

fn whole_classes(subject: &Subject, pods: bool) -> String {
    let is_pod = |class: &Class| matches!(class, Class::Infra | Class::Workload);
    let classes = subject.classes().iter().filter(|class| pods || !is_pod(class)).map(|class| class.as_str());
    format!("{CLASSES_ON_NODES}{{class=~\"{}\"}}", classes.collect::<Vec<_>>().join("|"))
}

fn groups(subject: &Subject) -> String {
    let classes: Vec<&str> = subject.classes().iter().map(|class| class.as_str()).collect();
    let group = subject
        .group
        .as_ref()
        .map_or_else(String::new, |group| format!(",groupname=~{}", literal(&group.text)));
    format!("{GROUPS}{{class=~\"{}\"{group}}}", classes.join("|"))
}

/// Writes the pods of a subject, each selector by `of`.
fn pods(subject: &Subject, of: &dyn Fn(&str) -> String) -> String {
    let namespace = subject
        .namespace
        .as_ref()
        .map_or_else(String::new, |only| format!(",namespace=~{}", literal(&only.text)));
    let infra = of(&format!("{PODS}{{class=\"infra\"{namespace}}}"));
    let workload = of(&format!("{PODS}{{class=\"workload\"{namespace}}}"));
    match (subject.has_class(Class::Infra), subject.has_class(Class::Workload)) {
        (true, true) => format!("{infra} or {workload}"),
        (true, false) => format!("{infra} or ({workload} and on (namespace, pod) {MANAGEMENT})"),
        _ => format!("({workload} unless on (namespace, pod) {MANAGEMENT})"),
    }
}

/// Writes the working sets of a subject, each once.
fn memory(subject: &Subject) -> String {
    const INFRA: &str = "openshift|openshift-.*|kube-.*|default";
    const SET: &str = "container_memory_working_set_bytes";
    let namespace = subject
        .namespace
        .as_ref()
        .map_or_else(String::new, |only| format!(",namespace=~{}", literal(&only.text)));
    let pods = |not: &str| format!("{SET}{{container=\"\",pod!=\"\",namespace{not}~\"{INFRA}\"{namespace}}}");
    let mut parts = Vec::new();
    if subject.has_class(Class::Host) && subject.namespace.is_none() {
        parts.push(format!("{SET}{{id=~\"/(system|ovs)[.]slice\"}}"));
    }
    if subject.has_class(Class::Infra) {
        parts.push(pods("="));
        if !subject.has_class(Class::Workload) {
            parts.push(format!("({} and on (namespace, pod) {MANAGEMENT})", pods("!")));
        }
    }
    if subject.has_class(Class::Workload) {
        parts.push(pods("!"));
    }
    parts.join(" or ")
}
