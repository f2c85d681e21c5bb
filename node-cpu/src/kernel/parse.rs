//! From the kernel's bytes to values, without I/O. `None` means that the text is not what the kernel writes.

use crate::cpu::Cpu;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// PF_KTHREAD of the kernel's `include/linux/sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;
/// The kernel cuts the names of its own threads, work queue included, to this; those of programs to 15.
const LONGEST_COMM: usize = 64;

/// The kernel's name of a process or thread: bytes of any value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comm {
    length: u8,
    bytes: [u8; LONGEST_COMM],
}

impl Comm {
    pub(crate) fn new(name: &[u8]) -> Comm {
        let mut bytes = [0; LONGEST_COMM];
        bytes.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        Comm { length: name.len().min(LONGEST_COMM) as u8, bytes }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Comm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

/// One process, from `/proc/PID/stat`, or one thread, from `/proc/PID/task/TID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) comm: Comm,
    /// 0 where the parent is outside of the reader's PID namespace.
    pub(crate) ppid: u32,
    pub(crate) kernel_thread: bool,
    /// The process itself, its ended threads included; of a thread, that thread alone.
    pub(crate) own: Cpu,
    /// The children it has waited for, with theirs.
    pub(crate) waited: Cpu,
    pub(crate) threads: u32,
    /// When it started, in ticks since boot. With the PID this is its identity.
    pub(crate) start: u64,
}

/// The node's CPU time from `/proc/stat`, of all CPUs that are online, in microseconds since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Busy {
    /// User, nice, system, irq and softirq, by ticks.
    pub(crate) modes: [u64; 5],
    /// Idle and waiting for I/O, and what a hypervisor has stolen; `None` if any of these is no time: containers' views of it
    /// have shown such.
    pub(crate) unused: Option<(u64, u64)>,
    /// How many CPUs there are.
    pub(crate) cpus: u64,
}

impl Busy {
    /// Whether the kernel accounts for interrupts by themselves. Without that they are in the time of the tasks that they
    /// interrupt, and hard ones are counted as nothing of their own.
    pub(crate) fn has_interrupts_apart(self) -> bool {
        let [.., irq, _] = self.modes;
        irq > 0
    }

    /// Hard and soft interrupts.
    pub(crate) fn interrupts(self) -> u64 {
        let [.., irq, softirq] = self.modes;
        irq.saturating_add(softirq)
    }
}

/// Ticks as microseconds; `None` if that is no number that fits.
fn ticks(field: &[u8], hz: u64) -> Option<u64> {
    Some(number::<u64>(field)?.checked_mul(1_000_000)? / hz.max(1))
}

fn number<T: TryFrom<u64>>(field: &[u8]) -> Option<T> {
    if field.is_empty() {
        return None;
    }
    let digit = |so_far: u64, byte: &u8| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        so_far.checked_mul(10)?.checked_add(digit.into())
    };
    field.iter().try_fold(0, digit)?.try_into().ok()
}

fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| b.is_ascii_whitespace()).filter(|field| !field.is_empty())
}

/// `/proc/PID/stat`; `hz` ticks are a second.
pub(crate) fn stat(text: &[u8], hz: u64) -> Option<Stat> {
    // A comm may itself hold `) R 1`: it ends at the last bracket of the line, for after it come only numbers.
    let open = text.iter().position(|&b| b == b'(')?;
    let close = text.iter().rposition(|&b| b == b')')?;
    let comm = Comm::new(text.get(open + 1..close)?);
    let mut rest = fields(text.get(close + 1..)?);
    let ppid = number(rest.nth(1)?)?;
    let flags: u64 = number(rest.nth(4)?)?;
    let own = Cpu { user_us: ticks(rest.nth(4)?, hz)?, system_us: ticks(rest.next()?, hz)? };
    // This need not be a number: kernels have printed sums that were below zero.
    let mut waited = || Some(ticks(rest.next()?, hz).unwrap_or(0));
    let waited = Cpu { user_us: waited()?, system_us: waited()? };
    let threads = number(rest.nth(2)?)?;
    let start = number(rest.nth(1)?)?;
    let kernel_thread = flags & KERNEL_THREAD != 0;
    Some(Stat { comm, ppid, kernel_thread, own, waited, threads, start })
}

