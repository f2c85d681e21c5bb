//! Threads of one process: credits the CPU of each to its name in the process's group.
//!
//! They are read only if the process itself has used CPU, or if their number has changed. Threads that had used CPU at
//! their last reading come first. Reading stops once the CPU of the process is accounted for.
//!
//! They are listed only if one came or went. The first listing in pods, or on a host with very many threads, waits
//! until the first thread does not account for its process. The kernel keeps 1.7 KiB for each thread whose counter was
//! read, and charges it to the reader. A thread that has never been read counts as `(idle)`.

use super::pass::Pass;
use crate::account::{Id, Ledger, Series};
use crate::cpu::{Cpu, Delta};
use crate::kernel::Outcome;
use crate::kernel::parse::{Comm, Stat};
use crate::naming;

/// Maximum length of a comm, in bytes: the kernel truncates a program's name for a thread to it.
const LONGEST_COMM: usize = 15;

/// Threads of one process as of their last reading.
#[derive(Debug, Default)]
pub(crate) struct TrackedThreads {
    /// Threads in no order, except that those come first that had used CPU at their last reading. Only the process's
    /// first thread is in it before the first listing.
    list: Vec<TrackedThread>,
    /// A thread that started at this tick or later, and is seen for the first time, counts in full. `None` before the
    /// first listing.
    newborn_since: Option<u64>,
    /// Number of threads of the process at the last listing.
    number: usize,
    /// CPU of the process beyond that of these threads since all of them were read, in microseconds. Below zero if a
    /// thread was read a little later than the process.
    unexplained_us: i64,
}

#[derive(Debug)]
struct TrackedThread {
    tid: u32,
    series: Series,
    start: u64,
    /// CPU at its last reading; an upper limit if it was never read.
    last: Cpu,
    was_read: bool,
    comm: [u8; LONGEST_COMM + 1],
}

/// Minimum CPU of a process at which its threads are read as soon as it is first seen. The threads of others are read
/// only once the process runs, unless all can be named. What a thread had used before is then unknown, and is taken to
/// be as much as its process had used. So at most this much of its later CPU is missed.
const IDLE_US: u64 = 100_000;

/// Process of the threads that are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process<'a> {
    pub(crate) pid: u32,
    pub(crate) group: Id,
    pub(crate) stat: &'a Stat,
    /// CPU at its last reading, which no thread of it can exceed; `None` if it is seen for the first time.
    pub(crate) before: Option<Cpu>,
    /// It is seen for the first time, and counts in full.
    pub(crate) is_newborn: bool,
    /// The CPU since its last reading counts for its group.
    pub(crate) is_counted: bool,
    /// Beginning of this pass, in ticks since boot.
    pub(crate) began: u64,
}

impl Process<'_> {
    /// Returns the CPU that it had used when its CPU began to count.
    fn base(&self) -> Cpu {
        let first_reading = if self.is_newborn { Cpu::default() } else { self.stat.own };
        self.before.unwrap_or(first_reading)
    }
}

impl TrackedThreads {
    /// Reads the threads if they may have used CPU. Returns the number of threads that were read.
    pub(crate) fn update(&mut self, process: Process<'_>, pass: &mut Pass<'_>) -> u64 {
        let (stat, number) = (process.stat, process.stat.threads as usize);
        let is_first = process.before.is_none();
        if is_first {
            self.begin_with_first(process, pass.ledger);
        }
        let has_unlisted = self.newborn_since.is_none() && number > 1;
        let reads_all = (!process.is_counted && !is_first)
            || (self.newborn_since.is_some() && self.number != number)
            || (has_unlisted && pass.ledger.can_name_early(process.group, number))
            || (is_first && stat.own.total_us() >= IDLE_US);
        self.unexplained_us = self.unexplained_us.saturating_add(stat.own.since(process.base()).total_us());
        if !reads_all && stat.own == process.base() {
            return 0;
        }
        // CPU that the unread threads had used before, at most.
        let unread_before = self.unaccounted_part(process.base());
        let (mut read, any_exited) = self.read_known(process, reads_all, pass);
        let all_were_read = reads_all || self.unexplained_us > 0;
        if any_exited || (all_were_read && (self.list.len() != number || self.newborn_since.is_none())) {
            read += self.add_new(process, unread_before, pass);
        }
        if all_were_read {
            // All were read. The rest is parts of ticks, and CPU of ended threads.
            self.unexplained_us = 0;
        }
        read
    }

    /// Adds the process's first thread, which has its name and has used no more than it.
    fn begin_with_first(&mut self, process: Process<'_>, ledger: &mut Ledger) {
        let Process { pid, group, stat, began, .. } = process;
        let comm = stat.comm.as_bytes();
        let series = ledger.begin_thread(group, &naming::thread_name(comm));
        let (start, last, comm) = (stat.start, process.base(), truncate_comm(comm));
        self.list.push(TrackedThread { tid: pid, series, start, last, was_read: false, comm });
        self.newborn_since = (stat.threads == 1).then_some(began);
        self.number = 1;
    }

