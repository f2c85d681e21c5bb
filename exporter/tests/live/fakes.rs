//! Tests of the program on a node of files: files that it may not read, and very many of them.

use crate::fake::Fake;
use crate::program::Program;
use crate::shell::skip;
use rustix::process::geteuid;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn unreadable_files_are_counted_and_the_rest_is_right() {
    if !geteuid().is_root() {
        return skip("may not be read", "only root may become nobody");
    }
    let mut fake = Fake::new();
    for (name, pid) in [("a", 100), ("b", 200)] {
        fake.process(pid, 1, name, 3, &[pid]);
        fake.unit(name, 30_000, &[pid]);
    }
    fs::set_permissions(fake.path(""), Permissions::from_mode(0o755)).unwrap();
    for file in ["cgroup/system.slice/a.service/cpu.stat", "proc/2/stat"] {
        fs::set_permissions(fake.path(file), Permissions::from_mode(0o0)).unwrap();
    }
    // Copied, because the user nobody may not execute files in the build's folder.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("process-exporter");
    fs::copy(env!("CARGO_BIN_EXE_process-exporter"), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
    command.arg("--procfs").arg(fake.path("proc")).arg("--cgroupfs").arg(fake.path("cgroup"));
    let program = Program::run(&mut command);
    program.fresh_metrics();
    fake.unit("a", 50_000, &[]);
    fake.unit("b", 60_000, &[]);
    let text = program.fresh_metrics();
    let b = r#"namedprocess_namegroup_cpu_seconds_total{class="host",groupname="b",mode="user"} 0.03"#;
    assert!(text.contains(b), "{text}");
    let refused = Program::value(&text, "namedprocess_scrape_errors_total{reason=\"permission_denied\"}");
    // There were at least two passes, and each pass counts both files.
    assert!(refused >= 4.0, "{text}");
}

#[test]
fn a_node_of_32768_processes_and_100000_threads_is_counted_in_bounded_memory() {
    const PROCESSES: u32 = 32_768;
    const THREADS: u32 = 100_000;
    const UNITS: u32 = 64;
    let mut fake = Fake::new();
    let mut tid = PROCESSES + 10;
    let more = (THREADS - PROCESSES).div_ceil(PROCESSES / 8);
    for unit in 0..UNITS {
        let pids: Vec<u32> = (10..PROCESSES + 10).filter(|pid| pid % UNITS == unit).collect();
        for pid in &pids {
            // An eighth of the units have processes of many threads.
            let mut tids = vec![*pid];
            if unit % 8 == 0 {
                tids.extend(tid..tid + more);
                tid += more;
            }
            fake.process(*pid, 1, "many", 1, &tids);
        }
        fake.unit(&format!("unit{unit}x"), 1_000_000, &pids);
    }
    assert!(tid >= THREADS, "{tid} threads are too few");
    let mut command = Command::new(env!("CARGO_BIN_EXE_process-exporter"));
    command.arg("--procfs").arg(fake.path("proc")).arg("--cgroupfs").arg(fake.path("cgroup"));
    let program = Program::run(&mut command);
    program.fresh_metrics();
    for unit in 0..UNITS {
        fake.unit(&format!("unit{unit}x"), 3_500_000, &[]);
    }
    let text = program.fresh_metrics();
    for unit in 0..UNITS {
        let name = format!(
            r#"namedprocess_namegroup_cpu_seconds_total{{class="host",groupname="unit{unit}x",mode="user"}}"#
        );
        assert_eq!(Program::value(&text, &name), 2.5, "{name}");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", program.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")).unwrap();
    let peak_mib = peak.trim().parse::<u64>().unwrap() / 1024;
    assert!(peak_mib < 128, "{peak_mib} MiB");
}
