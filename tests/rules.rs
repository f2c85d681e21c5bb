//! The recording rules as Prometheus reads them: the manifest's own text through the real promtool, against cases that
//! are worked out by hand (tests/rules/), and against changes of the rules that must turn those cases red.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_yaml::Value;

/// The group of the exporter's rates, which follows the scrape interval.
const EXPORTER: &str = "process-exporter";

/// A way to spoil the rules.
enum Spoil {
    /// In the text of the group, the first for the second.
    Replace(&'static str, &'static str),
    /// The rules evaluated in the opposite order.
    Reverse,
}
use Spoil::{Replace, Reverse};

/// A test of a file under tests/rules/, run on one group as installed with a scrape interval; and what breaks it.
struct Case {
    file: &'static str,
    name: &'static str,
    group: &'static str,
    scrape_interval: &'static str,
    red_if: &'static [Spoil],
}

const CASES: &[Case] = &[
    Case {
        file: "exporter_15s.yaml",
        name: "missed_scrape",
        group: EXPORTER,
        scrape_interval: "15s",
        red_if: &[
            Replace("[1m]", "[30s]"),   // the predecessor's range: a hole
            Replace("irate(", "rate("), // the average of the range instead of the last scrape
            Replace("without(mode)", "without(mode, groupname)"),
            Replace("interval: 15s", "interval: 30s"), // every other scrape unseen
        ],
    },
    Case {
        file: "exporter_15s.yaml",
        name: "restart",
        group: EXPORTER,
        scrape_interval: "15s",
        red_if: &[Replace("irate(", "deriv(")], // a slope knows no reset
    },
    Case {
        file: "exporter_15s.yaml",
        name: "born_and_gone",
        group: EXPORTER,
        scrape_interval: "15s",
        red_if: &[
            Replace("[1m]", "[5m]"), // lives on after its end
            Replace("irate(", "rate("),
            Replace("interval: 15s", "interval: 30s"),
        ],
    },
    Case {
        file: "exporter_15s.yaml",
        name: "sums_of_the_same_evaluation",
        group: EXPORTER,
        scrape_interval: "15s",
        red_if: &[
            Reverse, // sums of the evaluation before
            Replace("by (class, groupname)", "by (groupname)"),
            Replace("by (instance, class)", "by (class)"),
            Replace(
                "irate(namedprocess_pod_cpu_seconds_total[1m])",
                "rate(namedprocess_pod_cpu_seconds_total[1m])",
            ),
            Replace("{class!=\"pod\"}", ""), // the pods twice
            Replace("or sum by (instance, class) (namedprocess_pod_cpu_rate)", ""),
            Replace("sum by (class) (instance_class:", "max by (class) (instance_class:"),
            Replace("by (class, namespace)", "by (class, namespace, instance)"),
            Replace("{mode!=\"steal\"}", ""),
            Replace("sum by (instance) (irate", "max by (instance) (irate"),
            Replace("sum(instance:namedprocess", "max(instance_class:namedprocess"),
            Replace("count(timestamp(instance:namedprocess", "count(timestamp(instance_class:namedprocess"),
            Replace("and on (instance)", "or"), // groups of a node that tells no busy time
        ],
    },
    Case {
        file: "exporter_15s.yaml",
        name: "sets_of_cpus",
        group: EXPORTER,
        scrape_interval: "15s",
        red_if: &[
            Replace("sum by (instance, cpuset)", "sum by (cpuset)"),
            Replace(
                "irate(namedprocess_namegroup_cpuset_cpu_seconds_total[1m])",
                "rate(namedprocess_namegroup_cpuset_cpu_seconds_total[1m])",
            ),
            Replace(
                "irate(namedprocess_pod_cpuset_cpu_seconds_total[1m])",
                "rate(namedprocess_pod_cpuset_cpu_seconds_total[1m])",
            ),
            Replace(
                "namedprocess_namegroup_cpuset_cpu_rate{class!=\"pod\"}",
                "namedprocess_namegroup_cpuset_cpu_rate",
            ),
            Replace("or sum by (instance, class, cpuset) (namedprocess_pod_cpuset_cpu_rate)", ""),
            Replace("sum by (instance, class, cpuset)", "sum by (instance, class)"),
        ],
    },
    Case {
        file: "exporter_15s.yaml",
        name: "busy_and_no_group",
        group: EXPORTER,
        scrape_interval: "15s",
        red_if: &[Replace(" or vector(0)", "")],
    },
    Case {
        file: "exporter_15s.yaml",
        name: "gone_without_a_mark",
        group: EXPORTER,
        scrape_interval: "15s",
        red_if: &[Replace(" == time()", "")], // counted on, as far as the server looks back
    },
    Case {
        file: "exporter_30s.yaml",
        name: "missed_scrape",
        group: EXPORTER,
        scrape_interval: "30s",
        red_if: &[Replace("[2m]", "[1m]"), Replace("irate(", "rate(")],
    },
    Case {
        file: "exporter_30s.yaml",
        name: "restart",
        group: EXPORTER,
        scrape_interval: "30s",
        red_if: &[Replace("irate(", "deriv(")],
    },
    Case {
        file: "exporter_30s.yaml",
        name: "born_and_gone",
        group: EXPORTER,
        scrape_interval: "30s",
        red_if: &[Replace("[2m]", "[1m]"), Replace("interval: 30s", "interval: 1m")],
    },
];

