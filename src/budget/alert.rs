//! A budget as an `AlertingRule` (monitoring.openshift.io/v1): an alert a line, true where the command finds it exceeded.
use super::expression::exceeds;
use super::facts::Reserved;
use super::file::Budget;
use super::subject::Resource;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// Name of the alerts; the label `line` tells them apart.
const ALERT: &str = "CpuBudgetExceeded";

/// Writes the rule as YAML, and notes about lines that it leaves out. Errors if it leaves out all of them.
pub fn alerting_rule(
    budget: &Budget,
    interval: Duration,
    reserved: &Reserved,
) -> Result<(String, Vec<String>)> {
    let (mut rules, mut notes) = (Vec::new(), Vec::new());
    for line in &budget.lines {
        match exceeds(line, interval, reserved) {
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

fn rule(budget: &Budget, line: &super::subject::Line, expression: &str) -> Value {
    let node = match line.subject.resource {
        Resource::Cpu => "{{ $labels.instance }}",
        Resource::Memory => "{{ $labels.node }}",
    };
    let of = match line.subject.each {
        Some(super::subject::Each::Pod) => ", pod {{ $labels.namespace }}/{{ $labels.pod }}",
        Some(super::subject::Each::Group) => ", group {{ $labels.groupname }}",
        None => "",
    };
    let (statistic, limit) = (line.statistic.name(), &line.limit.text);
    let unit = if line.subject.resource == Resource::Cpu { "cores" } else { "bytes" };
    json!({
        "alert": ALERT,
        "expr": expression,
        "labels": {
            "severity": "warning",
            "namespace": "openshift-monitoring",
            "budget": budget.name,
            "line": line.name,
        },
        "annotations": {
            "summary": format!("{} exceeds the CPU budget {}.", line.name, budget.name),
            "description": format!(
                "On node {node}{of}: {} ({statistic}) is {{{{ $value | humanize }}}} {unit}, and its limit is {limit}. \
                 `oc interrogate budget` shows what it is made of.",
                line.name
            ),
        },
    })
}

/// Makes a name of an object of a budget's name.
fn dns_label(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(safe).take(40).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "budget".to_owned() } else { name.to_owned() }
}
