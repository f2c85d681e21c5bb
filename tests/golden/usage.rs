//! Command lines that are refused: exit code 2 and one line that names the flag and what was given, before anything is
//! asked.
use crate::check::Page;
use crate::plugin::{run, typed};
use regex::Regex;

const PURPOSE: &str =
    "Command lines that mean nothing, and the line on standard error. The exit code of each is 2.";

/// Runs a command line that is refused, and adds it to the page. Returns what the program says.
fn add(page: &mut Page, arguments: &[&str]) -> String {
    let outcome = run(arguments);
    let now = Regex::new(r"\(it is [-0-9T:]+Z now\)").unwrap();
    let line = now.replace(outcome.error(2), "(it is 2026-01-31T10:00:00Z now)");
    page.add(&typed(arguments), &line);
    line.into_owned()
}

/// Adds a flag of `top` with a value that it does not take: the line names both.
fn value(page: &mut Page, flag: &str, value: &str) {
    let line = add(page, &["top", flag, value]);
    let shown: String = value.chars().take_while(|c| !c.is_control()).collect();
    assert!(line.contains(flag) && line.contains(&format!("'{shown}")), "{flag} {value:?}: {line}");
}

#[test]
fn durations_and_times() {
    let mut page = Page::new(PURPOSE);
    page.part("--interval");
    for interval in [
        "0",
        "0s",
        "-5m",
        "-0s",
        "1y2x",
        "5",
        "m",
        "1.5h",
        "1m1h",
        " 1h",
        "\u{661}h",
        "1h\n",
        "\u{1b}[2J",
        "99999999999999999999s",
        "9223372036854775807y",
        "292277026596y292277026596w",
        "11y",
    ] {
        value(&mut page, "--interval", interval);
    }
    add(&mut page, &["top", "--interval", "999ms"]);
    add(&mut page, &["top", "--interval", ""]);
    add(&mut page, &["top", "--interval"]);
    add(&mut page, &["top", "-i", "1h", "-i", "2h"]);
    page.part("--time");
    for time in [
        "2999-01-01T00:00:00Z",
        "2999-01-01",
        "32503680000",
        "yesterday",
        "2026-13-01",
        "2026-02-30T10:00:00Z",
        "10:00",
        "NaN",
        "inf",
        "1e300",
        "--30m",
        "-30",
        "-",
        "-9999999999999999999m",
        "0",
        "1969-12-31T23:59:59Z",
        "\u{1b}]0;title\u{7}",
    ] {
        value(&mut page, "--time", time);
    }
    page.part("Other durations");
    add(&mut page, &["top", "--watch=0s"]);
    add(&mut page, &["top", "--request-timeout", "soon"]);
    add(&mut page, &["install", "--scrape-interval", "500ms"]);
    add(&mut page, &["status", "--timeout", "0"]);
    page.check("tests/golden/usage/durations.txt");
}

#[test]
fn choices() {
    let mut page = Page::new(PURPOSE);
    for (flag, given) in [
        ("--output", "xml"),
        ("--by", "pod"),
        ("--via", "smoke"),
        ("--sort-by", "size"),
        ("--sort-by", "p101"),
        ("--class", "pods"),
        ("--limit", "many"),
        ("--limit", "99999999999999999999"),
        ("--limit", "-1"),
    ] {
        value(&mut page, flag, given);
    }
    for percentile in ["p", "101", "p101", "p-1", "pNaN", "p1e3", "median", "50%"] {
        value(&mut page, "--percentiles", percentile);
    }
    for pattern in ["(", "openshift-.*,kube-[", "*", "a)(b", "\\", "x{99999999}"] {
        let line = add(&mut page, &["top", "--skip-namespaces", pattern]);
        assert!(line.contains("is no regular expression"), "{line}");
    }
    for arguments in [
        &["install", "--dry-run=maybe"][..],
        &["install", "--threads=maybe"],
        &["install", "--node-selector", "worker"],
        &["install", "-o", "json"],
        &["status", "-o", "yaml"],
        &["completion", "tcsh"],
        &["version", "-o", "xml"],
    ] {
        add(&mut page, arguments);
    }
    page.check("tests/golden/usage/choices.txt");
}

#[test]
fn contradictions() {
    let mut page = Page::new(PURPOSE);
    for arguments in [
        // Names that nothing has.
        &["topp"][..],
        &["top", "--intervall", "1h"],
        &["top", "1h"],
        // Flags that need another.
        &["top", "--sort-by", "p95"],
        &["completion"],
        // Flags that exclude each other.
        &["top", "--local", "-l", "a=b"],
        &["top", "--local", "--time", "-30m"],
        &["top", "--local", "--prometheus", "https://host"],
        &["top", "--watch", "--time", "-30m"],
        &["install", "--image", "registry.example/exporter:1", "--exporter", "process-exporter"],
        &["top", "--chart", "-o", "json"],
        &["budget", "--chart", "-o", "alerting-rule"],
        &["budget", "--chart", "--suggest"],
        &["install", "--diff", "-o", "yaml"],
        &["install", "--diff", "--dry-run=client"],
        &["completion", "bash", "--install"],
        &["completion", "bash", "--to", "folder"],
        &["top", "--blocks"],
        // Files that are not there.
        &["install", "--config", "gone.yaml"],
    ] {
        add(&mut page, arguments);
    }
    page.check("tests/golden/usage/contradictions.txt");
}

#[test]
fn addresses_of_prometheus() {
    let mut page = Page::new(PURPOSE);
    for address in ["foo", "", "ftp://host", "https://", "host:9090"] {
        add(&mut page, &["top", "--prometheus", address]);
    }
    let line = add(&mut page, &["top", "--prometheus", "https://me:sha256~secret@host"]);
    assert!(!line.contains("sha256~secret"), "{line}");
    page.check("tests/golden/usage/addresses.txt");
}
