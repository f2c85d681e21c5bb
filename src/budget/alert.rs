//! A budget as an `AlertingRule` (monitoring.openshift.io/v1): an alert a line, true where the command finds it exceeded.
use super::expression::Writer;
use super::facts::Reserved;
use super::file::Budget;
use super::subject::{Each, Line, Resource};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// Name of the alerts; the label `line` tells them apart.
const ALERT: &str = "CpuBudgetExceeded";

/// Shortest window of an alert: alerts are evaluated every half a minute.
const SHORTEST: Duration = Duration::from_secs(60);

/// Writes the rule as YAML, for rules that are evaluated every `step`, and notes about lines that it leaves out. Errors if it
/// leaves out all of them, or the interval is below a minute.
pub fn alerting_rule(
    budget: &Budget,
    (interval, step): (Duration, Duration),
    reserved: &Reserved,
) -> Result<(String, Vec<String>)> {
    ensure!(interval >= SHORTEST, "an alert needs an --interval of a minute or more");
    let writer = Writer::new(interval, step, reserved);
    let (mut rules, mut notes) = (Vec::new(), Vec::new());
    for line in &budget.lines {
        match writer.exceeds(line) {
            Ok(expression) => rules.push(rule(budget, line, &expression)),
            Err(why) => notes.push(format!("the line {:?} is left out: {why}", line.name)),
        }
    }
    ensure!(!rules.is_empty(), "no line of the budget can be an alert: {}", notes.join("; "));
    let name = format!("cpu-budget-{}", dns_label(&budget.name));
    let object = json!({
        "apiVersion": "monitoring.openshift.io/v1",
        "kind": "AlertingRule",
        "metadata": {"name": name, "namespace": "openshift-monitoring"},
        "spec": {"groups": [{"name": name, "rules": rules}]},
    });
    Ok((serde_yaml::to_string(&object).context("cannot write the rule")?, notes))
}

fn rule(budget: &Budget, line: &Line, expression: &str) -> Value {
    let node = match line.subject.resource {
        Resource::Cpu => "{{ $labels.instance }}",
        Resource::Memory => "{{ $labels.node }}",
    };
    let of = match line.subject.each {
        Some(Each::Pod) => ", pod {{ $labels.namespace }}/{{ $labels.pod }}",
        Some(Each::Group) => ", group {{ $labels.groupname }}",
        None => "",
    };
    let (name, budget) = (plain(&line.name), plain(&budget.name));
    let (statistic, limit) = (line.statistic.name(), plain(&line.limit.text));
    let unit = if line.subject.resource == Resource::Cpu { "cores" } else { "bytes" };
    let mut labels = json!({"severity": "warning", "budget": budget, "line": name, "statistic": statistic});
    // Alerts of pods have the pods' own namespace.
    if line.subject.each != Some(Each::Pod)
        && let Some(labels) = labels.as_object_mut()
    {
        labels.insert("namespace".to_owned(), "openshift-monitoring".into());
    }
    json!({
        "alert": ALERT,
        "expr": expression,
        "labels": labels,
        "annotations": {
            "summary": format!("{name} exceeds the CPU budget {budget}."),
            "description": format!(
                "On node {node}{of}: {name} ({statistic}) is {{{{ $value | humanize }}}} {unit}, and its limit is {limit}. \
                 `oc interrogate budget` shows what it is made of."
            ),
        },
    })
}

/// Returns a text that Prometheus does not take for a template.
fn plain(text: &str) -> String {
    text.replace("{{", "{{`{{`}}")
}

/// Makes a name of an object of a budget's name.
fn dns_label(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(safe).take(40).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "budget".to_owned() } else { name.to_owned() }
}
