//! Tests of rare conditions on the real kernel: odd names, too few open files, deep and wide trees, and processes and
//! cgroups that vanish.

use crate::cgroups::Cgroups;
use crate::program::Program;
use crate::shell::Shell;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

const CPU: &str = "namedprocess_namegroup_cpu_seconds_total";

/// Name of the program, the name that bash's printf gives it then, and the exported name.
const COMMS: [(&str, &str, &str); 6] = [
    ("ocint-bytes", r"\xff\xfe\x80", "\u{fffd}\u{fffd}\u{fffd}"),
    ("ocint-empty", r"\0", ""),
    ("fifteen-bytes-x", "", "fifteen-bytes-x"),
    ("ocint) R 1 (", "", "ocint) R 1 ("),
    ("ocint\n1 2 3", "", r"ocint\n1 2 3"),
    ("ocint\"} \\ {", "", r#"ocint\"} \\ {"#),
];

/// Returns the CPU of a group in both modes, in seconds.
fn group_cpu(text: &str, class: &str, group: &str) -> f64 {
    let series = format!("{CPU}{{class=\"{class}\",groupname=\"{group}\",mode=");
    let lines = text.lines().filter(|line| line.starts_with(&series));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

/// Returns the CPU of all groups of a class, in seconds.
fn class_cpu(text: &str, class: &str) -> f64 {
    let series = format!("{CPU}{{class=\"{class}\",");
    let lines = text.lines().filter(|line| line.starts_with(&series));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

fn errors(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with("namedprocess_scrape_errors_total") && !line.ends_with(" 0"))
        .collect()
}

fn exporter_command(tree: &Cgroups) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_process-exporter"));
    command.arg("--cgroupfs").arg(&tree.root);
    command
}

#[test]
fn a_process_may_be_called_anything() {
    let Some(tree) = Cgroups::new("names") else { return };
    let mut shells = Vec::new();
    for (name, comm, _) in COMMS {
        let mut shell = Shell::orphan(name, tree.links.path());
        fs::write(tree.root.join("cgroup.procs"), shell.pid.to_string()).unwrap();
        if !comm.is_empty() {
            shell.run(&format!("printf '{comm}' > /proc/$BASHPID/comm"));
        }
        shells.push(shell);
    }
    let program = Program::run(&mut exporter_command(&tree));
    let before = program.fresh_metrics();
    let mut truth = 0.0;
    for (shell, (_, _, exported)) in shells.iter_mut().zip(COMMS) {
        let (began, ended) = (shell.run(":"), shell.run("burn 100"));
        let own = (ended.own_us - began.own_us) as f64 / 1e6;
        truth += own;
        let counted = group_cpu(&program.fresh_metrics(), "host", exported);
        let close = (counted - own).abs() < 0.025;
        assert!(exported.is_empty() || close, "{exported}: counted {counted} of {own} s");
    }
    let text = program.fresh_metrics();
    // All shells are counted, with any name, and each is in a group that has a name.
    let counted = class_cpu(&text, "host") - class_cpu(&before, "host");
    assert!((counted - truth).abs() < 0.025 * COMMS.len() as f64, "counted {counted} of {truth} s");
    assert!(!text.contains("groupname=\"\""), "{text}");
    assert!(errors(&text).is_empty(), "{:?}", errors(&text));
}

#[test]
fn processes_that_vanish_during_a_pass_are_no_error_and_lose_nothing() {
    let Some(tree) = Cgroups::new("churn") else { return };
    let (mut steady, mut forks) = (tree.unit("steady"), tree.unit("forks"));
    let program = Program::run(&mut exporter_command(&tree));
    let [first_steady, first_forks] =
        ["steady", "forks"].map(|unit| group_cpu(&program.fresh_metrics(), "host", unit));
    let [used_steady, used_forks] =
        ["steady", "forks"].map(|unit| tree.used(&format!("system.slice/{unit}.service")));
    forks.begin("for i in {1..400}; do (:) & (:) & wait; done");
    steady.begin("burn 500");
    let (done, churn) = (AtomicBool::new(false), tree.root.join("system.slice/churn.scope"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // Units come and go, one below the other.
                fs::create_dir_all(churn.join("a/b")).unwrap();
                let mut child = Command::new("sleep").arg("0").spawn().unwrap();
                // The child may have ended before the move.
                let _ = fs::write(churn.join("a/b/cgroup.procs"), child.id().to_string());
                child.wait().unwrap();
                for below in ["a/b", "a", ""] {
                    fs::remove_dir(churn.join(below)).unwrap();
                }
            }
        });
        let ended = scope.spawn(|| {
            steady.finish();
            forks.finish();
        });
        let mut last = 0.0;
        while !ended.is_finished() {
            let now = class_cpu(&program.fresh_metrics(), "host");
            assert!(now >= last, "the host's CPU fell from {last} to {now}");
            last = now;
        }
        done.store(true, Ordering::Relaxed);
    });
    let text = program.fresh_metrics();
    for (unit, first, before) in [("steady", first_steady, used_steady), ("forks", first_forks, used_forks)] {
        let truth = (tree.used(&format!("system.slice/{unit}.service")) - before) as f64 / 1e6;
        let counted = group_cpu(&text, "host", unit) - first;
        assert!(truth > 0.01, "{unit} used {truth} s");
        assert!((counted - truth).abs() < 0.0001, "{unit}: counted {counted} of {truth} s");
    }
    assert!(errors(&text).is_empty(), "{:?}", errors(&text));
}