/// The second at which the machine was started, since 1970, from `/proc/stat`.
pub(crate) fn boot_time(text: &[u8]) -> Option<u64> {
    let mut lines = text.split(|&b| b == b'\n').map(fields);
    lines.find_map(|mut line| (line.next()? == b"btime").then(|| number(line.next()?)).flatten())
}

/// `/proc/stat`; `hz` ticks are a second.
pub(crate) fn busy(text: &[u8], hz: u64) -> Option<Busy> {
    let mut lines = text.split(|&b| b == b'\n');
    let mut rest = fields(lines.next()?);
    if rest.next()? != b"cpu" {
        return None;
    }
    let mut time = || Some(ticks(rest.next()?, hz));
    let (user, nice, system) = (time()??, time()??, time()??);
    let (idle, waiting) = (time()?, time()?);
    let (irq, softirq) = (time()??, time()??);
    // Old kernels know of no hypervisor.
    let stolen = time().unwrap_or(Some(0));
    let unused = idle.zip(waiting).zip(stolen);
    let unused = unused.and_then(|((idle, waiting), stolen)| Some((idle.checked_add(waiting)?, stolen)));
    let cpus = lines.take_while(|line| line.starts_with(b"cpu")).count() as u64;
    Some(Busy { modes: [user, nice, system, irq, softirq], unused, cpus })
}

/// `/proc/uptime`, as ticks since boot.
pub(crate) fn uptime(text: &[u8], hz: u64) -> Option<u64> {
    let (seconds, rest) = std::str::from_utf8(fields(text).next()?).ok()?.split_once('.')?;
    let hundredths: u64 = rest.parse().ok()?;
    Some(seconds.parse::<u64>().ok()?.saturating_mul(hz).saturating_add(hundredths.saturating_mul(hz) / 100))
}

/// A cgroup's `cpu.stat`.
pub(crate) fn cpu_stat(text: &[u8]) -> Option<Cpu> {
    let value = |name: &[u8]| {
        let lines = text.split(|&b| b == b'\n');
        lines.filter_map(|line| line.strip_prefix(name)).find_map(number::<u64>)
    };
    // The total is exact run time. The other two are its split, which the kernel has got wrong at times.
    let total = value(b"usage_usec ")?;
    let user_us = value(b"user_usec ").unwrap_or(total).min(total);
    Some(Cpu { user_us, system_us: total - user_us })
}

/// A cgroup's `pids.current`: the threads in it and below it.
pub(crate) fn count(text: &[u8]) -> Option<u64> {
    number(fields(text).next()?)
}

/// How many lines there are: a cgroup's `cgroup.threads` has one for each.
pub(crate) fn lines(text: &[u8]) -> u64 {
    text.iter().filter(|&&b| b == b'\n').count() as u64
}

/// A cgroup's `cgroup.procs`; 0 stands for a process outside of the reader's PID namespace.
pub(crate) fn pids(text: &[u8]) -> Option<Vec<u32>> {
    let mut pids = Vec::new();
    pids_into(text, &mut pids).map(|()| pids)
}

/// As [`pids`], into a list that is there; whether it could be understood.
pub(crate) fn pids_into(text: &[u8], pids: &mut Vec<u32>) -> Option<()> {
    pids.clear();
    fields(text).try_for_each(|field| {
        pids.push(number(field)?);
        Some(())
    })
}

/// Whether a `cgroup.events` says that a process is in the cgroup or below it.
pub(crate) fn is_populated(text: &[u8]) -> bool {
    text.split(|&b| b == b'\n').any(|line| fields(line).eq([&b"populated"[..], b"1"]))
}

/// The mount points of cgroup v2 in `/proc/self/mountinfo`.
pub(crate) fn cgroup2_mounts(text: &[u8]) -> Vec<PathBuf> {
    let point = |line: &[u8]| {
        let mut rest = fields(line);
        let point = rest.nth(4)?.to_vec();
        let mut rest = rest.skip_while(|field| *field != b"-");
        (rest.nth(1)? == b"cgroup2").then(|| PathBuf::from(OsString::from_vec(unescape_octal(&point))))
    };
    text.split(|&b| b == b'\n').filter_map(point).collect()
}

/// mountinfo writes a space as `\040`.
fn unescape_octal(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..3).and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok());
        match digits {
            Some(byte) if first == b'\\' => {
                out.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            _ => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
