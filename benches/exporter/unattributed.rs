//! Unattributed busy time, which no group has, for loads that are hard to count because the kernel has two clocks.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::exporters::{Exporter, Kind, Scrape};
use crate::load::{burn, orphan};
use crate::slice::Slice;
use crate::spread::Spread;

/// Length of a window in seconds.
const SECONDS: u64 = 8;
/// Number of windows of each load.
const ROUNDS: usize = 5;
/// Maximum unattributed share of the busy time, in percent, if the machine runs only the flood.
const MOST_OF_FLOOD: f64 = 1.5;
/// Time between two ticks in nanoseconds, of a kernel of 250 Hz, as most distributions have.
const TICK_NS: i64 = 4_000_000;

/// Description of each load, its argument, and its number of processes.
const LOADS: [(&str, &str, usize); 7] = [
    ("half a core, steady", "steady", 1),
    ("1 of 4 ms, between ticks", "between", 1),
    ("1 of 4 ms, across ticks", "across", 1),
    ("wakes every 50 us", "wakes", 1),
    ("a byte to and fro between two CPUs", "pipes", 1),
    ("a flood of UDP over loopback, all CPUs", "udp", 2),
    ("all CPUs saturated", "burn", 2),
];

/// Measures one load after the other, and scrapes at the ends of its windows.
pub(crate) fn unattributed(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let mut exporter = Exporter::start(&slice, Kind::Http, &["--threads=false"])?;
    let mut fine = true;
    for (what, kind, count) in LOADS {
        let unit = slice.unit(&format!("load-{kind}"))?;
        let start = |_| orphan(&["spend", kind].map(str::to_owned), &unit.path);
        let loads = (0..count).map(start).collect::<Result<Vec<_>>>()?;
        std::thread::sleep(Duration::from_secs(SECONDS));
        let (mut before, mut left, mut busy_cores) = (totals(&exporter.scrape()?)?, Vec::new(), Vec::new());
        let withheld = before.withheld;
        for _ in 0..ROUNDS {
            std::thread::sleep(Duration::from_secs(SECONDS));
            let now = totals(&exporter.scrape()?)?;
            let busy = now.busy - before.busy;
            left.push(100.0 * (busy - (now.groups - before.groups)) / busy);
            busy_cores.push(busy / SECONDS as f64);
            before = now;
        }
        drop(loads);
        let (left, busy) = (Spread::of(left)?, Spread::of(busy_cores)?);
        let withheld = (before.withheld - withheld) / (ROUNDS as f64 * SECONDS as f64);
        writeln!(out, "{what}: {left} % of {busy} cores; withheld {withheld:.3} cores")?;
        if kind == "udp" {
            fine &= left.median.abs() <= MOST_OF_FLOOD;
            writeln!(out, "  at most {MOST_OF_FLOOD}: {}", if fine { "fine" } else { "TOO MUCH" })?;
        }
    }
    Ok(fine)
}

/// Counters of an exposition, in seconds since the exporter started.
struct Totals {
    busy: f64,
    groups: f64,
    withheld: f64,
}

fn totals(scrape: &Scrape) -> Result<Totals> {
    const BUSY: &str = "namedprocess_node_cpu_seconds_total";
    let busy = scrape.sum(BUSY, "mode") - scrape.sum(BUSY, "steal");
    let withheld =
        scrape.text.lines().find_map(|l| l.strip_prefix("namedprocess_exporter_withheld_seconds_total "));
    let withheld = withheld.context("nothing is said to be withheld")?.parse()?;
    Ok(Totals { busy, groups: scrape.sum("namedprocess_namegroup_cpu_seconds_total", "mode"), withheld })
}

/// Runs a load of this kind until the standard input ends. `kind` is an argument of `LOADS`.
pub(crate) fn spend(kind: &str) -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    match kind {
        "steady" => loop {
            burn(Duration::from_millis(5));
            std::thread::sleep(Duration::from_millis(5));
        },
        "between" => in_step(TICK_NS / 4),
        "across" => in_step(TICK_NS - TICK_NS / 8),
        "wakes" => {
            set_current_timer_slack(std::num::NonZeroU64::new(1))?;
            loop {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        "pipes" => to_and_fro(),
        "udp" => flood(),
        "burn" => loop {
            burn(Duration::from_secs(1));
        },
        _ => anyhow::bail!("no load is called {kind}"),
    }
}

/// Works for a millisecond in each tick period, from `offset` nanoseconds after the tick.
fn in_step(offset: i64) -> Result<()> {
    set_current_timer_slack(std::num::NonZeroU64::new(1))?;
    let now = || {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
        tv_sec * 1_000_000_000 + tv_nsec
    };
    loop {
        let next = (now() / TICK_NS + 1) * TICK_NS + offset;
        std::thread::sleep(Duration::from_nanos(u64::try_from(next - now()).unwrap_or(0)));
        let end = now() + 1_000_000;
        while now() < end {
            std::hint::black_box(end);
        }
    }
}

/// Runs two threads on two CPUs that wake each other.
fn to_and_fro() -> Result<()> {
    let ((mut here, mut to_there), (mut there, mut to_here)) = (std::io::pipe()?, std::io::pipe()?);
    let on = |cpu: usize| {
        let mut set = CpuSet::new();
        set.set(cpu);
        sched_setaffinity(None::<Pid>, &set)
    };
    let other = std::thread::spawn(move || {
        on(1)?;
        let mut byte = [0];
        loop {
            here.read_exact(&mut byte)?;
            to_here.write_all(&byte)?;
        }
        #[allow(unreachable_code, reason = "it ends with the program")]
        anyhow::Ok(())
    });
    on(0)?;
    let mut byte = [0];
    while !other.is_finished() {
        to_there.write_all(&byte)?;
        there.read_exact(&mut byte)?;
    }
    ensure!(false, "the other thread has ended");
    Ok(())
}

fn flood() -> Result<()> {
    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    sender.connect(receiver.local_addr()?)?;
    std::thread::spawn(move || {
        let mut packet = [0; 1500];
        while receiver.recv(&mut packet).is_ok() {}
    });
    loop {
        // A dropped packet is part of the load.
        let _ = sender.send(&[0; 1400]);
    }
}
