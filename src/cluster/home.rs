//! The folder that holds `.kube`, by client-go's rules.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The home whose `.kube/config` is read if nothing names another file.
pub(super) fn folder() -> Option<PathBuf> {
    if cfg!(windows) {
        return on_windows(|name| std::env::var_os(name), Path::exists);
    }
    dirs::home_dir()
}

/// Returns the first home that holds a kubeconfig. Without one: the first that exists, else the first that is set; both
/// in the order of the tools that write one.
fn on_windows(
    variable: impl Fn(&str) -> Option<OsString>,
    exists: impl Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let home = set("HOME").map(PathBuf::from);
    let profile = set("USERPROFILE").map(PathBuf::from);
    // Joined as text: the path begins at the drive's root.
    let drive = set("HOMEDRIVE").zip(set("HOMEPATH")).map(|(mut drive, path)| {
        drive.push(path);
        PathBuf::from(drive)
    });
    let holds = |home: &&PathBuf| exists(&home.join(".kube").join("config"));
    let readers = [&home, &drive, &profile];
    let writers = [&home, &profile, &drive];
    let holder = readers.into_iter().flatten().find(holds);
    let existing = || writers.into_iter().flatten().find(|home| exists(home));
    holder.or_else(existing).or_else(|| writers.into_iter().flatten().next()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The home that is found with these variables set and these paths there.
    fn found(variables: &[(&str, &str)], paths: &[&str]) -> Option<String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let exists = |path: &Path| paths.iter().any(|there| Path::new(there) == path);
        on_windows(variable, exists).map(|home| home.to_str().unwrap().to_owned())
    }

    const ALL: [(&str, &str); 4] =
        [("HOME", "/home"), ("HOMEDRIVE", "/drive"), ("HOMEPATH", "/path"), ("USERPROFILE", "/profile")];
    const HOME: &str = "/home/.kube/config";
    const DRIVE: &str = "/drive/path/.kube/config";
    const PROFILE: &str = "/profile/.kube/config";

    #[test]
    fn the_first_that_holds_a_kubeconfig_is_the_home() {
        for (paths, expected) in [
            (&[PROFILE, DRIVE, HOME][..], "/home"),
            (&[PROFILE, DRIVE, "/home"], "/drive/path"),
            (&[PROFILE, "/home", "/drive/path"], "/profile"),
        ] {
            assert_eq!(found(&ALL, paths).as_deref(), Some(expected), "{paths:?}");
        }
    }

    #[test]
    fn without_a_kubeconfig_the_first_that_exists_is_the_home_and_then_the_first_that_is_set() {
        assert_eq!(found(&ALL, &["/drive/path", "/profile"]).as_deref(), Some("/profile"));
        assert_eq!(found(&ALL, &["/drive/path"]).as_deref(), Some("/drive/path"));
        assert_eq!(found(&ALL, &[]).as_deref(), Some("/home"));
        assert_eq!(found(&ALL[1..], &[]).as_deref(), Some("/profile"));
        assert_eq!(found(&ALL[1..3], &[]).as_deref(), Some("/drive/path"));
    }

    #[test]
    fn empty_and_halves_are_unset() {
        assert_eq!(found(&[], &[]), None);
        assert_eq!(found(&[("HOME", ""), ("HOMEDRIVE", "C:"), ("USERPROFILE", "")], &[]), None);
        assert_eq!(found(&[("HOME", ""), ("USERPROFILE", "/profile")], &[]).as_deref(), Some("/profile"));
    }
}
