//! Tests faults that no kernel can be made to have, such as garbage, cuts and emptiness in any file.
//!
//! Each time the rest of the pass is right and nothing is lost.

use crate::fake::Fake;
use crate::shell::total;
use node_cpu::{Class, Detail, Node, Snapshot};
use std::fs;

const TICK_US: u64 = 10_000;
/// Level of detail that reads every file in every pass.
const DETAIL: Detail = Detail { threads: true };

/// Opens a node with a kernel thread and two units. Each unit has one process of two threads.
fn open_node() -> (Fake, Node) {
    let mut fake = Fake::new();
    for (name, pid) in [("a", 100), ("b", 200)] {
        fake.process(pid, 1, name, 3, &[pid, pid + 1]);
        fake.unit(name, 70_000, &[pid]);
    }
    fake.kernel_thread(30, "kworker/0:1", 3);
    fake.write("cgroup/cgroup.procs", b"2\n30\n");
    let node = Node::open(&fake.paths(), DETAIL).unwrap();
    (fake, node)
}

/// Sets the CPU that each thread has used since the start to `ticks`.
fn set_ticks(fake: &mut Fake, ticks: u64) {
    for (name, pid) in [("a", 100), ("b", 200)] {
        fake.process(pid, 1, name, 3 + ticks, &[pid, pid + 1]);
        fake.unit(name, 70_000 + ticks * 2 * TICK_US, &[]);
    }
    fake.kernel_thread(30, "kworker/0:1", 3 + ticks);
    let ticks = 1000 + ticks * 5;
    fake.write("proc/stat", format!("cpu  {ticks} 0 1000 100000 0 0 0 0 0 0\n").as_bytes());
}

/// Returns texts that a file may contain instead of its own, each with its name.
fn list_garbage(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let replaced = |what: &str| {
        let text = String::from_utf8_lossy(good);
        let digits = |c: char| c.is_ascii_digit();
        text.split_inclusive(' ')
            .map(|w| if w.contains(digits) { format!("{what} ") } else { w.into() })
            .collect::<String>()
    };
    vec![
        ("nothing", Vec::new()),
        ("one byte", good.get(..1).unwrap_or_default().to_vec()),
        ("a third", good[..good.len() / 3].to_vec()),
        ("two thirds", good[..good.len() * 2 / 3].to_vec()),
        ("zeroes", vec![0; 200]),
        ("bytes that are no text", vec![0xff; 200]),
        ("words", b"what is this\n".to_vec()),
        ("brackets", b"1 )))))((((( ) ) ( ) R 1\n".to_vec()),
        ("numbers beyond all", replaced("99999999999999999999999999").into_bytes()),
        ("the biggest number", replaced("18446744073709551615").into_bytes()),
        ("numbers below zero", replaced("-5").into_bytes()),
        ("a long line", vec![b'7'; 300_000]),
        ("many lines", b"3\n".repeat(100_000)),
    ]
}

/// Asserts that no group has fallen, and that each is the sum of its threads.
fn assert_sound(before: &Snapshot, after: &Snapshot, what: &str) {
    for ((class, group), cpu) in &before.groups {
        let now = total(after, *class, group);
        assert!(now >= cpu.total_us(), "{what}: {group} fell from {} to {now}", cpu.total_us());
    }
    for ((class, group), cpu) in &after.groups {
        let threads = after.threads.iter().filter(|((c, g, _), _)| c == class && g == group);
        let threads: u64 = threads.map(|(_, cpu)| cpu.total_us()).sum();
        assert_eq!(threads, cpu.total_us(), "{what}: the threads of {group}");
    }
}

#[test]
fn garbage_in_any_file_spoils_that_file_alone_and_nothing_for_good() {
    // The file, `true` if a whole pass may fail for it, and the groups whose counters are not in it.
    let files: [(&str, bool, &[&str]); 11] = [
        ("cgroup/system.slice/a.service/cpu.stat", false, &["b", "kworker"]),
        ("cgroup/system.slice/a.service/cgroup.procs", false, &["a", "b", "kworker"]),
        ("cgroup/system.slice/cpu.stat", false, &["kworker"]),
        ("cgroup/system.slice/cgroup.procs", false, &["a", "b", "kworker"]),
        ("cgroup/cpu.stat", false, &["a", "b", "kworker"]),
        ("cgroup/cgroup.procs", true, &["a", "b"]),
        ("proc/30/stat", false, &["a", "b"]),
        ("proc/100/stat", false, &["a", "b", "kworker"]),
        ("proc/100/task/101/stat", false, &["a", "b", "kworker"]),
        ("proc/stat", true, &["a", "b", "kworker"]),
        ("proc/uptime", true, &["a", "b", "kworker"]),
    ];
    for (file, may_fail, unaffected) in files {
        let kinds = list_garbage(&fs::read(open_node().0.path(file)).unwrap());
        for (kind, text) in kinds {
            let what = format!("{kind} in {file}");
            let (mut fake, mut node) = open_node();
            set_ticks(&mut fake, 1);
            let before = node.pass().unwrap();
            set_ticks(&mut fake, 2);
            let good = fs::read(fake.path(file)).unwrap();
            fake.write(file, &text);
            match node.pass() {
                Ok(spoilt) => {
                    assert_sound(&before, &spoilt, &what);
                    for group in unaffected {
                        let want = if *group == "kworker" { 2 * TICK_US } else { 4 * TICK_US };
                        let class = if *group == "kworker" { Class::Kernel } else { Class::Host };
                        assert_eq!(total(&spoilt, class, group), want, "{what}: {group}");
                    }
                }
                Err(error) => assert!(may_fail, "{what}: {error:#}"),
            }
            fake.write(file, &good);
            set_ticks(&mut fake, 3);
            let after = node.pass().unwrap();
            assert_sound(&before, &after, &what);
            for (class, group, want) in [
                (Class::Host, "a", 6 * TICK_US),
                (Class::Host, "b", 6 * TICK_US),
                (Class::Kernel, "kworker", 3 * TICK_US),
            ] {
                let found = total(&after, class, group);
                // A total that was once exported is never taken back, even if it is impossible.
                let is_kept = found >= want && (kind.contains("number") || kind.contains("third"));
                // A thread that is not in the list is not in the root. The root does not have CPU that it uses outside.
                let is_unlisted = file == "cgroup/cgroup.procs" && group == "kworker";
                assert!(
                    found == want || is_kept || is_unlisted,
                    "{what}, then good again: {group} has {found}, not {want}"
                );
            }
        }
    }
}
