//! Parses the kernel's bytes to values, without I/O. `None` means that the text is not what the kernel writes.

use crate::cpu::Cpu;
use crate::cpu_list::CpuList;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Flag of kernel threads in the kernel's `include/linux/sched.h`.
const PF_KTHREAD: u64 = 0x0020_0000;
/// Longest name of a kernel thread in bytes, including its work queue. The kernel cuts programs' names to 15.
const MAX_COMM_BYTES: usize = 64;

/// Name that the kernel has for a process or thread, as bytes of any value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comm {
    length: u8,
    bytes: [u8; MAX_COMM_BYTES],
}

impl Comm {
    pub(crate) fn new(name: &[u8]) -> Comm {
        let mut bytes = [0; MAX_COMM_BYTES];
        bytes.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        Comm { length: name.len().min(MAX_COMM_BYTES) as u8, bytes }
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

/// Counters of one process, from `/proc/PID/stat`, or of one thread, from `/proc/PID/task/TID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) comm: Comm,
    /// PID of the parent, or 0 if the parent is outside of the reader's PID namespace.
    pub(crate) ppid: u32,
    pub(crate) kernel_thread: bool,
    /// CPU of the process itself, including its ended threads. For a thread, CPU of that thread alone.
    pub(crate) own: Cpu,
    /// CPU of the children that the process has waited for, and of the children that those have waited for.
    pub(crate) waited: Cpu,
    pub(crate) threads: u32,
    /// Start time in ticks since boot. With the PID it is the identity of the process or thread.
    pub(crate) start: u64,
}

/// CPU time of the node since boot from `/proc/stat`, over all CPUs that are online, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Busy {
    /// Time by mode, cut to ticks: user, nice, system, irq and softirq.
    pub(crate) modes: [u64; 5],
    /// Time idle or waiting for I/O, and time stolen by a hypervisor. `None` if any of these is not a time.
    /// Containers' views of the file have had such text.
    pub(crate) unused: Option<(u64, u64)>,
    /// Number of CPUs.
    pub(crate) cpus: u64,
}

impl Busy {
    /// Returns `true` if the kernel accounts for interrupts separately. Otherwise their time is in the interrupted tasks,
    /// and hard interrupts have no time of their own.
    pub(crate) fn separates_interrupts(self) -> bool {
        let [.., irq, _] = self.modes;
        irq > 0
    }

    /// Returns the time of hard and soft interrupts, in microseconds.
    pub(crate) fn interrupts(self) -> u64 {
        let [.., irq, softirq] = self.modes;
        irq.saturating_add(softirq)
    }
}

/// Parses ticks to microseconds. `None` if `field` is not a number, or one that does not fit.
fn parse_ticks_us(field: &[u8], hz: u64) -> Option<u64> {
    Some(parse_number::<u64>(field)?.checked_mul(1_000_000)? / hz.max(1))
}

fn parse_number<T: TryFrom<u64>>(field: &[u8]) -> Option<T> {
    if field.is_empty() {
        return None;
    }
    let digit = |so_far: u64, byte: &u8| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        so_far.checked_mul(10)?.checked_add(digit.into())
    };
    field.iter().try_fold(0, digit)?.try_into().ok()
}

fn split_fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| b.is_ascii_whitespace()).filter(|field| !field.is_empty())
}

