//! Checks of Prometheus: its scrape targets, and the recording rules.
use super::checks::CheckName;
use super::report::{Check, CheckStatus};
use super::running::Nodes;
use crate::install::objects::{self, Program, Settings};
use crate::install::pod_problems::list_names;
use crate::prometheus::{Client, RuleGroup, Series, Size};
use crate::time::Timestamp;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Query for the result of each node's last scrape.
const UP: &str = r#"up{job="process-exporter",namespace="openshift-monitoring"}"#;
/// Scrape pool of our ServiceMonitor, as the prometheus-operator names it.
const SCRAPE_POOL: &str = "serviceMonitor/openshift-monitoring/process-exporter/0";
const FOLLOWS_REMEDY: &str = "Prometheus follows within two minutes (oc interrogate status --wait); else check that namespace openshift-monitoring has the label openshift.io/cluster-monitoring=true, and see oc -n openshift-monitoring logs deployment/prometheus-operator";
/// Rule group that is evaluated at the scrape interval, and that interval in seconds if the group is not loaded.
const SCRAPE_GROUP: &str = "process-exporter";
pub(super) const DEFAULT_INTERVAL: f64 = 15.0;

/// Result of the last scrape of each node, by its name.
pub(super) type Scrapes = BTreeMap<String, bool>;

/// Fetches the last scrapes at `now`. Errors if Prometheus does not respond, in one line.
pub(super) async fn fetch_scrapes(client: &Client, now: Timestamp) -> Result<Scrapes> {
    client
        .instant(UP, now, Size::Many, |series| {
            series.iter().map(|series| (node_of(series), series.value() == Some(1.0))).collect()
        })
        .await
}

/// Returns a series' node.
pub(super) fn node_of(series: &Series<'_>) -> String {
    series.label("instance").to_owned()
}

/// Checks the targets of `nodes`.
pub(super) async fn check_targets(client: &Client, scrapes: &Scrapes, nodes: &Nodes) -> Check {
    let up = scrapes.values().filter(|up| **up).count();
    let all = nodes.desired.map_or(scrapes.len(), |desired| desired.max(scrapes.len()));
    let state = format!("{up} of {all} nodes are scraped");
    if scrapes.is_empty() {
        return Check::failed(CheckName::Targets, "Prometheus scrapes no node", FOLLOWS_REMEDY);
    }
    let down_count = nodes.down.iter().filter(|node| scrapes.get(*node) != Some(&true)).count();
    if up < all && up + down_count >= all {
        let down = list_names(nodes.down.iter().map(String::as_str));
        return Check::warning(CheckName::Targets, format!("{state}; not ready: {down}"), "see oc get nodes");
    }
    if up == scrapes.len() {
        return match up < all {
            true => Check::failed(CheckName::Targets, state, FOLLOWS_REMEDY),
            false => Check::ok(CheckName::Targets, state),
        };
    }
    // Prometheus knows why a scrape failed. If it does not say so, the check still fails.
    let server_targets = client.targets(SCRAPE_POOL).await.unwrap_or_default();
    let why = |node: &str| {
        let of_node =
            server_targets.iter().find(|target| target.labels.get("instance").is_some_and(|its| its == node));
        of_node.map_or("no reason given", |target| target.last_error.as_str()).to_owned()
    };
    let mut reasons = BTreeMap::<String, BTreeSet<&str>>::new();
    for (node, _) in scrapes.iter().filter(|(_, up)| !**up) {
        reasons.entry(why(node)).or_default().insert(node);
    }
    let reasons: Vec<_> =
        reasons.into_iter().map(|(why, nodes)| format!("{}: {why}", list_names(nodes))).collect();
    let remedy = scrape_remedy(reasons.first().map_or("", String::as_str));
    Check::failed(CheckName::Targets, format!("{state}; {}", reasons.join("; ")), remedy)
}

/// Returns the remedy of a failed scrape by its error.
fn scrape_remedy(error: &str) -> &'static str {
    if error.contains("x509: ") {
        "Prometheus does not trust the exporter's certificate: see oc get clusteroperator service-ca, and secret/process-exporter-tls"
    } else if error.contains("remote error: tls: ") || error.contains("403 Forbidden") {
        "the exporter does not take Prometheus's certificate: see oc get clusteroperator monitoring, and configmap/metrics-client-ca"
    } else {
        "see oc -n openshift-monitoring logs daemonset/process-exporter, and what is between Prometheus and the pods' port 9256: oc -n openshift-monitoring get networkpolicies"
    }
}

/// Evaluations of our rules that Prometheus missed within an hour, and those that it started. If there are several
/// servers, the worst counts. Prometheus exports these about itself, and the platform scrapes them.
const MISSED: &str =
    r#"max(increase(prometheus_rule_group_iterations_missed_total{rule_group=~".*;process-exporter"}[1h]))"#;
const STARTED: &str =
    r#"max(increase(prometheus_rule_group_iterations_total{rule_group=~".*;process-exporter"}[1h]))"#;

