//! `top --local` on this machine as it is: in a pipe, on a terminal, ended by Ctrl-C, and where a part of the machine
//! cannot be seen. That its figures are the kernel's is for `tests/accuracy`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

#[path = "local/partitioned.rs"]
mod partitioned;
#[path = "local/picture.rs"]
mod picture;

use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const PLUGIN: &str = env!("CARGO_BIN_EXE_oc-interrogate");

/// A program that ends with the test that starts it.
fn mortal(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]).stdin(Stdio::null());
    command
}

fn local(arguments: &[&str]) -> Command {
    let mut command = mortal(PLUGIN);
    command.args(["top", "--local"]).args(arguments);
    command
}

/// The JSON of a run that went well, and what it said on stderr.
fn report(output: &Output) -> (Value, String) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let report = serde_json::from_slice(&output.stdout).unwrap();
    test_cluster::check_report("CpuReport", &report).unwrap();
    (report, stderr)
}

fn rows(report: &Value) -> &[Value] {
    report["rows"].as_array().unwrap()
}

fn notes(report: &Value) -> String {
    report["notes"].to_string()
}

/// Rows and what was left out are the classes; those and what is unattributed are the busy time.
fn assert_adds_up(report: &Value) {
    let avg = |value: &Value| value["avg"].as_f64().unwrap();
    let sum = |list: &str| report[list].as_array().unwrap().iter().map(avg).sum::<f64>();
    let rows = sum("rows") + avg(&report["excluded"]);
    assert!((rows - sum("classes")).abs() < 1e-9, "rows do not add up: {report:#}");
    let busy = sum("classes") + avg(&report["unattributed"]);
    assert!((busy - avg(&report["busy"])).abs() < 1e-9, "classes do not add up: {report:#}");
    for total in ["excluded", "unattributed", "busy"].map(|total| &report[total]) {
        if total["min"].is_null() {
            continue; // under a limit
        }
        let between =
            total["min"].as_f64() <= total["avg"].as_f64() && total["avg"].as_f64() <= total["max"].as_f64();
        assert!(between || (total["max"].as_f64().unwrap() - avg(total)).abs() < 1e-9, "{total}");
    }
}

#[test]
fn every_question_adds_up() {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim_end().to_owned();
    let all = |report: &Value, field: &str, value: &Value| {
        !rows(report).is_empty() && rows(report).iter().all(|row| row[field] == *value)
    };
    let falls = |report: &Value, figure: &dyn Fn(&Value) -> f64| {
        rows(report).windows(2).all(|pair| figure(&pair[0]) >= figure(&pair[1]))
    };
    type Check<'a> = Box<dyn Fn(&Value) -> bool + Sync + 'a>;
    let cases: Vec<(&str, Check)> = vec![
        ("", Box::new(|report| all(report, "node", &Value::Null) && all(report, "thread", &Value::Null))),
        ("", Box::new(|report| falls(report, &|row| row["avg"].as_f64().unwrap()))),
        (
            "",
            Box::new(|report| report["window"]["step_seconds"] == 1.0 && report["source"]["kind"] == "local"),
        ),
        ("--by class", Box::new(|report| all(report, "name", &"".into()) && rows(report).len() <= 5)),
        ("--by namespace", Box::new(|report| all(report, "name", &"".into()))),
        (
            "--by thread",
            Box::new(|report| {
                let of_group = |row: &&Value| row["class"] == "host" || row["class"] == "kernel";
                rows(report).iter().filter(of_group).count() > 0
                    && rows(report).iter().filter(of_group).all(|row| row["thread"].is_string())
            }),
        ),
        ("--class kernel", Box::new(|report| all(report, "class", &"kernel".into()))),
        ("--class host,kernel", Box::new(|report| rows(report).iter().all(|row| row["class"] != "pod"))),
        ("--class infra", Box::new(|report| rows(report).iter().all(|row| row["class"] == "infra"))),
        ("-n nowhere", Box::new(|report| rows(report).is_empty())),
        ("--per-node", Box::new(|report| all(report, "node", &host.as_str().into()))),
        ("--node elsewhere", Box::new(|report| notes(report).contains("no rows: the filters"))),
        ("--node elsewhere", Box::new(|report| rows(report).is_empty())),
        ("--limit 1 -s max", Box::new(|report| rows(report).len() == 1)),
        ("-s max", Box::new(|report| falls(report, &|row| row["max"].as_f64().unwrap()))),
        (
            "--percentiles p0,p50,p100 -s p50",
            Box::new(|report| {
                let ends = |row: &Value| {
                    row["percentiles"]["p0"] == row["min"] && row["percentiles"]["p100"] == row["max"]
                };
                rows(report).iter().all(ends)
                    && falls(report, &|row| row["percentiles"]["p50"].as_f64().unwrap())
            }),
        ),
    ];
    std::thread::scope(|scope| {
        for (flags, check) in &cases {
            scope.spawn(move || {
                let mut arguments: Vec<&str> = flags.split_whitespace().collect();
                arguments.extend(["-i", "2s", "-o", "json"]);
                let (report, _) = report(&local(&arguments).output().unwrap());
                assert_adds_up(&report);
                assert!(report["window"]["interval_seconds"].as_f64() >= Some(2.0), "{report:#}");
                assert!(report["window"]["asked_seconds"].is_null(), "nothing was cut: {report:#}");
                assert!(check(&report), "{flags:?}: {report:#}");
            });
        }
    });
}