#[test]
fn promtool_accepts_the_manifests_rules() -> Result<()> {
    let folder = scratch("check")?;
    let groups = manifest_groups()?;
    std::fs::write(folder.join("rules.yaml"), rule_file(&groups)?)?;
    let output = Command::new(promtool()?)
        .args(["check", "rules", "--lint-fatal"])
        .arg(folder.join("rules.yaml"))
        .output()?;
    ensure!(output.status.success(), "promtool check rules: {}", text(&output));
    // That it read what was meant: the group's rules.
    ensure!(text(&output).contains("15 rules found"), "promtool check rules: {}", text(&output));
    Ok(())
}

#[test]
fn cases_hold() -> Result<()> {
    for case in CASES {
        let output = run(case, "holds", &installed_group(case)?)?;
        ensure!(output.status.success(), "{} {}: {}", case.file, case.name, text(&output));
    }
    Ok(())
}

#[test]
fn cases_turn_red_when_the_rules_are_spoilt() -> Result<()> {
    for case in CASES {
        for (number, spoil) in case.red_if.iter().enumerate() {
            let good = installed_group(case)?;
            let bad = spoilt(&good, spoil)?;
            ensure!(bad != good, "{} {}: change {number} changes nothing", case.file, case.name);
            let output = run(case, &format!("red-{number}"), &bad)?;
            // A failed expectation, not rules or a case that promtool cannot read.
            let red = !output.status.success() && text(&output).contains("exp:");
            ensure!(
                red,
                "{} {}: change {number} does not turn it red: {}",
                case.file,
                case.name,
                text(&output)
            );
        }
    }
    Ok(())
}

/// The case's group of the manifest, as installed with the case's scrape interval.
fn installed_group(case: &Case) -> Result<Value> {
    let groups = manifest_groups()?;
    let group =
        groups.into_iter().find(|group| group.get("name").and_then(Value::as_str) == Some(case.group));
    let group = group.with_context(|| format!("the manifest has no group {}", case.group))?;
    at_scrape_interval(&group, case.scrape_interval)
}

/// The exporter's group for another scrape interval, the way an installation with one must write it: evaluated at the
/// interval, ranges of four times as long. Errors on an interval that the table here does not have.
fn at_scrape_interval(group: &Value, interval: &str) -> Result<Value> {
    let range = match interval {
        "15s" => "[1m]",
        "30s" => "[2m]",
        other => anyhow::bail!("no range is known for the scrape interval {other}"),
    };
    let installed = serde_yaml::to_string(group)?.replace("interval: 15s", &format!("interval: {interval}"));
    Ok(serde_yaml::from_str(&installed.replace("[1m]", range))?)
}

fn spoilt(group: &Value, spoil: &Spoil) -> Result<Value> {
    let mut bad = group.clone();
    match spoil {
        Replace(from, to) => bad = serde_yaml::from_str(&serde_yaml::to_string(group)?.replace(from, to))?,
        Reverse => {
            bad.get_mut("rules").and_then(Value::as_sequence_mut).context("a group without rules")?.reverse()
        }
    }
    Ok(bad)
}

/// Runs one case on one group. promtool evaluates every group at the test file's interval and never at the group's own,
/// so the file gets the group's own: a wrong one turns the cases red.
fn run(case: &Case, purpose: &str, group: &Value) -> Result<Output> {
    let folder = scratch(&format!("{}-{}-{purpose}", case.file, case.name))?;
    let interval = group.get("interval").and_then(Value::as_str).context("a group without an interval")?;
    let tests = std::fs::read_to_string(repository().join("tests/rules").join(case.file))?;
    let head = format!("rule_files: [rules.yaml]\nevaluation_interval: {interval}\n");
    std::fs::write(folder.join("rules.yaml"), rule_file(std::slice::from_ref(group))?)?;
    std::fs::write(folder.join("tests.yaml"), head + &tests)?;
    let name = format!("--run=^{}$", case.name);
    Ok(Command::new(promtool()?).args(["test", "rules", &name]).arg(folder.join("tests.yaml")).output()?)
}

/// The groups of manifests/prometheusrule.yaml.
fn manifest_groups() -> Result<Vec<Value>> {
    let manifest = std::fs::read_to_string(repository().join("manifests/prometheusrule.yaml"))?;
    let manifest: Value = serde_yaml::from_str(&manifest).context("manifests/prometheusrule.yaml")?;
    let groups = manifest.get("spec").and_then(|spec| spec.get("groups")).and_then(Value::as_sequence);
    groups.cloned().context("manifests/prometheusrule.yaml has no spec.groups")
}

fn rule_file(groups: &[Value]) -> Result<String> {
    let mut file = serde_yaml::Mapping::new();
    file.insert("groups".into(), groups.to_vec().into());
    Ok(serde_yaml::to_string(&file)?)
}

/// The real promtool, built when it is not yet.
fn promtool() -> Result<PathBuf> {
    let output = Command::new(repository().join("tests/tools/build")).arg("promtool").output()?;
    ensure!(output.status.success(), "tests/tools/build promtool: {}", text(&output));
    Ok(Path::new(String::from_utf8(output.stdout)?.trim()).join("promtool"))
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scratch(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rules").join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}
