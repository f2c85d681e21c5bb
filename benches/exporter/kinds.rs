//! Kinds of loads that are hard to count, by how they use the CPU.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Time between two ticks in nanoseconds, of a kernel of 250 Hz, as most distributions have.
const TICK_NS: i64 = 4_000_000;

/// Runs a load of this kind until the standard input ends. Errors if there is no such kind.
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

/// Uses `time` of CPU in this thread, as little as possible of it in the kernel.
pub(crate) fn burn(time: Duration) {
    let used = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    };
    let end = used() + time;
    while used() < end {
        for turn in 0..100_000_u32 {
            std::hint::black_box(turn);
        }
    }
}
