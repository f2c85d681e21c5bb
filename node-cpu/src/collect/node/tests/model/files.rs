//! Files of the model's machine, as the kernel would have them.

use super::{Thread, Time, UNITS, World};
use std::fs;

impl World {
    /// Writes the files that the kernel would have.
    pub(in super::super) fn write(&self) {
        let proc = self.dir.path().join("proc");
        fs::write(proc.join("uptime"), format!("{}.{:02} 1.00\n", self.now / 100, self.now % 100)).unwrap();
        for entry in fs::read_dir(&proc).unwrap().map(Result::unwrap) {
            if entry.file_name().to_str().unwrap().parse::<u32>().is_ok() {
                fs::remove_dir_all(entry.path()).unwrap();
            }
        }
        for (pid, process) in &self.processes {
            let line = |pid: u32, thread: &Thread, own: &Time| {
                let (threads, waited) = (process.threads.len(), process.waited.ticks());
                let Thread { comm, start, .. } = thread;
                let (own, parent) = (own.ticks(), process.parent);
                format!(
                    "{pid} ({comm}) S {parent} 1 1 0 -1 64 0 0 0 0 {own} {waited} 20 0 {threads} 0 {start} 0 0\n"
                )
            };
            let first = &process.threads[pid];
            let path = proc.join(pid.to_string());
            fs::create_dir(&path).unwrap();
            fs::write(path.join("stat"), line(*pid, first, &process.own())).unwrap();
            fs::write(path.join("cmdline"), format!("{}\0", first.comm)).unwrap();
            for (tid, thread) in &process.threads {
                let path = path.join(format!("task/{tid}"));
                fs::create_dir_all(&path).unwrap();
                fs::write(path.join("stat"), line(*tid, thread, &thread.used)).unwrap();
            }
        }
        for (cgroup, Time { user, system }) in &self.used {
            let text = format!("usage_usec {}\nuser_usec {user}\nsystem_usec {system}\n", user + system);
            fs::write(self.cgroup(cgroup).join("cpu.stat"), text).unwrap();
        }
        for unit in &self.units {
            let pids = self.processes.iter().filter(|(_, process)| process.unit == *unit);
            let text: String = pids.map(|(pid, _)| format!("{pid}\n")).collect();
            fs::write(self.cgroup(UNITS[*unit].0).join("cgroup.procs"), text).unwrap();
            let pids = self.processes.values().filter(|process| process.unit == *unit);
            let tids = pids.flat_map(|process| process.threads.keys());
            let text: String = tids.map(|tid| format!("{tid}\n")).collect();
            fs::write(self.cgroup(UNITS[*unit].0).join("cgroup.threads"), text).unwrap();
        }
    }
}
