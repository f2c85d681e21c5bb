//! The threads of one process: what each has used, credited to its name in the process's group.
//!
//! They are read only when the process itself has used something or has another number of them: those first that used
//! something when they were read before, and no more of them once what the process has used is accounted for. They are
//! listed only when one came or went; in pods, and where the host has very many, not before it takes more than the first
//! one to account for a process: the kernel keeps 1.7 KiB for each thread whose counter was read, and charges
//! it to the reader. Who has never been read counts as `(idle)`.

use super::pass::Pass;
use crate::account::{Id, Ledger, Series};
use crate::cpu::{Cpu, Delta};
use crate::kernel::Outcome;
use crate::kernel::parse::{Comm, Stat};
use crate::naming;

/// A program's name for a thread, as the kernel cuts it.
const LONGEST_COMM: usize = 15;

/// The threads of one process as of the last time that they were read.
#[derive(Debug, Default)]
pub(crate) struct TrackedThreads {
    /// In no order but that those are first that used something when they were read last. Only the process's first
    /// thread before they were listed.
    list: Vec<TrackedThread>,
    /// Who started at this tick or later, and is seen for the first time, counts in full; None before they were
    /// listed for the first time.
    newborn_since: Option<u64>,
    /// How many threads the process had when they were listed last.
    number: usize,
    /// By how much the process has grown more than these, in microseconds, since all of them were read; below zero
    /// where a thread was read a little later than the process.
    unexplained: i64,
}

#[derive(Debug)]
struct TrackedThread {
    tid: u32,
    series: Series,
    start: u64,
    /// What it had used when it was read; at most this, where it was not.
    last: Cpu,
    was_read: bool,
    comm: [u8; LONGEST_COMM + 1],
}

/// Where there is no room for the names of all threads, a process that had used less than this when it was first seen
/// has them read only once it runs. As no thread can have used more than its process, all of what it uses later but
/// this is known.
const IDLE_US: u64 = 100_000;

/// The process whose threads are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process<'a> {
    pub(crate) pid: u32,
    pub(crate) group: Id,
    pub(crate) stat: &'a Stat,
    /// What it had used when it was read before, and no thread of it more; None where it is seen for the first time.
    pub(crate) before: Option<Cpu>,
    /// Seen for the first time, it counts in full.
    pub(crate) newborn: bool,
    /// Whether what it used since it was read before is its group's.
    pub(crate) counts: bool,
    /// When this pass began, in ticks since boot.
    pub(crate) began: u64,
}

impl Process<'_> {
    /// What it had used when all that it has used since began to count.
    fn base(&self) -> Cpu {
        let fresh = if self.newborn { Cpu::default() } else { self.stat.own };
        self.before.unwrap_or(fresh)
    }
}

impl TrackedThreads {
    /// Reads them if they may have used something; how many were read.
    pub(crate) fn follow(&mut self, process: Process<'_>, pass: &mut Pass<'_>) -> u64 {
        let (stat, number) = (process.stat, process.stat.threads as usize);
        let first = process.before.is_none();
        if first {
            self.adopt(process, pass.ledger);
        }
        let strangers = self.newborn_since.is_none() && number > 1;
        let all = (!process.counts && !first)
            || (self.newborn_since.is_some() && self.number != number)
            || (strangers && pass.ledger.has_room_to_name(process.group, number))
            || (first && stat.own.total_us() >= IDLE_US);
        self.unexplained = self.unexplained.saturating_add(stat.own.since(process.base()).total_us());
        if !all && stat.own == process.base() {
            return 0;
        }
        // What the unread ones had used before, at most.
        let strangers_before = self.left_of(process.base());
        let (mut read, exited) = self.read(process, all, pass);
        let looked = all || self.unexplained > 0;
        if exited || (looked && (self.list.len() != number || self.newborn_since.is_none())) {
            read += self.find(process, strangers_before, pass);
        }
        if looked {
            // All were read: what is left are parts of ticks, and what has ended.
            self.unexplained = 0;
        }
        read
    }

    /// Takes the process for its first thread, which has its name and used no more.
    fn adopt(&mut self, process: Process<'_>, ledger: &mut Ledger) {
        let Process { pid, group, stat, began, .. } = process;
        let comm = stat.comm.as_bytes();
        let series = ledger.begin_thread(group, &naming::thread_name(comm));
        let (start, last, comm) = (stat.start, process.base(), cut(comm));
        self.list.push(TrackedThread { tid: pid, series, start, last, was_read: false, comm });
        self.newborn_since = (stat.threads == 1).then_some(began);
        self.number = 1;
    }

