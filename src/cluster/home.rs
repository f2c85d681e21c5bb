//! Home folder, which holds `.kube`, by client-go's rules.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Returns the home whose `.kube/config` is the default kubeconfig; `None` if there is none.
pub(super) fn folder() -> Option<PathBuf> {
    if cfg!(windows) {
        return on_windows(|name| std::env::var_os(name), Path::exists);
    }
    dirs::home_dir()
}

/// Returns the first home that holds a kubeconfig. Without one, returns the first that exists, else the first that is
/// set. Both of these follow the order of the tools that write a kubeconfig.
fn on_windows(
    variable: impl Fn(&str) -> Option<OsString>,
    exists: impl Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let home = set("HOME").map(PathBuf::from);
    let profile = set("USERPROFILE").map(PathBuf::from);
    // Joins them as text, since the path begins at the drive's root.
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

    /// Returns the home on a Windows that has these variables and paths.
    fn home(variables: &[(&str, &str)], paths: &[&str]) -> Option<String> {
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
    fn the_home_is_the_first_that_holds_a_kubeconfig() {
        for (paths, expected) in [
            (&[PROFILE, DRIVE, HOME][..], "/home"),
            (&[PROFILE, DRIVE, "/home"], "/drive/path"),
            (&[PROFILE, "/home", "/drive/path"], "/profile"),
        ] {
            assert_eq!(home(&ALL, paths).as_deref(), Some(expected), "{paths:?}");
        }
    }

    #[test]
    fn without_a_kubeconfig_the_home_is_the_first_that_exists_else_the_first_that_is_set() {
        assert_eq!(home(&ALL, &["/drive/path", "/profile"]).as_deref(), Some("/profile"));
        assert_eq!(home(&ALL, &["/drive/path"]).as_deref(), Some("/drive/path"));
        assert_eq!(home(&ALL, &[]).as_deref(), Some("/home"));
        assert_eq!(home(&ALL[1..], &[]).as_deref(), Some("/profile"));
        assert_eq!(home(&ALL[1..3], &[]).as_deref(), Some("/drive/path"));
    }

    #[test]
    fn empty_variables_and_half_a_drive_path_are_unset() {
        assert_eq!(home(&[], &[]), None);
        assert_eq!(home(&[("HOME", ""), ("HOMEDRIVE", "C:"), ("USERPROFILE", "")], &[]), None);
        assert_eq!(home(&[("HOME", ""), ("USERPROFILE", "/profile")], &[]).as_deref(), Some("/profile"));
    }
}