/// Parses `/proc/PID/stat`. `hz` is the number of ticks per second.
pub(crate) fn stat(text: &[u8], hz: u64) -> Option<Stat> {
    // A comm may itself contain `) R 1`. It ends at the last bracket of the line, because only numbers come after it.
    let open = text.iter().position(|&b| b == b'(')?;
    let close = text.iter().rposition(|&b| b == b')')?;
    let comm = Comm::new(text.get(open + 1..close)?);
    let mut rest = split_fields(text.get(close + 1..)?);
    let ppid = parse_number(rest.nth(1)?)?;
    let flags: u64 = parse_number(rest.nth(4)?)?;
    let own =
        Cpu { user_us: parse_ticks_us(rest.nth(4)?, hz)?, system_us: parse_ticks_us(rest.next()?, hz)? };
    // Fields of waited-for children need not be numbers, because kernels have printed sums below zero.
    let mut waited = || Some(parse_ticks_us(rest.next()?, hz).unwrap_or(0));
    let waited = Cpu { user_us: waited()?, system_us: waited()? };
    let threads = parse_number(rest.nth(2)?)?;
    let start = parse_number(rest.nth(1)?)?;
    let kernel_thread = flags & PF_KTHREAD != 0;
    Some(Stat { comm, ppid, kernel_thread, own, waited, threads, start })
}

/// Parses the time when the machine was started from `/proc/stat`, in seconds since 1970.
pub(crate) fn boot_time(text: &[u8]) -> Option<u64> {
    let mut lines = text.split(|&b| b == b'\n').map(split_fields);
    lines.find_map(|mut line| (line.next()? == b"btime").then(|| parse_number(line.next()?)).flatten())
}

/// Parses `/proc/stat`. `hz` is the number of ticks per second.
pub(crate) fn busy(text: &[u8], hz: u64) -> Option<Busy> {
    let mut lines = text.split(|&b| b == b'\n');
    let (name, mut busy) = busy_line(lines.next()?, hz)?;
    busy.cpus = lines.take_while(|line| line.starts_with(b"cpu")).count() as u64;
    (name == b"cpu").then_some(busy)
}

/// Parses the lines of single CPUs of `/proc/stat`, those of some CPUs together, and the others together. `None` if a line
/// is malformed.
pub(crate) fn busy_of(text: &[u8], hz: u64, cpus: &CpuList) -> Option<[Busy; 2]> {
    let none = Busy { modes: [0; 5], unused: Some((0, 0)), cpus: 0 };
    let mut sums = [none, none];
    let lines = text.split(|&b| b == b'\n').skip(1).take_while(|line| line.starts_with(b"cpu"));
    for line in lines {
        let (name, of) = busy_line(line, hz)?;
        let cpu: u32 = parse_number(name.strip_prefix(b"cpu")?)?;
        let sum = if cpus.contains(cpu) { &mut sums[0] } else { &mut sums[1] };
        for (sum, mode) in sum.modes.iter_mut().zip(of.modes) {
            *sum = sum.checked_add(mode)?;
        }
        let add = |(idle, stolen): (u64, u64), of: (u64, u64)| {
            Some((idle.checked_add(of.0)?, stolen.checked_add(of.1)?))
        };
        sum.unused = sum.unused.zip(of.unused).and_then(|(sum, of)| add(sum, of));
        sum.cpus += 1;
    }
    Some(sums)
}

/// Parses the numbers of the CPUs in `/proc/stat`.
pub(crate) fn cpus(text: &[u8]) -> Option<CpuList> {
    let lines = text.split(|&b| b == b'\n').skip(1).take_while(|line| line.starts_with(b"cpu"));
    lines.map(|line| parse_number(split_fields(line).next()?.strip_prefix(b"cpu")?)).collect()
}

/// Parses the name and the times of one line of `/proc/stat`, as of one CPU.
fn busy_line(line: &[u8], hz: u64) -> Option<(&[u8], Busy)> {
    let mut rest = split_fields(line);
    let name = rest.next()?;
    let mut time = || Some(parse_ticks_us(rest.next()?, hz));
    let (user, nice, system) = (time()??, time()??, time()??);
    let (idle, waiting) = (time()?, time()?);
    let (irq, softirq) = (time()??, time()??);
    // Old kernels have no field for stolen time.
    let stolen = time().unwrap_or(Some(0));
    let unused = idle.zip(waiting).zip(stolen);
    let unused = unused.and_then(|((idle, waiting), stolen)| Some((idle.checked_add(waiting)?, stolen)));
    Some((name, Busy { modes: [user, nice, system, irq, softirq], unused, cpus: 1 }))
}

