//! Namespace of this process, made by tests/in-namespace: a file system in memory, every port and name.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use anyhow::{Context, Result};

/// The folder in memory that goes with the namespace. An error says how to run tests when there is none.
pub fn directory() -> Result<PathBuf> {
    std::env::var_os("OC_INTERROGATE_NAMESPACE").map(PathBuf::from).context(
        "this program must run in a namespace of its own: start a test by tests/all NAME, others by tests/in-namespace PROGRAM",
    )
}

/// The path of a program that tests/tools/build built.
pub fn tool(name: &str) -> Result<PathBuf> {
    Ok(directory()?.join("bin").join(name))
}

/// The path of a program of this workspace, beside the test that asks for it. An error says how to build it.
pub fn program(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    // Tests are in a folder of their own there.
    let built = test.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.exists());
    built.with_context(|| format!("{name} is not built: run tests/all"))
}

/// A port that nothing here uses: handed out in turn, below those that the kernel gives to connections.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Makes `name` resolve to a loopback address of its own, whose ports are all free, and returns the address.
pub fn add_host(name: &str) -> Result<Ipv4Addr> {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let address = Ipv4Addr::new(127, 0, 1, NEXT.fetch_add(1, Ordering::Relaxed));
    let hosts = directory()?.join("hosts");
    OpenOptions::new()
        .append(true)
        .open(&hosts)
        .and_then(|mut file| file.write_all(format!("{address} {name}\n").as_bytes()))
        .with_context(|| format!("adding {name} to {}", hosts.display()))?;
    Ok(address)
}