#[test]
fn no_bar_where_nobody_looks() {
    let output = local(&["-i", "2500ms"]).output().unwrap();
    let (page, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(page.contains("\nTOTAL ") && page.contains("this machine's kernel"), "{page}");
    assert!(said.lines().all(|line| line.starts_with("note: ")) && !said.contains('\r'), "{said:?}");
}

#[test]
fn ctrl_c_before_the_first_sample() {
    // In a year's window, the first sample would be due in hours.
    let mut plugin =
        local(&["-i", "1y", "-o", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    await_handler(&mut plugin);
    assert!(Command::new("kill").args(["-INT", &plugin.id().to_string()]).status().unwrap().success());
    let (report, _) = report(&plugin.wait_with_output().unwrap());
    assert!(
        rows(&report).is_empty() && report["busy"].is_null() && report["excluded"].is_null(),
        "{report:#}"
    );
    assert!(notes(&report).contains("interrupted before the first sample"), "{report:#}");
}

/// Waits until a program, or what it became, handles SIGINT.
fn await_handler(child: &mut Child) {
    let status = Path::new("/proc").join(child.id().to_string()).join("status");
    let handles = || {
        let text = fs::read_to_string(&status).ok()?;
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        Some(u64::from_str_radix(caught.trim(), 16).ok()? & 0b10 != 0)
    };
    while handles() != Some(true) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it handled a signal");
        std::thread::yield_now();
    }
}

/// A shell command on a terminal of 50 columns, its input and output the terminal's. `$PLUGIN` and `$PAGE` are set.
fn on_a_terminal(command: &str, page: &Path) -> Child {
    mortal("script")
        .args(["-qec", &format!("stty cols 50 rows 20; {command}"), "/dev/null"])
        .envs([("SHELL", "/bin/sh"), ("PLUGIN", PLUGIN), ("TERM", "xterm")])
        .env("PAGE", page)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn ctrl_c_on_a_terminal_ends_early_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    let mut terminal = on_a_terminal(r#"exec "$PLUGIN" top --local -i 50s -o json >"$PAGE""#, &page);
    let mut screen = terminal.stdout.take().unwrap();
    let (mut shown, mut some) = (String::new(), [0; 256]);
    // One of fifty samples is taken.
    while !shown.contains("  2 %") {
        let n = screen.read(&mut some).unwrap();
        assert!(n > 0, "it ended without a bar: {shown:?}");
        shown.push_str(std::str::from_utf8(&some[..n]).unwrap());
    }
    terminal.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    screen.read_to_string(&mut shown).unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(0), "{shown:?}");
    assert!(shown.contains("measuring for 50s, Ctrl-C ends it [."), "{shown:?}");
    assert!(shown.split(['\r', '\n']).all(|line| line.len() < 50), "a line fills the terminal: {shown:?}");
    let cleared = shown.rsplit('\r').find(|line| !line.trim_matches('\n').is_empty()).unwrap();
    assert!(cleared.trim().is_empty(), "the bar is still there: {shown:?}");
    let report: Value = serde_json::from_str(&fs::read_to_string(&page).unwrap()).unwrap();
    test_cluster::check_report("CpuReport", &report).unwrap();
    assert_adds_up(&report);
    assert!(report["window"]["interval_seconds"].as_f64() < Some(50.0), "{report:#}");
    assert!(!rows(&report).is_empty() && notes(&report).contains("interrupted after "), "{report:#}");
}

#[test]
fn no_bar_for_what_is_short_or_on_a_terminal_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        r#"exec env TERM=dumb "$PLUGIN" top --local -i 2s >"$PAGE""#,
        r#"exec "$PLUGIN" top --local -i 100ms >"$PAGE""#,
    ] {
        let page = folder.path().join("page");
        let output = on_a_terminal(command, &page).wait_with_output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !shown.contains('%'), "{command}: {shown:?}");
        assert!(fs::read_to_string(&page).unwrap().contains("TOTAL"), "{command}");
    }
}

