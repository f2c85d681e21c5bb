//! Groups of one's own: which rule's name a process has, by itself or from its nearest known ancestor.

use super::owner::bounded;
use super::rules::{Identity, Rules};
use crate::kernel::ProcFs;
use crate::kernel::parse::{Comm, Stat};
use crate::kernel::{CommandOf, Outcome, Reader};
use std::sync::Arc;

/// Ancestors that are followed; a chain read from a changing system might be a circle.
const DEEPEST: usize = 1000;

/// The rules in force, if any, and how often they were replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namer {
    rules: Option<Arc<Rules>>,
    generation: u32,
}

/// The rule's name that a process has, under which rules, and as what program it was looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleName {
    pub(crate) name: Option<Arc<str>>,
    generation: u32,
    comm: Option<Comm>,
}

impl Namer {
    /// Replaces the rules; whether there are others now, so that every process is to be looked at again.
    pub(crate) fn set(&mut self, rules: Option<Arc<Rules>>) -> bool {
        let rules = rules.filter(|rules| !rules.is_empty());
        let others = rules.is_some() || self.rules.is_some();
        if others {
            self.rules = rules;
            self.generation += 1;
        }
        others
    }

    /// Whether there are any rules.
    pub(crate) fn any(&self) -> bool {
        self.rules.is_some()
    }

    /// Whether there ever were any.
    pub(crate) fn was_set(&self) -> bool {
        self.generation > 0
    }

    /// Whether what was found of a process still holds: the same rules, and no other program.
    pub(crate) fn holds(&self, rule_name: &RuleName, stat: &Stat) -> bool {
        self.is_current(rule_name) && (rule_name.comm == Some(stat.comm) || self.rules.is_none())
    }

    fn is_current(&self, rule_name: &RuleName) -> bool {
        rule_name.generation == self.generation
    }

    /// Looks at a process; `known` tells what was found of others.
    pub(crate) fn name<'a>(
        &self,
        pid: u32,
        stat: &Stat,
        known: impl Fn(u32) -> Option<&'a RuleName>,
        procfs: &ProcFs,
        reader: &mut Reader,
    ) -> RuleName {
        let name = self.rules.as_ref().and_then(|rules| {
            let (mut pid, mut stat) = (pid, *stat);
            for _ in 0..DEEPEST {
                if stat.kernel_thread {
                    return None;
                }
                if let Some(name) = own_name(rules, pid, &stat, procfs, reader) {
                    return Some(Arc::from(name));
                }
                pid = stat.ppid;
                if let Some(parent) = known(pid).filter(|parent| self.is_current(parent)) {
                    return parent.name.clone();
                }
                match procfs.process(pid, reader) {
                    Outcome::Got(parent) if pid != 0 => stat = parent,
                    _ => return None,
                }
            }
            None
        });
        RuleName { name, generation: self.generation, comm: Some(stat.comm) }
    }
}

fn own_name(rules: &Rules, pid: u32, stat: &Stat, procfs: &ProcFs, reader: &mut Reader) -> Option<String> {
    let (comm, ppid) = (stat.comm.as_bytes(), stat.ppid);
    let name = |argv: &[u8]| rules.name(&Identity { comm, argv, ppid }).map(|name| bounded(&name));
    if !rules.need_arguments(comm, ppid) {
        return name(b"");
    }
    match procfs.cmdline(pid, CommandOf::Anybody, reader, name) {
        Outcome::Got(name) => name,
        // A name may do without the arguments.
        Outcome::Gone | Outcome::Failed => name(b""),
    }
}