/// Checks the rules at `now`. Returns the evaluation interval too, in seconds.
pub(super) async fn check_rules(client: &Client, now: Timestamp) -> (Check, f64) {
    let expected = match expected_rules() {
        Ok(expected) => expected,
        Err(error) => return (Check::error(CheckName::Rules, &error), DEFAULT_INTERVAL),
    };
    let names: Vec<&str> = expected.keys().map(String::as_str).collect();
    let groups = match client.rule_groups(&names).await {
        Ok(groups) => groups,
        Err(error) => return (Check::error(CheckName::Rules, &error), DEFAULT_INTERVAL),
    };
    let interval = groups
        .iter()
        .find(|group| group.name == SCRAPE_GROUP)
        .map_or(DEFAULT_INTERVAL, |group| group.interval);
    let check = compare(&expected, &groups);
    if check.status != CheckStatus::Ok {
        return (check, interval);
    }
    // If Prometheus does not export these, the rules are fine.
    let missed = client.one(MISSED, now).await.ok().flatten().unwrap_or(0.0).round();
    let started = client.one(STARTED, now).await.ok().flatten().unwrap_or(0.0).round();
    (if missed > 0.0 { missed_evaluations(&check, missed, started) } else { check }, interval)
}

/// Returns the check of rules that are fine but sometimes not evaluated.
fn missed_evaluations(check: &Check, missed: f64, started: f64) -> Check {
    Check::warning(
        CheckName::Rules,
        format!(
            "{}, but {missed} of {} evaluations of the last hour were missed",
            check.message,
            started.max(missed)
        ),
        "Prometheus does not keep up: see its CPU with oc adm top pods -n openshift-monitoring; install with a longer --scrape-interval, or with --threads=false",
    )
}

/// Returns the names that our rules record, by group.
fn expected_rules() -> Result<BTreeMap<String, Vec<String>>> {
    let objects = objects::render(&Settings::default(), &Program::Image(String::new()))?;
    let rule = objects.iter().find(|object| object.resource.kind == "PrometheusRule");
    let groups = rule.and_then(|rule| rule.value.pointer("/spec/groups")?.as_array());
    let groups = groups.context("a manifest has no rules")?.iter().filter_map(|group| {
        let records = group.get("rules")?.as_array()?.iter();
        let records = records.filter_map(|rule| Some(rule.get("record")?.as_str()?.to_owned()));
        Some((group.get("name").and_then(Value::as_str)?.to_owned(), records.collect()))
    });
    Ok(groups.collect())
}

fn compare(expected: &BTreeMap<String, Vec<String>>, groups: &[RuleGroup]) -> Check {
    let (mut loaded, mut missing, mut pending, mut failing) = (0, Vec::new(), 0, Vec::new());
    for (group, records) in expected {
        let rules = || groups.iter().filter(|found| found.name == *group).flat_map(|found| &found.rules);
        for record in records {
            match rules().find(|rule| rule.name == *record) {
                None => missing.push(record.as_str()),
                Some(rule) if rule.health == "err" => failing.push(format!("{record}: {}", rule.last_error)),
                Some(rule) if rule.health != "ok" => pending += 1,
                Some(_) => loaded += 1,
            }
        }
    }
    let all = loaded + missing.len() + pending + failing.len();
    match (missing.first(), failing.first()) {
        (Some(_), _) if missing.len() == all => {
            Check::failed(CheckName::Rules, "Prometheus has none of the rules", FOLLOWS_REMEDY)
        }
        (Some(_), _) => Check::failed(
            CheckName::Rules,
            format!("Prometheus lacks {} of {all} rules: {}", missing.len(), missing.join(", ")),
            "run oc interrogate install, and wait for it with oc interrogate status --wait",
        ),
        (None, Some(first)) => Check::failed(
            CheckName::Rules,
            format!("{} of {all} rules fail; {first}", failing.len()),
            "run oc interrogate install; if it stays so, see oc -n openshift-monitoring logs prometheus-k8s-0",
        ),
        (None, None) if pending > 0 => Check::failed(
            CheckName::Rules,
            format!("{pending} of {all} rules have not been evaluated yet"),
            "wait for it with oc interrogate status --wait",
        ),
        (None, None) => Check::ok(CheckName::Rules, format!("{all} rules are loaded and evaluated")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::status::Format;
    use crate::status::report::Report;
    use serde_json::json;

    fn groups(health: &str) -> Vec<RuleGroup> {
        let expected = expected_rules().unwrap();
        let rules = |records: &[String]| -> Vec<Value> {
            records
                .iter()
                .map(|record| json!({"name": record, "health": health, "lastError": "many-to-many"}))
                .collect()
        };
        let groups: Vec<Value> = expected
            .iter()
            .map(|(name, records)| json!({"name": name, "interval": 15, "rules": rules(records)}))
            .collect();
        serde_json::from_value(groups.into()).unwrap()
    }

    #[test]
    fn rules_are_all_there_evaluated_and_well() {
        let expected = expected_rules().unwrap();
        assert_eq!(expected.values().map(Vec::len).sum::<usize>(), 15);
        let mut short = groups("ok");
        short[0].rules.pop();
        let mut report = Report::new(Vec::new());
        for groups in [groups("ok"), groups("unknown"), groups("err"), short, Vec::new()] {
            report.checks.push(compare(&expected, &groups));
        }
        report.checks.push(missed_evaluations(&report.checks[0], 5.0, 240.0));
        let failed = CheckStatus::Failed;
        let all = [CheckStatus::Ok, failed, failed, failed, failed, CheckStatus::Warning];
        assert_eq!(report.checks.iter().map(|check| check.status).collect::<Vec<_>>(), all);
        let mut page = Vec::new();
        crate::status::write(&report, Format::Table, false, &mut page).unwrap();
        golden::check("tests/golden/status/rules.txt", &String::from_utf8(page).unwrap());
    }
}
