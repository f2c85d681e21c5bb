//! Finds the name that rules give to a process, by itself or by its nearest ancestor that has one.

use super::owner::sanitize_group_name;
use super::rules::{Identity, Rules};
use crate::kernel::ProcFs;
use crate::kernel::parse::{Comm, Stat};
use crate::kernel::{CommandOf, Outcome, Reader};
use std::sync::Arc;

/// Number of ancestors that are followed at most. A chain read from a changing system may be a circle.
const MAX_ANCESTORS: usize = 1000;

/// Current rules, if any, and the number of times that they were replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namer {
    rules: Option<Arc<Rules>>,
    generation: u32,
}

/// Name that a rule gives to a process, with the rules' generation and the program at that time.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleName {
    pub(crate) name: Option<Arc<str>>,
    generation: u32,
    comm: Option<Comm>,
}

impl Namer {
    /// Replaces the rules. Returns `true` if the rules may differ now, so that every process must be named again.
    pub(crate) fn set(&mut self, rules: Option<Arc<Rules>>) -> bool {
        let rules = rules.filter(|rules| !rules.is_empty());
        let may_differ = rules.is_some() || self.rules.is_some();
        if may_differ {
            self.rules = rules;
            self.generation += 1;
        }
        may_differ
    }

    /// Returns `true` if there are any rules.
    pub(crate) fn any(&self) -> bool {
        self.rules.is_some()
    }

    /// Returns `true` if there ever were any rules.
    pub(crate) fn ever_had_rules(&self) -> bool {
        self.generation > 0
    }

    /// Returns `true` if `rule_name` is still valid, because the rules and the process's program are unchanged.
    pub(crate) fn holds(&self, rule_name: &RuleName, stat: &Stat) -> bool {
        self.is_current(rule_name) && (rule_name.comm == Some(stat.comm) || self.rules.is_none())
    }

    fn is_current(&self, rule_name: &RuleName) -> bool {
        rule_name.generation == self.generation
    }

    /// Names a process by the rules, or by its nearest ancestor that has a name. `cached` returns the names of others.
    pub(crate) fn name<'a>(
        &self,
        pid: u32,
        stat: &Stat,
        cached: impl Fn(u32) -> Option<&'a RuleName>,
        procfs: &ProcFs,
        reader: &mut Reader,
    ) -> RuleName {
        let name = self.rules.as_ref().and_then(|rules| {
            let (mut pid, mut stat) = (pid, *stat);
            for _ in 0..MAX_ANCESTORS {
                if stat.kernel_thread {
                    return None;
                }
                if let Some(name) = match_rules(rules, pid, &stat, procfs, reader) {
                    return Some(Arc::from(name));
                }
                pid = stat.ppid;
                if let Some(parent) = cached(pid).filter(|parent| self.is_current(parent)) {
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

/// Names a process by the rules alone, without its ancestors. `None` if no rule matches.
fn match_rules(rules: &Rules, pid: u32, stat: &Stat, procfs: &ProcFs, reader: &mut Reader) -> Option<String> {
    let (comm, ppid) = (stat.comm.as_bytes(), stat.ppid);
    let name =
        |argv: &[u8]| rules.name(&Identity { comm, argv, ppid }).map(|name| sanitize_group_name(&name));
    if !rules.need_arguments(comm, ppid) {
        return name(b"");
    }
    match procfs.cmdline(pid, CommandOf::AnyProcess, reader, name) {
        Outcome::Got(name) => name,
        // A rule may give a name without the arguments.
        Outcome::Gone | Outcome::Failed => name(b""),
    }
}
