//! The threads of one process: what each has used, credited to its name in the process's group.
//!
//! They are read only when the process itself has used something or has another number of them, and listed only when
//! one came or went.

use crate::cpu::{Cpu, Growth};
use crate::ledger::{Id, Ledger, Series};
use crate::parse::{Comm, Stat};
use crate::place;
use crate::procfs::ProcFs;
use crate::read::{Outcome, Reader};

/// A program's name for a thread, as the kernel cuts it.
const LONGEST_COMM: usize = 15;

/// The threads of one process as of the last time that they were read.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// By their number.
    list: Vec<Task>,
    /// Who started at this tick or later, and is seen for the first time, counts in full; None before they were
    /// listed for the first time.
    newborn_since: Option<u64>,
}

#[derive(Debug)]
struct Task {
    tid: u32,
    series: Series,
    start: u64,
    last: Cpu,
    comm: [u8; LONGEST_COMM + 1],
}

/// A process that had used less than this when it was first seen has its threads read only once it runs: the kernel
/// keeps 1.7 KiB for each thread whose counter was read, and charges it to the reader. As no thread can have used more
/// than its process, all of what it uses later but this is known.
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
    pub(crate) begun: u64,
}

impl Tasks {
    /// Reads them if they may have used something; how many were read.
    pub(crate) fn follow(
        &mut self,
        process: Process<'_>,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) -> u64 {
        let Process { stat, before, newborn, counts, .. } = process;
        let worth = match before {
            None => newborn || stat.own.total_us() >= IDLE_US,
            Some(before) => {
                let number = stat.threads as usize;
                stat.own != before || !counts || (!self.list.is_empty() && self.list.len() != number)
            }
        };
        if worth {
            return self.read(process, procfs, reader, ledger);
        }
        if before.is_none() && stat.threads == 1 {
            self.adopt(process, ledger);
        }
        0
    }

    /// Takes an idle process for its only thread, which has its name and used no more.
    fn adopt(&mut self, process: Process<'_>, ledger: &mut Ledger) {
        let Process { pid, group, stat, begun, .. } = process;
        let comm = stat.comm.as_bytes();
        let series = ledger.begin_thread(group, &place::thread_name(comm));
        self.list.push(Task { tid: pid, series, start: stat.start, last: stat.own, comm: cut(comm) });
        self.newborn_since = Some(begun);
    }

    fn read(
        &mut self,
        process: Process<'_>,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) -> u64 {
        let (before, mut read) = (self.list.len(), 0);
        self.list.retain_mut(|task| {
            read += 1;
            match procfs.thread(process.pid, task.tid, reader) {
                Outcome::Got(stat) if stat.start == task.start => {
                    let grown = beyond(stat.own, task.last);
                    task.last = stat.own;
                    task.name(&stat.comm, process.group, ledger);
                    if process.counts {
                        ledger.credit_thread(task.series, grown);
                    }
                    true
                }
                Outcome::Failed => true,
                Outcome::Got(_) | Outcome::Gone => {
                    ledger.end_thread(task.series);
                    false
                }
            }
        });
        if self.list.len() < before || self.list.len() != process.stat.threads as usize {
            read += self.find(process, procfs, reader, ledger);
        }
        read
    }

    /// Moves them to another group: what they use from now on is for that.
    pub(crate) fn regroup(&mut self, group: Id, ledger: &mut Ledger) {
        for task in &mut self.list {
            let name = place::thread_name(trimmed(&task.comm));
            ledger.end_thread(task.series);
            task.series = ledger.begin_thread(group, &name);
        }
    }

    /// The process is gone, and they with it.
    pub(crate) fn end(&self, ledger: &mut Ledger) {
        self.list.iter().for_each(|task| ledger.end_thread(task.series));
    }

    /// Finds those that are new.
    fn find(
        &mut self,
        process: Process<'_>,
        procfs: &ProcFs,
        reader: &mut Reader,
        ledger: &mut Ledger,
    ) -> u64 {
        let (mut tids, mut read) = (Vec::new(), 0);
        if procfs.threads(process.pid, &mut tids, reader) != Outcome::Got(()) {
            return 0;
        }
        tids.sort_unstable();
        self.list.reserve_exact(tids.len().saturating_sub(self.list.len()));
        for tid in tids {
            let Err(at) = self.list.binary_search_by_key(&tid, |task| task.tid) else { continue };
            read += 1;
            let Outcome::Got(stat) = procfs.thread(process.pid, tid, reader) else { continue };
            let series = ledger.begin_thread(process.group, &place::thread_name(stat.comm.as_bytes()));
            if process.counts {
                ledger.credit_thread(series, self.first(&stat, process));
            }
            let task =
                Task { tid, series, start: stat.start, last: stat.own, comm: cut(stat.comm.as_bytes()) };
            self.list.insert(at, task);
        }
        self.newborn_since = Some(process.begun);
        read
    }

    /// What one that is seen for the first time has used since its process was read before: all, if it is younger; else
    /// as much as is certain.
    fn first(&self, stat: &Stat, process: Process<'_>) -> Growth {
        let younger = self.newborn_since.is_some_and(|since| stat.start >= since);
        let before = match process.before {
            Some(before) if !younger => before,
            None if !process.newborn => process.stat.own,
            _ => Cpu::default(),
        };
        beyond(stat.own, before)
    }
}

/// By how much a thread has used more than what it, or its process, had before; threads that ended are in the latter.
fn beyond(now: Cpu, before: Cpu) -> Growth {
    let (user_us, system_us) = (now.user_us.min(before.user_us), now.system_us.min(before.system_us));
    now.since(Cpu { user_us, system_us })
}

impl Task {
    /// Sees to it that its series is that of its name.
    fn name(&mut self, comm: &Comm, group: Id, ledger: &mut Ledger) {
        let comm = cut(comm.as_bytes());
        if comm != self.comm {
            self.comm = comm;
            ledger.end_thread(self.series);
            self.series = ledger.begin_thread(group, &place::thread_name(trimmed(&comm)));
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