/// Returns true if another /proc can be mounted here. If not, a test says that it is skipped, and fails in CI.
fn may_mount(test: &str) -> bool {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    assert!(
        root || std::env::var_os("CI").is_none(),
        "only root may make another /proc: {test} cannot be tested here"
    );
    if !root {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test} is tested as root");
    }
    root
}

#[test]
fn what_cannot_be_seen_is_said() {
    if !may_mount("what --local cannot see") {
        return;
    }
    // Everybody may execute it there.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let plugin = folder.path().join("plugin");
    fs::copy(PLUGIN, &plugin).unwrap();
    let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --";
    let container = "unshare --mount --pid --fork";
    let no_cgroups = "umount -lR /sys/fs/cgroup";
    for (case, within, before, user, said) in [
        ("a user", "", "true", nobody, &[][..]),
        ("hidepid", container, "mount -t proc -o hidepid=2 proc /proc", nobody, &["hidepid"]),
        (
            "a container",
            container,
            &format!("mount -t proc proc /proc && {no_cgroups}"),
            "",
            &["cgroup", "kernel"],
        ),
    ] {
        let script = format!("{before} && {user} {} top --local -i 1s -o json; exit $?", plugin.display());
        let output = mortal("sh")
            .args(["-c", r#"$WITHIN sh -c "$SCRIPT""#])
            .envs([("WITHIN", within), ("SCRIPT", &script)])
            .output();
        let (report, _) = report(&output.unwrap());
        assert_adds_up(&report);
        assert!(!rows(&report).is_empty(), "{case}: {report:#}");
        let notes = notes(&report);
        assert!(said.iter().all(|word| notes.contains(word)), "{case}: {notes}");
    }
}

#[test]
fn without_a_proc_one_line_says_so() {
    if !may_mount("a machine without /proc") {
        return;
    }
    let script = format!("mount -t tmpfs none /proc && {PLUGIN} top --local");
    let output = mortal("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{said}");
    assert!(said.starts_with("error: cannot measure this machine: ") && said.lines().count() == 1, "{said}");
    assert!(said.contains("/proc"), "{said}");
}

#[test]
fn what_cannot_be_written_is_no_success() {
    for arguments in [&["--help"][..], &["top", "--help"], &["top", "--local", "-i", "1s"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = mortal(PLUGIN).args(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains("error: ") && stderr.contains("No space left"), "{arguments:?}: {stderr}");
    }
}
