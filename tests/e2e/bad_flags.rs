//! Flags that mean nothing: exit code 2, one line that names the flag and what was given, before anything is asked.

use test_cluster::Outcome;

use crate::way_in::plugin;

fn run(flags: &[&str]) -> Outcome {
    plugin().run(flags).unwrap()
}

/// The flag's value is refused, and the line says what of it.
fn assert_no_value(flag: &str, value: &str, said: &str) {
    let outcome = run(&["top", flag, value]);
    let case = format!("{flag} {value:?}");
    assert_usage(&case, &outcome, &[flag, said]);
    let shown: String = value.chars().take_while(|c| !c.is_control()).collect();
    assert!(outcome.stderr.contains(&format!("'{shown}")), "{case}: {}", outcome.stderr);
}

fn assert_usage(case: &str, outcome: &Outcome, said: &[&str]) {
    assert_eq!(outcome.code, 2, "{case}: {}", outcome.stderr);
    assert_eq!(outcome.stdout, "", "{case}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{case}: {}", outcome.stderr);
    assert!(outcome.stderr.starts_with("error: "), "{case}: {}", outcome.stderr);
    assert!(!outcome.stderr.trim_end().contains(char::is_control), "{case}: {}", outcome.stderr);
    for words in said {
        assert!(outcome.stderr.contains(words), "{case}, without \"{words}\": {}", outcome.stderr);
    }
}

#[test]
fn intervals() {
    let form = "such as 90s, 1h30m or 2d";
    for (value, said) in [
        ("0", form),
        ("0s", "zero"),
        ("-5m", form),
        ("-0s", form),
        ("1y2x", form),
        ("5", form),
        ("m", form),
        ("1.5h", form),
        ("1m1h", form),
        (" 1h", form),
        ("\u{661}h", form),
        ("1h\n", form),
        ("\u{1b}[2J", form),
        ("99999999999999999999s", "longer than"),
        ("9223372036854775807y", "longer than"),
        ("292277026596y292277026596w", "longer than"),
        ("11y", "longer than"),
    ] {
        assert_no_value("--interval", value, said);
    }
    assert_usage("too short", &run(&["top", "--interval", "999ms"]), &["--interval", "below a second"]);
    assert_usage("empty", &run(&["top", "--interval", ""]), &["--interval"]);
    assert_usage("none", &run(&["top", "--interval"]), &["--interval"]);
    assert_usage("twice", &run(&["top", "-i", "1h", "-i", "2h"]), &["--interval"]);
}

#[test]
fn times() {
    let (form, future) = ("give 2026-01-31T10:00:00Z", "lies in the future");
    for (value, said) in [
        ("2999-01-01T00:00:00Z", future),
        ("2999-01-01", future),
        ("32503680000", future),
        ("yesterday", form),
        ("2026-13-01", form),
        ("2026-02-30T10:00:00Z", form),
        ("10:00", form),
        ("NaN", form),
        ("inf", form),
        ("1e300", form),
        ("--30m", "such as 90s"),
        ("-30", "such as 90s"),
        ("-", "such as 90s"),
        ("-9999999999999999999m", "longer than"),
        ("0", "before 1970"),
        ("1969-12-31T23:59:59Z", "before 1970"),
        ("\u{1b}]0;title\u{7}", form),
    ] {
        assert_no_value("--time", value, said);
    }
}

#[test]
fn regular_expressions() {
    for (value, shown) in [
        ("(", "\"(\""),
        ("openshift-.*,kube-[", "\"kube-[\""),
        ("*", "\"*\""),
        ("a)(b", "\"a)(b\""),
        ("\\", r#""\\""#),
        ("x{99999999}", "\"x{99999999}\""),
    ] {
        let outcome = run(&["top", "--skip-namespaces", value]);
        assert_usage(value, &outcome, &["--skip-namespaces", shown, "is no regular expression"]);
    }
}

#[test]
fn choices() {
    for (flag, value, choices) in [
        ("--output", "xml", "csv, json, yaml"),
        ("--by", "pod", "class, namespace, group"),
        ("--via", "smoke", "auto, route, port-forward"),
        ("--sort-by", "size", "avg"),
        ("--sort-by", "p101", "avg"),
        ("--class", "pods", "host, kernel, infra, workload"),
        ("--limit", "many", "a whole number such as 20"),
        ("--limit", "99999999999999999999", "a whole number"),
        ("--limit", "-1", "a whole number"),
    ] {
        assert_no_value(flag, value, choices);
    }
    for value in ["p", "101", "p101", "p-1", "pNaN", "p1e3", "median", "50%"] {
        assert_no_value("--percentiles", value, "--percentiles");
    }
    let unasked = run(&["top", "--sort-by", "p95"]);
    assert_usage("sorted by what is not asked for", &unasked, &["--sort-by p95", "--percentiles p95"]);
    assert_usage("nodes of no cluster", &run(&["top", "--local", "-l", "a=b"]), &["--local", "--selector"]);
    assert_usage("a flag that is none", &run(&["top", "--intervall", "1h"]), &["--intervall", "--interval"]);
    assert_usage("an argument", &run(&["top", "1h"]), &["1h"]);
    assert_usage("a command that is none", &run(&["topp"]), &["topp", "similar", "'top'"]);
    assert_usage("both sources", &run(&["top", "--local", "--time", "-30m"]), &["--local", "--time"]);
}

#[test]
fn nothing_at_all() {
    let outcome = run(&[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{outcome:?}");
    for part in ["\nUsage: oc interrogate <COMMAND>\n", "\n  uninstall", "\nExamples:\n"] {
        assert!(outcome.stderr.contains(part), "the help is not there: {outcome:?}");
    }
}

#[test]
fn addresses_of_prometheus() {
    for address in ["foo", "", "ftp://host", "https://", "host:9090"] {
        let said = ["--prometheus", "no http or https address", "https://HOST"];
        assert_usage(address, &run(&["top", "--prometheus", address]), &said);
    }
    let secret = run(&["top", "--prometheus", "https://me:sha256~secret@host"]);
    assert_usage("a password", &secret, &["--prometheus takes no user or password", "--token"]);
    assert!(!secret.stderr.contains("sha256~secret"), "{}", secret.stderr);
}