    /// What of this the known threads did not use.
    fn left_of(&self, used: Cpu) -> Cpu {
        let known = self.list.iter().filter(|task| task.was_read).map(|task| task.last);
        let known = known.fold(Cpu::default(), |sum, last| sum + last);
        Cpu {
            user_us: used.user_us.saturating_sub(known.user_us),
            system_us: used.system_us.saturating_sub(known.system_us),
        }
    }

    /// Reads those that are known, all or until the process is accounted for; how many were read, and whether any has
    /// ended.
    fn read(&mut self, process: Process<'_>, all: bool, pass: &mut Pass<'_>) -> (u64, bool) {
        let (mut at, mut moved, mut read, mut exited) = (0, 0, 0, false);
        while all || self.unexplained > 0 {
            let Some(task) = self.list.get_mut(at) else { break };
            read += 1;
            match pass.procfs.thread(process.pid, task.tid, pass.reader) {
                Outcome::Got(stat) if stat.start == task.start => {
                    let grown = beyond(stat.own, task.last);
                    (task.last, task.was_read) = (stat.own, true);
                    task.name(&stat.comm, process.group, pass.ledger);
                    self.unexplained = self.unexplained.saturating_sub(grown.total_us());
                    if process.counts {
                        pass.ledger.credit_thread(task.series, grown);
                    }
                    if grown != Delta::default() {
                        self.list.swap(moved, at);
                        moved += 1;
                    }
                    at += 1;
                }
                Outcome::Failed => at += 1,
                Outcome::Got(_) | Outcome::Gone => {
                    pass.ledger.end_thread(task.series);
                    self.list.swap_remove(at);
                    exited = true;
                }
            }
        }
        (read, exited)
    }

    /// Moves them to another group: what they use from now on is for that.
    pub(crate) fn update_group(&mut self, group: Id, ledger: &mut Ledger) {
        for task in &mut self.list {
            let name = naming::thread_name(trimmed(&task.comm));
            ledger.end_thread(task.series);
            task.series = ledger.begin_thread(group, &name);
        }
    }

    /// The process is gone, and they with it.
    pub(crate) fn end(&self, ledger: &mut Ledger) {
        self.list.iter().for_each(|task| ledger.end_thread(task.series));
    }

    /// Finds those that are new; what they had used before the process was read last is at most so much.
    fn find(&mut self, process: Process<'_>, before: Cpu, pass: &mut Pass<'_>) -> u64 {
        let (mut tids, mut read) = (Vec::new(), 0);
        if pass.procfs.threads(process.pid, &mut tids, pass.reader) != Outcome::Got(()) {
            return 0;
        }
        let mut known: Vec<u32> = self.list.iter().map(|task| task.tid).collect();
        known.sort_unstable();
        // Who cannot be read now is tried again when the number is another, or CPU is not accounted for.
        self.number = process.stat.threads as usize;
        tids.retain(|tid| known.binary_search(tid).is_err());
        self.list.reserve_exact(tids.len());
        for tid in tids {
            read += 1;
            let Outcome::Got(stat) = pass.procfs.thread(process.pid, tid, pass.reader) else { continue };
            let series = pass.ledger.begin_thread(process.group, &naming::thread_name(stat.comm.as_bytes()));
            if process.counts {
                let younger = self.newborn_since.is_some_and(|since| stat.start >= since);
                let before = if younger { Cpu::default() } else { before };
                pass.ledger.credit_thread(series, beyond(stat.own, before));
            }
            let (start, last, comm) = (stat.start, stat.own, cut(stat.comm.as_bytes()));
            self.list.push(TrackedThread { tid, series, start, last, was_read: true, comm });
        }
        self.newborn_since = Some(process.began);
        read
    }
}

/// By how much a thread has used more than what it, or its process, had before; threads that ended are in the latter.
fn beyond(now: Cpu, before: Cpu) -> Delta {
    let (user_us, system_us) = (now.user_us.min(before.user_us), now.system_us.min(before.system_us));
    now.since(Cpu { user_us, system_us })
}

impl TrackedThread {
    /// Sees to it that its series is that of its name.
    fn name(&mut self, comm: &Comm, group: Id, ledger: &mut Ledger) {
        let comm = cut(comm.as_bytes());
        if comm != self.comm {
            self.comm = comm;
            ledger.end_thread(self.series);
            self.series = ledger.begin_thread(group, &naming::thread_name(trimmed(&comm)));
        }
    }
}

/// As much as a program's name for a thread may have; the kernel's longer ones are their families' alone.
fn cut(comm: &[u8]) -> [u8; LONGEST_COMM + 1] {
    let mut bytes = [0; LONGEST_COMM + 1];
    bytes.iter_mut().zip(comm).take(LONGEST_COMM).for_each(|(to, from)| *to = *from);
    bytes
}

fn trimmed(comm: &[u8]) -> &[u8] {
    comm.split(|&b| b == 0).next().unwrap_or_default()
}