/// Parses `/proc/uptime` to ticks since boot.
pub(crate) fn uptime(text: &[u8], hz: u64) -> Option<u64> {
    let (seconds, rest) = std::str::from_utf8(split_fields(text).next()?).ok()?.split_once('.')?;
    let hundredths: u64 = rest.parse().ok()?;
    Some(seconds.parse::<u64>().ok()?.saturating_mul(hz).saturating_add(hundredths.saturating_mul(hz) / 100))
}

/// Parses a file that is a list of CPUs, such as a cgroup's `cpuset.cpus.effective`.
pub(crate) fn cpu_list(text: &[u8]) -> Option<CpuList> {
    CpuList::parse(std::str::from_utf8(text).ok()?.trim()).ok()
}

/// Parses the CPUs on which a thread may run, from its `status`.
pub(crate) fn allowed_cpus(text: &[u8]) -> Option<CpuList> {
    let mut lines = text.split(|&b| b == b'\n');
    lines.find_map(|line| cpu_list(line.strip_prefix(b"Cpus_allowed_list:")?))
}

/// Parses a cgroup's `cpu.stat`.
pub(crate) fn cpu_stat(text: &[u8]) -> Option<Cpu> {
    let value = |name: &[u8]| {
        let lines = text.split(|&b| b == b'\n');
        lines.filter_map(|line| line.strip_prefix(name)).find_map(parse_number::<u64>)
    };
    // The total is exact run time. The other two numbers are its split, which kernels have got wrong at times.
    let total = value(b"usage_usec ")?;
    let user_us = value(b"user_usec ").unwrap_or(total).min(total);
    Some(Cpu { user_us, system_us: total - user_us })
}

/// Parses a cgroup's `pids.current`, the number of threads in it and below it.
pub(crate) fn count(text: &[u8]) -> Option<u64> {
    parse_number(split_fields(text).next()?)
}

/// Counts lines. A cgroup's `cgroup.threads` has one line for each thread.
pub(crate) fn lines(text: &[u8]) -> u64 {
    text.iter().filter(|&&b| b == b'\n').count() as u64
}

/// Parses a cgroup's `cgroup.procs`. 0 stands for a process outside of the reader's PID namespace.
pub(crate) fn pids(text: &[u8]) -> Option<Vec<u32>> {
    let mut pids = Vec::new();
    pids_into(text, &mut pids).map(|()| pids)
}

/// Parses `cgroup.procs` like [`pids`], and replaces the content of `pids`. `None` if `text` is malformed.
pub(crate) fn pids_into(text: &[u8], pids: &mut Vec<u32>) -> Option<()> {
    pids.clear();
    split_fields(text).try_for_each(|field| {
        pids.push(parse_number(field)?);
        Some(())
    })
}

/// Returns `true` if `cgroup.events` says that a process is in the cgroup or below it.
pub(crate) fn is_populated(text: &[u8]) -> bool {
    text.split(|&b| b == b'\n').any(|line| split_fields(line).eq([&b"populated"[..], b"1"]))
}

/// Parses the mount points of cgroup v2 from `/proc/self/mountinfo`.
pub(crate) fn cgroup2_mounts(text: &[u8]) -> Vec<PathBuf> {
    let mount_point = |line: &[u8]| {
        let mut rest = split_fields(line);
        let escaped = rest.nth(4)?.to_vec();
        let mut rest = rest.skip_while(|field| *field != b"-");
        (rest.nth(1)? == b"cgroup2").then(|| PathBuf::from(OsString::from_vec(unescape_octal(&escaped))))
    };
    text.split(|&b| b == b'\n').filter_map(mount_point).collect()
}

/// Replaces the octal escapes of mountinfo, which writes a space as `\040`.
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
