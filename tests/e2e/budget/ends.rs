//! Ends of `budget`: exit codes, errors, and output without a cluster.

use super::{PROFILES, budget, sites};
use crate::serve::serve;
use crate::way_in::plugin;
use anyhow::Result;

/// Bad files and flags are usage errors of one line, and nothing is printed.
#[test]
fn bad_budgets_are_one_line() -> Result<()> {
    let bad = sites::file("bad", "lines:\n- {of: platform, statistic: avg, limit: 3, colour: red}\n")?;
    for (flags, part) in [
        (&["budget", "-f", &bad][..], "unknown field `colour`"),
        (&["budget", "-f", "/nowhere/budget.yaml"], "cannot read /nowhere/budget.yaml"),
        (&["budget", "ran-xx"], "ran-du-standard"),
        (&["budget", "--print", "ran-xx"], "no profile is called \"ran-xx\""),
        (&["budget", "--reserved", "0-x"], "give such as 0-1,52-53"),
        (&["budget", "--during"], "required"),
        (&["budget", "--", "true"], "--during"),
        (&["budget", "-i", "1ms", "--prometheus", "http://127.0.0.1:1"], "below a second"),
    ] {
        let outcome = plugin().run(flags)?;
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{flags:?}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{flags:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(part), "{flags:?}: {}", outcome.stderr);
    }
    Ok(())
}

/// A printed profile can be read as a file, and names its origin.
#[test]
fn profiles_are_printed_as_files() -> Result<()> {
    for profile in PROFILES {
        let printed = plugin().run(["budget", "--print", profile])?;
        assert_eq!(printed.code, 0);
        let path = test_cluster::directory()?.join(format!("printed-{profile}.yaml"));
        std::fs::write(&path, &printed.stdout)?;
        let path = path.display().to_string();
        // An alert of it needs no cluster.
        let alert = plugin().run(["budget", "-f", &path, "-o", "alerting-rule", "--reserved", "0-1"])?;
        assert_eq!(alert.code, 0, "{}", alert.stderr);
    }
    let list = plugin().run(["budget", "--list"])?;
    assert!(PROFILES.iter().all(|profile| list.stdout.contains(profile)), "{}", list.stdout);
    Ok(())
}

/// A window without any sample tells nothing of any line.
#[test]
fn an_empty_prometheus_knows_nothing() -> Result<()> {
    let empty = test_history::History { interval_s: 15, pod_interval_s: 30, series: Vec::new() };
    let prometheus = serve("budget-empty", &empty, &[])?;
    let outcome = budget(&prometheus.url, &["ran-du"])?;
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("3 of 3 lines unknown"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("nothing has samples in this window"), "{}", outcome.stderr);
    Ok(())
}

/// Number of CPUs to reserve, from a day; an hour has too few samples.
#[test]
fn a_suggestion_needs_samples() -> Result<()> {
    let spec = test_history::Spec {
        nodes: 2,
        groups: 12,
        gaps: false,
        duration_s: 6 * 3600,
        ..crate::serve::an_hour()
    };
    let history = test_history::History::generate(&spec);
    let prometheus = serve("budget-suggest", &history, &[])?;
    let suggestion = budget(&prometheus.url, &["--suggest", "-i", "5h", "-o", "json"])?;
    assert_eq!(suggestion.code, 0, "{}", suggestion.stderr);
    let suggestion: serde_json::Value = serde_json::from_str(&suggestion.stdout)?;
    let end = crate::serve::END_MS;
    let window = (end - 5 * 3_600_000, end);
    let wanted = test_history::on_nodes(&history, window, test_history::NodeSum::Platform, &[]);
    let mut most = 0;
    for node in suggestion["nodes"].as_array().into_iter().flatten() {
        let of = &wanted[node["node"].as_str().unwrap_or_default()];
        let p999 = of.statistic("p99.9").unwrap_or_default();
        assert!((node["p99.9"].as_f64().unwrap_or_default() - p999).abs() <= 1e-6, "{node}: {p999}");
        let cpus = 2 * (p999 / 2.0).ceil() as u64;
        assert_eq!((&node["cpus"], &node["samples"]), (&cpus.into(), &1200.into()));
        most = most.max(cpus);
    }
    assert_eq!((suggestion["nodes"].as_array().map(Vec::len), &suggestion["cpus"]), (Some(2), &most.into()));
    let few = budget(&prometheus.url, &["--suggest", "-i", "1h"])?;
    assert_eq!(few.code, 1);
    assert!(few.stderr.contains("give a longer --interval"), "{}", few.stderr);
    Ok(())
}

/// This machine during a command: its outcome is handed on, and what it prints is not among the data.
#[test]
fn a_commands_failure_is_handed_on() -> Result<()> {
    let kept = ["--reserved", "0-255", "--during", "-o", "json", "--", "sh", "-c"];
    for (script, code, verdict) in [
        ("echo told; sleep 0.5; exit 7", 7, "kept"),
        ("sleep 0.5", 0, "kept"),
        // Over before a tick of the kernel.
        ("echo told", 1, "unknown"),
    ] {
        let flags = [&["budget", "reserved-cpus", "--local"], &kept[..], &[script]].concat();
        let outcome = plugin().run(flags)?;
        assert_eq!(outcome.code, code, "{script}: {}", outcome.stderr);
        let report: serde_json::Value = serde_json::from_str(&outcome.stdout)?;
        assert_eq!(report["verdict"], verdict, "{report}");
        assert_eq!(outcome.stderr.contains("told"), script.contains("echo"), "{}", outcome.stderr);
    }
    let absent = plugin().run(["budget", "--local", "--during", "--", "/nowhere/command"])?;
    assert_eq!((absent.code, absent.stdout.as_str()), (1, ""));
    assert!(absent.stderr.contains("cannot start /nowhere/command"), "{}", absent.stderr);
    Ok(())
}
