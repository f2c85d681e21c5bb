//! Tests units, processes and threads that come and go while they are counted, on a real cgroup v2 tree.
//!
//! No total falls at any pass, and threads add up to their groups. At the end, all totals are what the kernel counted.

use crate::cgroups::Cgroups;
use node_cpu::{Class, Snapshot};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Asserts that no total has fallen since `before`, and that threads, with the exited ones, add up to their groups.
fn assert_adds_up(before: &Snapshot, now: &Snapshot) {
    for (group, cpu) in &before.groups {
        let now = now.groups[group];
        assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{group:?} fell");
    }
    for (thread, cpu) in &before.threads {
        let now = now.threads[thread];
        assert!(now.user_us >= cpu.user_us && now.system_us >= cpu.system_us, "{thread:?} fell");
    }
    let mut sums: BTreeMap<_, u64> = now.groups.keys().map(|group| (group.clone(), 0)).collect();
    for ((class, group, _), cpu) in &now.threads {
        *sums.get_mut(&(*class, Arc::clone(group))).unwrap() += cpu.total_us();
    }
    for (group, cpu) in &now.groups {
        assert_eq!(sums[group], cpu.total_us(), "{group:?}");
    }
}

#[test]
fn under_churn_all_adds_up() {
    let Some(tree) = Cgroups::new("churn") else { return };
    tree.make("kubepods.slice");
    let mut node = tree.open();
    // The kernel's threads and interrupts are the machine's, so they are left out.
    let units_total = |snapshot: &Snapshot| {
        let units = snapshot.groups.iter().filter(|((class, _), _)| *class != Class::Kernel);
        units.map(|(_, cpu)| cpu.total_us()).sum::<u64>()
    };
    let mut before = node.pass().unwrap();
    let mut steady = tree.unit("steady");
    steady.begin("while read -t 0; [ $? != 0 ]; do (burn 1 & burn 1 & wait); done; read");
    for round in 0..12 {
        let names = [format!("u{round}"), format!("v{round}")];
        let mut shells = names.each_ref().map(|name| tree.unit(name));
        for shell in &mut shells {
            shell.begin(
                "for i in 1 2 3; do (burn 3; \
                 exec sh -c 'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done') & done; wait",
            );
        }
        let now = node.pass().unwrap();
        assert_adds_up(&before, &now);
        before = now;
        shells.iter_mut().for_each(|shell| {
            shell.finish();
        });
        // One unit ends before a pass and one after it.
        let [first, second] = shells;
        tree.end(&names[0], first);
        let now = node.pass().unwrap();
        assert_adds_up(&before, &now);
        before = now;
        tree.end(&names[1], second);
    }
    steady.begin("");
    steady.finish();
    let now = node.pass().unwrap();
    assert_adds_up(&before, &now);
    let (counted, used) = (units_total(&now), tree.used("system.slice") + tree.used("kubepods.slice"));
    let error = counted as i64 - used as i64;
    let _ = writeln!(std::io::stderr(), "churn: counted {counted} us, used {used} us, error {error:+} us");
    // CPU that was once exported for one group stays there, even if it turns out to be another's. Two readings of a busy
    // tree are some microseconds apart.
    assert!((-4..used as i64 / 200).contains(&error), "the error is {error:+} of {used} us");
    assert!(now.errors.values().all(|count| *count == 0), "{:?}", now.errors);
}

const LOAD: &str = "OC_INTERROGATE_LOAD_OF_THREADS";
const POOL: u64 = 4;

/// Load for the next test, and no test itself. Each line of stdin is a time in milliseconds.
/// Threads `pool-1` to `pool-4` then use that much CPU each.
#[test]
fn load_of_threads() {
    if std::env::var_os(LOAD).is_none() {
        return;
    }
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let until = Duration::from_millis(line.parse().unwrap());
        let burn = move || {
            while Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap() < until {}
            // The threads stay until they have been counted.
            std::thread::park();
        };
        for n in 1..=POOL {
            std::thread::Builder::new().name(format!("pool-{n}")).spawn(burn).unwrap();
        }
    }
}

#[test]
fn threads_of_a_real_process_are_counted_by_name() {
    let Some(tree) = Cgroups::new("threads") else { return };
    tree.make("system.slice/pooled.service");
    let mut node = tree.open();
    let mut load = Command::new(std::env::current_exe().unwrap());
    load.args(["--exact", "churn::load_of_threads", "--nocapture"]).env(LOAD, "1");
    let mut load = load.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    fs::write(tree.root.join("system.slice/pooled.service/cgroup.procs"), load.id().to_string()).unwrap();
    let thread = |name: &str| (Class::Host, Arc::from("pooled"), Arc::from(name));
    let thread_us =
        |snapshot: &Snapshot, name: &str| snapshot.threads.get(&thread(name)).map_or(0, |cpu| cpu.total_us());
    // CPU that the load used before it entered this tree is in no counter of the tree.
    let mut snapshot = node.pass().unwrap();
    writeln!(load.stdin.as_mut().unwrap(), "100").unwrap();
    // Each thread uses 100 ms, of which its counter may hide two ticks. Another two ticks of the first thread may have
    // accrued and not be exported yet.
    let began = Instant::now();
    while thread_us(&snapshot, "pool") < POOL * 80_000 - 20_000 {
        let now = node.pass().unwrap();
        assert_adds_up(&snapshot, &now);
        snapshot = now;
        assert!(began.elapsed() < Duration::from_secs(60), "not counted: {snapshot:?}");
    }
    assert_eq!(snapshot.thread_counts.get(&thread("pool")), Some(&POOL));
    let group = snapshot.groups[&(Class::Host, "pooled".into())].total_us();
    let (pool, exited) = (thread_us(&snapshot, "pool"), thread_us(&snapshot, "(exited)"));
    let _ = writeln!(std::io::stderr(), "pool: {pool} us of {group} us, {exited} us exited");
    assert!(pool <= POOL * 110_000, "{pool} us are more than they used");
    drop(load.stdin.take());
    let mut rest = String::new();
    BufReader::new(load.stdout.take().unwrap()).read_to_string(&mut rest).unwrap();
    assert!(load.wait().unwrap().success(), "{rest}");
    let now = node.pass().unwrap();
    assert_adds_up(&snapshot, &now);
    assert_eq!(now.thread_counts.get(&thread("pool")), None);
}
