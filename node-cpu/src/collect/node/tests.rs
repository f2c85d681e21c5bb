//! A whole node of files: a tree beside its root's processes, interrupts and busy time.

use super::*;
use crate::cpu::Cpu;
use crate::snapshot::Class;
use rustix::fs::{FileType, Mode};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

mod late;
mod model;
mod moves;
mod properties;
mod sight;
mod threads;

struct Fake(tempfile::TempDir);

impl Fake {
    fn new() -> Fake {
        let fake = Fake(tempfile::tempdir().unwrap());
        fake.write("proc/uptime", "10.00 0.00\n");
        fake.write("proc/3/stat", "3 (ksoftirqd/0) S 2 0 0 0 -1 2097152 0 0 0 0 0 100 0 0 20 0 1 0 5 0 0\n");
        fake.write("cgroup/cgroup.procs", "3\n");
        fake.write("cgroup/cpu.stat", "usage_usec 0\nuser_usec 0\nsystem_usec 0\n");
        fake.service(1000);
        fake.busy(1000, 500);
        fake
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn service(&self, user_us: u64) {
        self.write("cgroup/system.slice/a.service/cgroup.procs", "7\n");
        for name in ["system.slice", "system.slice/a.service"] {
            self.write(
                &format!("cgroup/{name}/cpu.stat"),
                &format!("usage_usec {user_us}\nuser_usec {user_us}\nsystem_usec 0\n"),
            );
        }
    }

    fn busy(&self, user: u64, softirq: u64) {
        self.write("proc/stat", &format!("cpu  {user} 0 0 7 7 10 {softirq} 9 9 9\n"));
    }

    fn ksoftirqd(&self, ticks: u64) {
        let stat = format!("3 (ksoftirqd/0) S 2 0 0 0 -1 2097152 0 0 0 0 0 {ticks} 0 0 20 0 1 0 5 0 0\n");
        self.write("proc/3/stat", &stat);
    }

    fn paths(&self) -> Paths {
        let below = |name| Path::new(self.0.path()).join(name);
        Paths { procfs: below("proc"), cgroupfs: Some(below("cgroup")) }
    }
}

fn total(snapshot: &Snapshot, class: Class, group: &str) -> Option<u64> {
    snapshot.groups.get(&(class, group.into())).map(|cpu| cpu.total_us())
}

#[test]
fn all_begin_at_0_and_interrupts_are_less_what_their_threads_served() {
    let fake = Fake::new();
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    assert_eq!(node.method(), Method::Cgroup);
    let hz = node.procfs.hz();
    let first = node.pass().unwrap();
    assert!(
        first.groups.values().all(|cpu| *cpu == Cpu::default()) && first.busy.values().all(|us| *us == 0)
    );
    let (host, kernel) = (Class::Host, Class::Kernel);
    for (class, group) in [(host, "a"), (host, "(exited)"), (kernel, "ksoftirqd"), (kernel, "(interrupts)")] {
        assert_eq!(total(&first, class, group), Some(0), "{group}");
    }
    fake.service(1700);
    fake.busy(1003, 500 + 30);
    fake.ksoftirqd(100 + 12);
    let second = node.pass().unwrap();
    assert_eq!(total(&second, host, "a"), Some(700));
    assert_eq!(total(&second, kernel, "ksoftirqd"), Some(12 * 1_000_000 / hz));
    assert_eq!(total(&second, kernel, "(interrupts)"), Some((30 - 12) * 1_000_000 / hz));
    assert_eq!((second.busy["user"], second.busy["softirq"]), (3 * 1_000_000 / hz, 30 * 1_000_000 / hz));
    // The thread's ticks may be ahead of the interrupts': held back, not below.
    fake.ksoftirqd(100 + 14);
    assert_eq!(total(&node.pass().unwrap(), kernel, "(interrupts)"), Some(18 * 1_000_000 / hz));
    fake.busy(900, 500 + 33);
    let last = node.pass().unwrap();
    assert_eq!(total(&last, kernel, "(interrupts)"), Some(19 * 1_000_000 / hz));
    assert_eq!(last.busy["user"], 3 * 1_000_000 / hz, "busy time does not fall either");
}

/// A kernel that does not account for interrupts by themselves has them in its tasks' time.
#[test]
fn interrupts_that_tasks_were_charged_for_are_not_counted_twice() {
    let fake = Fake::new();
    let stat = |user: u64, softirq: u64| {
        fake.write("proc/stat", &format!("cpu  {user} 0 0 7 7 0 {softirq} 9 9 9\n"))
    };
    stat(1000, 500);
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let (busy, all_ticks) = (us_of(&node, 130), us_of(&node, 30));
    // The unit was busy for all of it, interrupted for 30 ticks.
    fake.service(1000 + busy);
    stat(1100, 530);
    let first = node.pass().unwrap();
    assert_eq!(total(&first, Class::Kernel, "(interrupts)"), Some(0));
    assert_eq!((total(&first, Class::Host, "a"), first.withheld_us), (Some(busy), all_ticks));
    // On an idle CPU.
    stat(1100, 550);
    let second = node.pass().unwrap();
    assert_eq!(total(&second, Class::Kernel, "(interrupts)"), Some(us_of(&node, 20)));
    assert_eq!(second.withheld_us, all_ticks);
    let groups: u64 = second.groups.values().map(|cpu| cpu.total_us()).sum();
    assert_eq!(groups, second.busy.values().sum::<u64>());
}

/// What nobody accounts for, as the work of the idle loop, leaves no room for interrupts of another time: then groups would
/// have more than the CPUs.
#[test]
fn interrupts_have_only_what_others_leave_in_the_same_pass() {
    let fake = Fake::new();
    let stat = |user: u64, softirq: u64| {
        fake.write("proc/stat", &format!("cpu  {user} 0 0 7 7 0 {softirq} 9 9 9\n"))
    };
    stat(1000, 500);
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    stat(1900, 500);
    let idle = node.pass().unwrap();
    // The unit was busy for all of a second, interrupted for half of it.
    fake.service(1000 + us_of(&node, 100));
    stat(1950, 550);
    let busy = node.pass().unwrap();
    let of = |snapshot: &Snapshot| total(snapshot, Class::Kernel, "(interrupts)").unwrap();
    assert_eq!((of(&idle), of(&busy)), (0, 20_000), "rounding");
    assert_eq!(busy.withheld_us, us_of(&node, 50) - 20_000);
}

/// What the busy time is reckoned to is when its file is opened: how long the reading waits is another's time.
#[test]
fn a_reading_that_waits_makes_nobody_busy() {
    let fake = Fake::new();
    let text = "cpu  1000 0 0 7 7 0 0 0 0 0\ncpu0 1000 0 0 7 7 0 0 0 0 0\n";
    fake.write("proc/stat", text);
    let began = Instant::now();
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let path = fake.0.path().join("proc/stat");
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let writer = std::thread::spawn(move || {
        // This returns once the other end is opened.
        let mut pipe = fs::OpenOptions::new().write(true).open(path).unwrap();
        let opened = began.elapsed();
        // The wait is what is tested.
        std::thread::sleep(3 * opened.max(Duration::from_millis(50)));
        pipe.write_all(text.as_bytes()).unwrap();
        opened
    });
    let busy: u64 = node.pass().unwrap().busy.values().sum();
    let opened = writer.join().unwrap();
    assert!(u128::from(busy) <= opened.as_micros(), "{busy} us, opened after {opened:?}");
}

fn us_of(node: &Node, ticks: u64) -> u64 {
    ticks * 1_000_000 / node.procfs.hz()
}

/// A process whose command line does not answer has the name that its comm gives, the others theirs, in the same pass.
#[test]
fn a_command_line_that_does_not_answer_keeps_nobody_waiting() {
    let fake = Fake::new();
    let process = |pid: u32, comm: &str, ticks: u64| {
        let stat = format!("{pid} ({comm}) S 1 5 5 0 -1 4194560 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5 0 0\n");
        fake.write(&format!("proc/{pid}/stat"), &stat);
    };
    fake.write("cgroup/cgroup.procs", "3\n5\n6\n");
    process(5, "fifteen-letters", 0);
    process(6, "other", 0);
    fake.write("proc/6/cmdline", "/bin/other\0--mine\0");
    let pipe = fake.0.path().join("proc/5/cmdline");
    let mode = Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let rules = "process_names:\n- {name: mine, cmdline: ['--mine']}\n- {name: '{{.ExeBase}}', comm: [fifteen-letters]}";
    node.set_rules(Some(Arc::new(Rules::parse(rules).unwrap())));
    process(5, "fifteen-letters", 7);
    process(6, "other", 9);
    node.pass().unwrap();
    process(5, "fifteen-letters", 14);
    process(6, "other", 18);
    let snapshot = node.pass().unwrap();
    let hz = node.procfs.hz();
    let host = |group| total(&snapshot, Class::Host, group).unwrap_or(0);
    assert_eq!((host("fifteen-letters"), host("mine")), (14 * 1_000_000 / hz, 18 * 1_000_000 / hz));
    // Asked for once as a process, and once under the rules; and not again in each pass.
    assert_eq!(snapshot.errors["timeout"], 2);
}

/// What no rule asks for is not read.
#[test]
fn an_empty_list_of_rules_is_none() {
    let fake = Fake::new();
    fake.write("proc/5/stat", "5 (short) S 1 5 5 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
    fake.write("cgroup/cgroup.procs", "3\n5\n");
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let files = |node: &mut Node| node.pass().unwrap().work.files_read;
    let before = files(&mut node);
    node.set_rules(Some(Arc::new(Rules::parse("process_names: []").unwrap())));
    assert_eq!(files(&mut node), before);
    // Nor for a rule that chooses others, once they have been told from those.
    node.set_rules(Some(Arc::new(Rules::parse("process_names: [{comm: [x]}, {name: y, ppid: 1}]").unwrap())));
    files(&mut node);
    assert_eq!(files(&mut node), before);
}

/// A pass that cannot read the node's busy time has read ksoftirqd's already: neither is counted twice in the next.
#[test]
fn interrupts_are_right_after_a_pass_that_failed_half_way() {
    let fake = Fake::new();
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let hz = node.procfs.hz();
    fake.ksoftirqd(100 + 12);
    fake.write("proc/stat", "");
    assert!(node.pass().is_err());
    fake.busy(1000, 500 + 30);
    assert_eq!(total(&node.pass().unwrap(), Class::Kernel, "(interrupts)"), Some((30 - 12) * 1_000_000 / hz));
}

/// What no machine can have used is an error, and the counter goes on from there; the others are right in the same pass.
#[test]
fn an_impossible_growth_is_an_error_and_no_growth() {
    let fake = Fake::new();
    let process = |ticks: u64| {
        let stat = format!("5 (loose) S 1 5 5 0 -1 4194560 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5 0 0\n");
        fake.write("proc/5/stat", &stat);
    };
    let (unit, top) = (
        |name: &str, us: u64| {
            fake.write(
                &format!("cgroup/{name}/cpu.stat"),
                &format!("usage_usec {us}\nuser_usec {us}\nsystem_usec 0\n"),
            );
        },
        "system.slice",
    );
    fake.write("proc/stat", "cpu  1000 0 0 7 7 10 500 9 9 9\ncpu0 0\ncpu1 0\n");
    fake.write("cgroup/cgroup.procs", "3\n5\n");
    process(100);
    unit("system.slice/b.service", 0);
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let hz = node.procfs.hz();
    let host = |snapshot: &Snapshot, group| total(snapshot, Class::Host, group).unwrap();
    let impossible = |snapshot: &Snapshot| snapshot.errors["impossible"];

    let absurd = 18_446_744_073_709_551;
    unit("system.slice/a.service", absurd);
    unit("system.slice/b.service", 50);
    unit(top, 1050);
    process(100 + 1_000_000);
    let first = node.pass().unwrap();
    assert_eq!((host(&first, "a"), host(&first, "b"), host(&first, "loose")), (0, 50, 0));
    assert_eq!(impossible(&first), 2);

    // Sane again, which is far below; and from there on.
    unit("system.slice/a.service", 1100);
    unit(top, 1150);
    process(103);
    let second = node.pass().unwrap();
    assert_eq!((host(&second, "a"), host(&second, "loose"), impossible(&second)), (0, 0, 4));
    unit("system.slice/a.service", 1107);
    unit(top, 1157);
    process(105);
    let third = node.pass().unwrap();
    assert_eq!((host(&third, "a"), host(&third, "loose")), (7, 2 * 1_000_000 / hz));
    assert_eq!(impossible(&third), 4);
}

#[test]
fn a_clock_that_is_set_changes_nothing() {
    let fake = Fake::new();
    let stat =
        |booted: u64| fake.write("proc/stat", &format!("cpu  1000 0 0 7 7 10 500 9 9 9\nbtime {booted}\n"));
    stat(1_700_000_000);
    let mut node = Node::open_by_process(&fake.paths(), Detail { threads: true }).unwrap();
    fake.ksoftirqd(112);
    let before = node.pass().unwrap();
    for booted in [0, 1_500_000_000, 1_900_000_000] {
        stat(booted);
        let now = node.pass().unwrap();
        assert_eq!((&now.groups, &now.busy), (&before.groups, &before.busy), "{booted}");
        assert_eq!(now.errors, before.errors, "{booted}");
    }
    assert_eq!(node.boot_time(), Some(1_700_000_000), "as it was at the beginning");
}
