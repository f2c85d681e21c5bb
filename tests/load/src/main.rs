//! A known CPU load: `test-load SHARE PERIOD_MS [CGROUP]` uses SHARE of a core, by the kernel's own clock and so
//! whatever else runs, in one burst every PERIOD_MS. It moves into CGROUP first, where one is given, and ends when its
//! standard input does, so that no load outlives the test that started it.
use rustix::time::{ClockId, clock_gettime};
use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match start(&args) {
        Ok((share, period)) => burn(share, period),
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "test-load SHARE PERIOD_MS [CGROUP]: {reason}");
            ExitCode::from(2)
        }
    }
}

fn start(args: &[String]) -> Result<(f64, Duration), String> {
    let [share, period, cgroup @ ..] = args else { return Err("two arguments are needed".to_owned()) };
    let share: f64 = share.parse().map_err(|error| format!("{share}: {error}"))?;
    let period: u64 = period.parse().map_err(|error| format!("{period}: {error}"))?;
    if let [cgroup] = cgroup {
        std::fs::write(format!("{cgroup}/cgroup.procs"), "0")
            .map_err(|error| format!("{cgroup}: {error}"))?;
    }
    Ok((share, Duration::from_millis(period)))
}

fn burn(share: f64, period: Duration) -> ! {
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(0);
    });
    let begin = Instant::now();
    let used_before = used();
    loop {
        // What is due by the end of this period, so that a late start catches up.
        let due = (begin.elapsed() + period).mul_f64(share);
        let period_end = begin.elapsed() + period;
        while used() - used_before < due && begin.elapsed() < period_end {
            std::hint::spin_loop();
        }
        std::thread::sleep(period_end.saturating_sub(begin.elapsed()));
    }
}

/// CPU that this process has used.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