    /// Returns the part of `used` that the known threads did not use.
    fn unaccounted_part(&self, used: Cpu) -> Cpu {
        let known = self.list.iter().filter(|task| task.was_read).map(|task| task.last);
        let known = known.fold(Cpu::default(), |sum, last| sum + last);
        Cpu {
            user_us: used.user_us.saturating_sub(known.user_us),
            system_us: used.system_us.saturating_sub(known.system_us),
        }
    }

    /// Reads the known threads, all or until the process is accounted for. Returns the number of threads that were
    /// read, and true if one of them has ended.
    fn read_known(&mut self, process: Process<'_>, reads_all: bool, pass: &mut Pass<'_>) -> (u64, bool) {
        let (mut index, mut active, mut read, mut any_exited) = (0, 0, 0, false);
        while reads_all || self.unexplained_us > 0 {
            let Some(task) = self.list.get_mut(index) else { break };
            read += 1;
            match pass.procfs.thread(process.pid, task.tid, pass.reader) {
                Outcome::Got(stat) if stat.start == task.start => {
                    let delta = delta_beyond(stat.own, task.last);
                    (task.last, task.was_read) = (stat.own, true);
                    task.update_name(&stat.comm, process.group, pass.ledger);
                    self.unexplained_us = self.unexplained_us.saturating_sub(delta.total_us());
                    if process.is_counted {
                        pass.ledger.credit_thread(task.series, delta);
                    }
                    if delta != Delta::default() {
                        self.list.swap(active, index);
                        active += 1;
                    }
                    index += 1;
                }
                Outcome::Failed => index += 1,
                Outcome::Got(_) | Outcome::Gone => {
                    pass.ledger.end_thread(task.series);
                    self.list.swap_remove(index);
                    any_exited = true;
                }
            }
        }
        (read, any_exited)
    }

    /// Moves the threads to another group, which gets their CPU from now on.
    pub(crate) fn update_group(&mut self, group: Id, ledger: &mut Ledger) {
        for task in &mut self.list {
            let name = naming::thread_name(trim_comm(&task.comm));
            ledger.end_thread(task.series);
            task.series = ledger.begin_thread(group, &name);
        }
    }

    /// Ends the threads together with their process.
    pub(crate) fn end(&self, ledger: &mut Ledger) {
        self.list.iter().for_each(|task| ledger.end_thread(task.series));
    }

    /// Lists the threads and adds new ones. They had used at most `before` at the last reading of the process. Returns
    /// the number of threads that were read.
    fn add_new(&mut self, process: Process<'_>, before: Cpu, pass: &mut Pass<'_>) -> u64 {
        let (mut tids, mut read) = (Vec::new(), 0);
        if pass.procfs.threads(process.pid, &mut tids, pass.reader) != Outcome::Got(()) {
            return 0;
        }
        let mut known: Vec<u32> = self.list.iter().map(|task| task.tid).collect();
        known.sort_unstable();
        // A thread that cannot be read now is tried again once the number of threads changes, or CPU is not accounted
        // for.
        self.number = process.stat.threads as usize;
        tids.retain(|tid| known.binary_search(tid).is_err());
        self.list.reserve_exact(tids.len());
        for tid in tids {
            read += 1;
            let Outcome::Got(stat) = pass.procfs.thread(process.pid, tid, pass.reader) else { continue };
            let series = pass.ledger.begin_thread(process.group, &naming::thread_name(stat.comm.as_bytes()));
            if process.is_counted {
                let is_younger = self.newborn_since.is_some_and(|since| stat.start >= since);
                let before = if is_younger { Cpu::default() } else { before };
                pass.ledger.credit_thread(series, delta_beyond(stat.own, before));
            }
            let (start, last, comm) = (stat.start, stat.own, truncate_comm(stat.comm.as_bytes()));
            self.list.push(TrackedThread { tid, series, start, last, was_read: true, comm });
        }
        self.newborn_since = Some(process.began);
        read
    }
}

/// Returns the delta of a thread beyond the CPU that it, or its process, had used before. CPU of ended threads is part
/// of the latter.
fn delta_beyond(now: Cpu, before: Cpu) -> Delta {
    let (user_us, system_us) = (now.user_us.min(before.user_us), now.system_us.min(before.system_us));
    now.since(Cpu { user_us, system_us })
}

impl TrackedThread {
    /// Updates its series if its name has changed.
    fn update_name(&mut self, comm: &Comm, group: Id, ledger: &mut Ledger) {
        let comm = truncate_comm(comm.as_bytes());
        if comm != self.comm {
            self.comm = comm;
            ledger.end_thread(self.series);
            self.series = ledger.begin_thread(group, &naming::thread_name(trim_comm(&comm)));
        }
    }
}

/// Returns the part of a comm that a program's name for a thread may have. Longer names are the kernel's, for families
/// only.
fn truncate_comm(comm: &[u8]) -> [u8; LONGEST_COMM + 1] {
    let mut bytes = [0; LONGEST_COMM + 1];
    bytes.iter_mut().zip(comm).take(LONGEST_COMM).for_each(|(to, from)| *to = *from);
    bytes
}

fn trim_comm(comm: &[u8]) -> &[u8] {
    comm.split(|&b| b == 0).next().unwrap_or_default()
}
