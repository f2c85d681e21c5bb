//! Bad days that the real kernel can be made to have: odd names, things that vanish at any point of a pass, too few open
//! files, deep and wide trees.

use crate::cgroups::Cgroups;
use crate::program::Program;
use crate::shell::Shell;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

const CPU: &str = "namedprocess_namegroup_cpu_seconds_total";

/// The name of the program, what bash's printf makes of it then, and how it is shown.
const COMMS: [(&str, &str, &str); 6] = [
    ("ocint-bytes", r"\xff\xfe\x80", "\u{fffd}\u{fffd}\u{fffd}"),
    ("ocint-empty", r"\0", ""),
    ("fifteen-bytes-x", "", "fifteen-bytes-x"),
    ("ocint) R 1 (", "", "ocint) R 1 ("),
    ("ocint\n1 2 3", "", r"ocint\n1 2 3"),
    ("ocint\"} \\ {", "", r#"ocint\"} \\ {"#),
];

/// Both modes of a group of a class, in seconds.
fn used(text: &str, class: &str, group: &str) -> f64 {
    let series = format!("{CPU}{{class=\"{class}\",groupname=\"{group}\",mode=");
    let lines = text.lines().filter(|line| line.starts_with(&series));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

/// All groups of a class.
fn class(text: &str, class: &str) -> f64 {
    let series = format!("{CPU}{{class=\"{class}\",");
    let lines = text.lines().filter(|line| line.starts_with(&series));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

fn errors(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with("namedprocess_scrape_errors_total") && !line.ends_with(" 0"))
        .collect()
}

fn counting(tree: &Cgroups) -> Command {
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
    let program = Program::run(&mut counting(&tree));
    let before = program.fresh();
    let mut truth = 0.0;
    for (shell, (_, _, shown)) in shells.iter_mut().zip(COMMS) {
        let (began, ended) = (shell.run(":"), shell.run("burn 100"));
        let own = (ended.own_us - began.own_us) as f64 / 1e6;
        truth += own;
        let counted = used(&program.fresh(), "host", shown);
        let close = (counted - own).abs() < 0.025;
        assert!(shown.is_empty() || close, "{shown}: counted {counted} of {own} s");
    }
    let text = program.fresh();
    // Every one, whatever it is called, and each in a group that has a name.
    let counted = class(&text, "host") - class(&before, "host");
    assert!((counted - truth).abs() < 0.025 * COMMS.len() as f64, "counted {counted} of {truth} s");
    assert!(!text.contains("groupname=\"\""), "{text}");
    assert!(errors(&text).is_empty(), "{:?}", errors(&text));
}

#[test]
fn what_vanishes_at_any_point_of_a_pass_is_no_error_and_loses_nothing() {
    let Some(tree) = Cgroups::new("churn") else { return };
    let (mut steady, mut forks) = (tree.unit("steady"), tree.unit("forks"));
    let program = Program::run(&mut counting(&tree));
    let [first_steady, first_forks] = ["steady", "forks"].map(|unit| used(&program.fresh(), "host", unit));
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
                // It may have ended before it is moved.
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
            let now = class(&program.fresh(), "host");
            assert!(now >= last, "the host's CPU fell from {last} to {now}");
            last = now;
        }
        done.store(true, Ordering::Relaxed);
    });
    let text = program.fresh();
    for (unit, first, before) in [("steady", first_steady, used_steady), ("forks", first_forks, used_forks)] {
        let truth = (tree.used(&format!("system.slice/{unit}.service")) - before) as f64 / 1e6;
        let counted = used(&text, "host", unit) - first;
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
    // Of these the program itself takes about ten.
    command.args(["-c", "ulimit -n 32; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_process-exporter")]);
    let program = Program::run(command.arg("--cgroupfs").arg(&tree.root));
    program.fresh();
    for shell in &mut shells {
        shell.run("burn 5");
    }
    let text = program.fresh();
    for (number, before) in before.into_iter().enumerate() {
        let truth = (tree.used(&format!("system.slice/few{number}x.service")) - before) as f64 / 1e6;
        let counted = used(&text, "host", &format!("few{number}x"));
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
    let program = Program::run(&mut counting(&tree));
    program.fresh();
    shell.run("burn 100");
    let (truth, text) = ((tree.used(&path) - before) as f64 / 1e6, program.fresh());
    // What is below a directory of its own is that one's.
    let counted = used(&text, "host", "level0");
    assert!((counted - truth).abs() < 0.0001, "counted {counted} of {truth} s");
    assert!(errors(&text).is_empty(), "{:?}", errors(&text));
}

#[test]
fn of_5000_cgroups_the_sum_is_right_and_the_series_are_bounded() {
    const CGROUPS: usize = 5000;
    const WORKING: usize = 20;
    let Some(tree) = Cgroups::new("wide") else { return };
    // Names that no rule takes together.
    let name = |number: usize| format!("wide{number}x");
    let mut shells: Vec<_> =
        (0..WORKING).map(|number| tree.unit(&name(number * CGROUPS / WORKING))).collect();
    for number in (0..CGROUPS).filter(|number| number % (CGROUPS / WORKING) != 0) {
        tree.make(&format!("system.slice/{}.service", name(number)));
    }
    let before = tree.used("system.slice");
    let program = Program::run(&mut counting(&tree));
    let first = class(&program.fresh(), "host");
    for shell in &mut shells {
        shell.run("burn 20");
    }
    let (truth, text) = ((tree.used("system.slice") - before) as f64 / 1e6, program.fresh());
    let counted = class(&text, "host") - first;
    // What is shown of each is cut to a microsecond.
    assert!((counted - truth).abs() < 0.0001, "counted {counted} of {truth} s");
    let series = text.lines().filter(|line| line.starts_with(CPU)).count();
    assert!(series < 2 * 1000, "{series} series");
    // Of all counters only so many are kept open; the others were read all the same.
    let open = Program::value(&text, "namedprocess_exporter_files_open");
    assert!((1.0..=512.0).contains(&open), "{open} files are kept open");
    assert!(errors(&text).is_empty(), "{:?}", errors(&text));
}
