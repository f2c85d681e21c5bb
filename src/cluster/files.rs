//! Kubeconfig files by kubectl's rules: which ones, read and merged.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use kube::config::{Kubeconfig, KubeconfigError};

use crate::prometheus::failure::one_line;

/// Which files to read, and whether each of them has to be there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    required: bool,
}

impl Files {
    /// `--kubeconfig`, else `$KUBECONFIG`'s list, else `~/.kube/config`.
    pub(super) fn of(flag: Option<&Path>, variable: Option<&OsStr>, home: Option<PathBuf>) -> Files {
        if let Some(path) = flag {
            return Files { paths: vec![path.to_owned()], required: true };
        }
        let listed: Vec<_> =
            variable.iter().flat_map(std::env::split_paths).filter(|path| path != Path::new("")).collect();
        if listed.is_empty() {
            return Files {
                paths: home.map(|home| home.join(".kube").join("config")).into_iter().collect(),
                required: false,
            };
        }
        Files { paths: listed, required: false }
    }

    /// All files merged, the first to say something wins; `None` if there is no file. Errors: a file that cannot be
    /// read or is no kubeconfig, without any of its text.
    pub(super) fn read(&self) -> Result<Option<Kubeconfig>> {
        let mut merged: Option<Kubeconfig> = None;
        for path in &self.paths {
            let mut next = match Kubeconfig::read_from(path) {
                Ok(next) => next,
                Err(KubeconfigError::ReadConfig(error, _))
                    if error.kind() == io::ErrorKind::NotFound && !self.required =>
                {
                    continue;
                }
                Err(error) => {
                    return Err(
                        anyhow!(unreadable(&error)).context(format!("reading kubeconfig {}", path.display()))
                    );
                }
            };
            // Written out empty it is not set, and a later file may set it.
            next.current_context = next.current_context.filter(|name| !name.is_empty());
            merged = Some(match merged {
                Some(first) => {
                    first.merge(next).with_context(|| format!("merging kubeconfig {}", path.display()))?
                }
                None => next,
            });
        }
        Ok(merged)
    }

    /// The files' names, for messages.
    pub(super) fn names(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// kube's words would quote the file's text around a mistake, and with it secrets.
fn unreadable(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, _) if error.kind() == io::ErrorKind::NotFound => {
            "there is no such file: log in with oc login, or name another with --kubeconfig FILE".to_owned()
        }
        KubeconfigError::ReadConfig(error, _) => {
            format!(
                "it cannot be read ({}): correct that, or name another with --kubeconfig FILE",
                one_line(&error.to_string())
            )
        }
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!("it is no kubeconfig: look at line {}, column {}", at.line(), at.column()),
            None => "it is no kubeconfig: write it anew with oc login".to_owned(),
        },
        other => format!("{}: write it anew with oc login", one_line(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_comes_before_the_variable_and_that_before_the_home() {
        let home = || Some(PathBuf::from("/h"));
        let paths = |files: Files| (files.names(), files.required);
        assert_eq!(
            paths(Files::of(Some(Path::new("/f")), Some(OsStr::new("/a:/b")), home())),
            ("/f".into(), true)
        );
        assert_eq!(paths(Files::of(None, Some(OsStr::new("/a::/b")), home())), ("/a, /b".into(), false));
        assert_eq!(paths(Files::of(None, Some(OsStr::new("")), home())), ("/h/.kube/config".into(), false));
    }

    #[test]
    fn only_a_file_named_by_flag_has_to_be_there() {
        let gone = || vec![PathBuf::from("/nonexistent/kubeconfig")];
        assert!(Files { paths: gone(), required: false }.read().unwrap().is_none());
        let error = Files { paths: gone(), required: true }.read().unwrap_err();
        assert!(
            format!("{error:#}")
                .contains("reading kubeconfig /nonexistent/kubeconfig: there is no such file"),
            "{error:#}"
        );
    }

    #[test]
    fn a_broken_file_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        std::fs::write(&path, "users:\n- name: u\n  user: {token: hidden, exec: [hidden}\n").unwrap();
        let error = Files { paths: vec![path], required: true }.read().unwrap_err();
        assert!(format!("{error:#}").contains("it is no kubeconfig: look at line 3"), "{error:#}");
        assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    }
}
