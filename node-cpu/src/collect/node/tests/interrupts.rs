//! Interrupts and busy time: nothing is counted twice, and nothing falls.

use super::*;
use crate::cpu::Cpu;
use rustix::fs::{FileType, Mode};
use std::io::Write as _;
use std::time::Duration;

#[test]
fn all_begin_at_0_and_interrupts_exclude_what_ksoftirqd_served() {
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
    // The thread's ticks may be ahead of the interrupts'. The total stays, and does not fall.
    fake.ksoftirqd(100 + 14);
    assert_eq!(total(&node.pass().unwrap(), kernel, "(interrupts)"), Some(18 * 1_000_000 / hz));
    fake.busy(900, 500 + 33);
    let last = node.pass().unwrap();
    assert_eq!(total(&last, kernel, "(interrupts)"), Some(19 * 1_000_000 / hz));
    assert_eq!(last.busy["user"], 3 * 1_000_000 / hz, "busy time does not fall either");
}

/// A kernel that does not account for interrupts separately has them in its tasks' time.
#[test]
fn interrupts_in_the_tasks_time_are_not_counted_twice() {
    let fake = Fake::new();
    let stat = |user: u64, softirq: u64| {
        fake.write("proc/stat", &format!("cpu  {user} 0 0 7 7 0 {softirq} 9 9 9\n"))
    };
    stat(1000, 500);
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let (busy, all_ticks) = (us_of(&node, 130), us_of(&node, 30));
    // The unit was busy for all of the time, and interrupted for 30 ticks.
    fake.service(1000 + busy);
    stat(1100, 530);
    let first = node.pass().unwrap();
    assert_eq!(total(&first, Class::Kernel, "(interrupts)"), Some(0));
    assert_eq!((total(&first, Class::Host, "a"), first.withheld_us), (Some(busy), all_ticks));
    // These interrupts are on an idle CPU.
    stat(1100, 550);
    let second = node.pass().unwrap();
    assert_eq!(total(&second, Class::Kernel, "(interrupts)"), Some(us_of(&node, 20)));
    assert_eq!(second.withheld_us, all_ticks);
    let groups: u64 = second.groups.values().map(|cpu| cpu.total_us()).sum();
    assert_eq!(groups, second.busy.values().sum::<u64>());
}

/// Time without an owner, as the work of the idle loop, leaves no interrupt time for another pass. Otherwise groups
/// would have more CPU than the CPUs.
#[test]
fn interrupts_get_only_leftover_time_of_the_same_pass() {
    let fake = Fake::new();
    let stat = |user: u64, softirq: u64| {
        fake.write("proc/stat", &format!("cpu  {user} 0 0 7 7 0 {softirq} 9 9 9\n"))
    };
    stat(1000, 500);
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    stat(1900, 500);
    let idle = node.pass().unwrap();
    // The unit was busy for all of a second, and interrupted for half of it.
    fake.service(1000 + us_of(&node, 100));
    stat(1950, 550);
    let busy = node.pass().unwrap();
    let of = |snapshot: &Snapshot| total(snapshot, Class::Kernel, "(interrupts)").unwrap();
    assert_eq!((of(&idle), of(&busy)), (0, 20_000), "rounding");
    assert_eq!(busy.withheld_us, us_of(&node, 50) - 20_000);
}

/// The busy time ends when its file is opened. A reading that waits adds none.
#[test]
fn a_reading_that_waits_adds_no_busy_time() {
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
        // The test is about this wait.
        std::thread::sleep(3 * opened.max(Duration::from_millis(50)));
        pipe.write_all(text.as_bytes()).unwrap();
        opened
    });
    let busy: u64 = node.pass().unwrap().busy.values().sum();
    let opened = writer.join().unwrap();
    assert!(u128::from(busy) <= opened.as_micros(), "{busy} us, opened after {opened:?}");
}

/// A pass that cannot read the node's busy time has read ksoftirqd's already. The next pass counts neither of them
/// twice.
#[test]
fn interrupts_are_right_after_a_pass_that_failed_halfway() {
    let fake = Fake::new();
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let hz = node.procfs.hz();
    fake.ksoftirqd(100 + 12);
    fake.write("proc/stat", "");
    assert!(node.pass().is_err());
    fake.busy(1000, 500 + 30);
    assert_eq!(total(&node.pass().unwrap(), Class::Kernel, "(interrupts)"), Some((30 - 12) * 1_000_000 / hz));
}

fn us_of(node: &Node, ticks: u64) -> u64 {
    ticks * 1_000_000 / node.procfs.hz()
}