#[test]
fn too_few_open_files_cost_no_counter() {
    const UNITS: usize = 60;
    let Some(tree) = Cgroups::new("files") else { return };
    let mut shells: Vec<_> = (0..UNITS).map(|number| tree.unit(&format!("few{number}x"))).collect();
    let before: Vec<u64> =
        (0..UNITS).map(|number| tree.used(&format!("system.slice/few{number}x.service"))).collect();
    let mut command = Command::new("sh");
    // The program itself takes about ten of these files.
    command.args(["-c", "ulimit -n 32; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_process-exporter")]);
    let program = Program::run(command.arg("--cgroupfs").arg(&tree.root));
    program.fresh_metrics();
    for shell in &mut shells {
        shell.run("burn 5");
    }
    let text = program.fresh_metrics();
    for (number, before) in before.into_iter().enumerate() {
        let truth = (tree.used(&format!("system.slice/few{number}x.service")) - before) as f64 / 1e6;
        let counted = group_cpu(&text, "host", &format!("few{number}x"));
        assert!((counted - truth).abs() < 0.0001, "few{number}x: counted {counted} of {truth} s");
    }
}

#[test]
fn a_tree_may_be_30_levels_deep() {
    let Some(tree) = Cgroups::new("deep") else { return };
    let mut path = "system.slice".to_owned();
    for level in 0..28 {
        path += &format!("/level{level}");
        tree.make(&path);
    }
    path += "/deepest.service";
    tree.make(&path);
    let mut shell = Shell::child("ocint-deepest", tree.links.path());
    fs::write(tree.root.join(&path).join("cgroup.procs"), shell.pid.to_string()).unwrap();
    let before = tree.used(&path);
    let program = Program::run(&mut exporter_command(&tree));
    program.fresh_metrics();
    shell.run("burn 100");
    let (truth, text) = ((tree.used(&path) - before) as f64 / 1e6, program.fresh_metrics());
    // A cgroup counts for the topmost directory of the slice.
    let counted = group_cpu(&text, "host", "level0");
    assert!((counted - truth).abs() < 0.0001, "counted {counted} of {truth} s");
    assert!(errors(&text).is_empty(), "{:?}", errors(&text));
}

#[test]
fn the_sum_of_5000_cgroups_is_right_and_their_series_are_bounded() {
    const CGROUPS: usize = 5000;
    const WORKING: usize = 20;
    let Some(tree) = Cgroups::new("wide") else { return };
    // Returns a name that no rule groups with another.
    let name = |number: usize| format!("wide{number}x");
    let mut shells: Vec<_> =
        (0..WORKING).map(|number| tree.unit(&name(number * CGROUPS / WORKING))).collect();
    for number in (0..CGROUPS).filter(|number| number % (CGROUPS / WORKING) != 0) {
        tree.make(&format!("system.slice/{}.service", name(number)));
    }
    let before = tree.used("system.slice");
    let program = Program::run(&mut exporter_command(&tree));
    let first = class_cpu(&program.fresh_metrics(), "host");
    for shell in &mut shells {
        shell.run("burn 20");
    }
    let (truth, text) = ((tree.used("system.slice") - before) as f64 / 1e6, program.fresh_metrics());
    let counted = class_cpu(&text, "host") - first;
    // Each exported value is cut to a microsecond.
    assert!((counted - truth).abs() < 0.0001, "counted {counted} of {truth} s");
    let series = text.lines().filter(|line| line.starts_with(CPU)).count();
    assert!(series < 2 * 1000, "{series} series");
    // The program keeps a limited number of counters open, and reads the others too.
    let open = Program::value(&text, "namedprocess_exporter_files_open");
    assert!((1.0..=512.0).contains(&open), "{open} files are kept open");
    assert!(errors(&text).is_empty(), "{:?}", errors(&text));
}
