//! Node made of files: the kernel's files in directories that a test fills with text that no kernel would write.

use node_cpu::Paths;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Procfs and cgroup tree with one slice.
pub(crate) struct Fake {
    dir: tempfile::TempDir,
    /// CPU of each unit, in microseconds.
    units: BTreeMap<String, u64>,
}

/// Flag of kernel threads.
const PF_KTHREAD: u32 = 0x0020_0000;

impl Fake {
    /// Creates a node with PID 1, the kernel's first thread, and no unit yet.
    pub(crate) fn new() -> Fake {
        // The files are in memory if there is such a folder, because a node of 100,000 threads is as many files.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let fake = Fake { dir: dir.unwrap(), units: BTreeMap::new() };
        for folder in ["proc/self", "cgroup/system.slice"] {
            fs::create_dir_all(fake.dir.path().join(folder)).unwrap();
        }
        fake.write("proc/self/mountinfo", b"");
        fake.write("proc/uptime", b"1000.00 2000.00\n");
        fake.write("proc/stat", b"cpu  1000 0 1000 100000 0 0 0 0 0 0\n");
        fake.write("cgroup/cgroup.procs", b"2\n");
        fake.write("cgroup/system.slice/cgroup.procs", b"");
        fake.write("cgroup/system.slice/cgroup.events", b"populated 1\nfrozen 0\n");
        fake.process(1, 0, "systemd", 5, &[1]);
        fake.write("proc/1/cgroup", b"0::/init.scope\n");
        fake.kernel_thread(2, "kthreadd", 7);
        fake.write_sums();
        fake
    }

    /// Returns the paths that a node is opened with.
    pub(crate) fn paths(&self) -> Paths {
        Paths { procfs: self.path("proc"), cgroupfs: Some(self.path("cgroup")) }
    }

    /// Returns the path of a file of the node.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Overwrites a file without replacing it, like the kernel's files. A reader that has it open sees the new text.
    pub(crate) fn write(&self, name: &str, text: &[u8]) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Creates a unit of the processes `pids`, or sets its CPU. The cgroups above it use as much more.
    pub(crate) fn unit(&mut self, name: &str, used_us: u64, pids: &[u32]) {
        let folder = format!("cgroup/system.slice/{name}.service");
        if self.units.insert(name.to_owned(), used_us).is_none() {
            fs::create_dir(self.path(&folder)).unwrap();
            let pids: String = pids.iter().map(|pid| format!("{pid}\n")).collect();
            self.write(&format!("{folder}/cgroup.procs"), pids.as_bytes());
            self.write(&format!("{folder}/cgroup.events"), b"populated 1\nfrozen 0\n");
        }
        self.write(&format!("{folder}/cpu.stat"), format_cpu_stat(used_us).as_bytes());
        self.write_sums();
    }

    /// Writes the files of a process whose threads `tids`, its own among them, have each used `ticks`.
    pub(crate) fn process(&self, pid: u32, ppid: u32, comm: &str, ticks: u64, tids: &[u32]) {
        fs::create_dir_all(self.path(&format!("proc/{pid}/task"))).unwrap();
        let threads = tids.len() as u64;
        self.write(
            &format!("proc/{pid}/stat"),
            format_stat(pid, ppid, comm, 0, ticks * threads, threads).as_bytes(),
        );
        self.write(&format!("proc/{pid}/cmdline"), b"");
        self.write(&format!("proc/{pid}/cgroup"), b"0::/system.slice/x.service\n");
        for tid in tids {
            let folder = format!("proc/{pid}/task/{tid}");
            fs::create_dir_all(self.path(&folder)).unwrap();
            let name = if *tid == pid { comm } else { "worker" };
            self.write(
                &format!("{folder}/stat"),
                format_stat(*tid, ppid, name, 0, ticks, threads).as_bytes(),
            );
            self.write(&format!("{folder}/schedstat"), format!("{} 0 1\n", ticks * 10_000_000).as_bytes());
        }
    }

    /// Writes the files of a kernel thread that has used `ticks`.
    pub(crate) fn kernel_thread(&self, pid: u32, comm: &str, ticks: u64) {
        fs::create_dir_all(self.path(&format!("proc/{pid}"))).unwrap();
        let ppid = if pid == 2 { 0 } else { 2 };
        self.write(
            &format!("proc/{pid}/stat"),
            format_stat(pid, ppid, comm, PF_KTHREAD, ticks, 1).as_bytes(),
        );
        self.write(&format!("proc/{pid}/cgroup"), b"0::/\n");
    }

    /// Writes the sum of all units to the cgroups above them.
    fn write_sums(&self) {
        let sum = format_cpu_stat(self.units.values().sum());
        self.write("cgroup/system.slice/cpu.stat", sum.as_bytes());
        self.write("cgroup/cpu.stat", sum.as_bytes());
    }
}

fn format_cpu_stat(used_us: u64) -> String {
    format!("usage_usec {used_us}\nuser_usec {used_us}\nsystem_usec 0\n")
}

fn format_stat(pid: u32, ppid: u32, comm: &str, flags: u32, ticks: u64, threads: u64) -> String {
    format!(
        "{pid} ({comm}) S {ppid} {pid} {pid} 0 -1 {flags} 10 0 0 0 {ticks} 0 0 0 20 0 {threads} 0 {pid} 1000000 \
         100 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
    )
}
