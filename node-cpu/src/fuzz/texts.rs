//! Feeds bytes to everything that parses text.

use crate::boot_options;
use crate::kernel::parse;
use crate::naming::{self, CgroupRole, Kind, Owner};
use crate::naming::{Identity, Rules};
use crate::snapshot::{Class, EXITED, IDLE, OTHER, STARTING};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

const HZ: u64 = 100;
/// Longest name of a group in bytes.
const MAX_NAME_BYTES: usize = 128;

pub(super) fn files(data: &[u8]) {
    let _ = parse::uptime(data, HZ);
    let _ = parse::boot_time(data);
    let few = (0..8).collect();
    if let Some(isolated) = boot_options::isolated(data, &few) {
        assert!(!isolated.is_empty() && isolated.count() < 8, "{isolated}");
    }
    if let (Some(cpus), Some(sets)) = (parse::cpus(data), parse::busy_of(data, HZ, &few)) {
        assert!(cpus.count() as u64 <= sets[0].cpus + sets[1].cpus, "{cpus}");
    }
    let _ = parse::is_populated(data);
    if let Some(busy) = parse::busy(data, HZ) {
        assert!(data.starts_with(b"cpu") || data[0].is_ascii_whitespace(), "{busy:?}");
    }
    for mount in parse::cgroup2_mounts(data) {
        assert!(mount.as_os_str().len() <= data.len(), "{mount:?}");
    }
    if let Some(pids) = parse::pids(data) {
        // Written and parsed again, the PIDs are equal, although leading zeroes and spaces are lost.
        let lines: String = pids.iter().map(|pid| format!("{pid}\n")).collect();
        assert_eq!(parse::pids(lines.as_bytes()), Some(pids));
    }
    if let Some(cpu) = parse::cpu_stat(data) {
        let (user, system) = (cpu.user_us, cpu.system_us);
        let text = format!("usage_usec {}\nuser_usec {user}\nsystem_usec {system}\n", cpu.total_us());
        assert_eq!(parse::cpu_stat(text.as_bytes()), Some(cpu));
    }
    if let Some(stat) = parse::stat(data, HZ) {
        let comm = stat.comm.as_bytes();
        assert!(comm.is_empty() || data.windows(comm.len()).any(|window| window == comm));
    }
    check_written_stat(data);
}

/// Asserts that a line as the kernel writes it is read back, for any comm and numbers.
fn check_written_stat(data: &[u8]) {
    let (comm, numbers) = data.split_at(data.len().min(15));
    let number = |index: usize| {
        let bytes = numbers.iter().skip(index * 4).take(4);
        u64::from(bytes.fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)))
    };
    let (user, system, waited, ppid, threads, start) =
        (number(0), number(1), number(2), number(3), number(4), number(5));
    let tail = format!(
        ") S {ppid} 1 1 0 -1 4194560 1 2 3 4 {user} {system} {waited} 0 20 0 {threads} 0 {start} 9 8 7 0 0\n"
    );
    let line = [b"1 (", comm, tail.as_bytes()].concat();
    let stat = parse::stat(&line, HZ).unwrap();
    let us = |ticks: u64| ticks * 10_000;
    assert_eq!(stat.comm.as_bytes(), comm);
    assert_eq!((stat.own.user_us, stat.own.system_us), (us(user), us(system)));
    assert_eq!((stat.waited.user_us, u64::from(stat.ppid)), (us(waited), ppid));
    assert_eq!((u64::from(stat.threads), stat.start, stat.kernel_thread), (threads, start, false));
}

pub(super) fn names(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let mut role = CgroupRole::root();
    for name in &lines {
        let is_pods = |role: &CgroupRole| matches!(role.kind, Kind::Pods | Kind::Pod | Kind::InPod);
        let was_pods = is_pods(&role);
        role = role.child(OsStr::from_bytes(name));
        assert!(is_pods(&role) || !was_pods, "what is below pods is a pod's");
        match &role.owner {
            Some(Owner::Group((class, group))) => {
                check_name(group);
                assert!(*class == Class::Host && !is_pods(&role), "{group}");
            }
            Some(Owner::Pod(uid)) => {
                check_name(uid);
                assert!(is_pods(&role), "{uid}");
            }
            None => {}
        }
        let _ = naming::is_unit(OsStr::from_bytes(name));
        check_name(&naming::kernel_family(name));
        check_name(&naming::process_name(name, data));
        check_name(&naming::process_name(name.get(..15).unwrap_or(name), name));
        check_thread_name(name);
    }
    let _ = naming::is_relative(data);
    // A reader of absolute paths finds no pod that a reader of relative paths does not find.
    let is_pod = |relative| naming::parse_pod_of_process(data, relative).is_some();
    assert!(is_pod(true) || !is_pod(false));
    if let Some(named) = naming::parse_monitored_pod(data) {
        check_name(&named.uid);
        assert!(
            !named.pod.namespace.is_empty() && !named.pod.name.is_empty() && named.pod.class != Class::Pod
        );
    }
}

fn check_name(name: &str) {
    assert!(!name.is_empty(), "a label without a value is no label");
    assert!(name.len() <= MAX_NAME_BYTES, "{name}");
}

/// Asserts that a thread's name is not empty, is not reserved, and is equal for the threads of a pool.
fn check_thread_name(comm: &[u8]) {
    let name = naming::thread_name(comm);
    assert!(
        !name.is_empty() && ![EXITED, IDLE, OTHER, STARTING].contains(&name.as_str()),
        "{comm:?}: {name}"
    );
    let numbered = |number: &[u8]| naming::thread_name(&[comm, b"-", number].concat());
    assert_eq!(numbered(b"1"), numbered(b"4294967295"), "{comm:?}");
}

pub(super) fn config(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == 0xff);
    let mut part = || parts.next().unwrap_or_default();
    let (text, comm, argv) = (String::from_utf8_lossy(part()), part(), part());
    match Rules::parse(&text) {
        Ok(rules) => {
            let ppid = argv.len() as u32;
            if let Some(name) = rules.name(&Identity { comm, argv, ppid }) {
                assert!(!name.is_empty(), "a label without a value is no label");
            }
        }
        Err(error) => {
            let line = format!("{error:#}");
            assert!(!line.is_empty() && !line.contains('\n'), "{line}");
        }
    }
}
