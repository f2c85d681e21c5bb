//! Kubeconfig files by kubectl's rules: chooses, reads and merges them.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;

use super::document::{self, Malformed};
use super::entry::{Entry, is_unset, scalar};
use crate::prometheus::failure::one_line;

const NO_KUBECONFIG: &str = "it is no kubeconfig";
const ANEW: &str = "write it anew with oc login, or name another with --kubeconfig FILE";

/// Contents of the files, merged.
#[derive(Debug, Default)]
pub(super) struct Filed {
    /// Empty if no file sets it.
    pub(super) current_context: String,
    pub(super) contexts: Vec<Entry>,
    pub(super) clusters: Vec<Entry>,
    pub(super) users: Vec<Entry>,
}

/// Files to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    /// True if each of them must exist.
    required: bool,
}

impl Files {
    /// Chooses `--kubeconfig`, else `$KUBECONFIG`'s list, else `~/.kube/config`.
    pub(super) fn choose(flag: Option<&Path>, variable: Option<&OsStr>, home: Option<PathBuf>) -> Files {
        if let Some(path) = flag {
            return Files { paths: vec![path.to_owned()], required: true };
        }
        let paths = match variable.filter(|list| !list.is_empty()) {
            Some(list) => std::env::split_paths(list).filter(|path| path != Path::new("")).collect(),
            None => home.map(|home| home.join(".kube").join("config")).into_iter().collect(),
        };
        Files { paths, required: false }
    }

    /// Reads and merges the files. The first file that sets a value wins. `None` if no file exists. Errors if a file
    /// cannot be read or is no kubeconfig, without any of its text.
    pub(super) fn read(&self) -> Result<Option<Filed>> {
        let mut merged: Option<Filed> = None;
        for path in &self.paths {
            let bytes = match std::fs::read(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !self.required => continue,
                read => read.map_err(|error| anyhow!(unreadable(&error))),
            };
            let folder = path.parent().unwrap_or(Path::new(""));
            let next = bytes.and_then(|bytes| Filed::parse(&bytes, folder));
            let next = next.with_context(|| format!("reading kubeconfig {}", path.display()))?;
            merged.get_or_insert_default().add(next);
        }
        Ok(merged)
    }

    /// Returns the files' names, for messages.
    pub(super) fn names(&self) -> String {
        if self.paths.is_empty() {
            return "the list $KUBECONFIG".to_owned();
        }
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

impl Filed {
    /// Parses one file. Leaves its entries unparsed, since only the chosen ones must be valid.
    fn parse(bytes: &[u8], folder: &Path) -> Result<Filed> {
        let file = document::parse(bytes).map_err(|malformed| anyhow!(not_a_kubeconfig(&malformed)))?;
        if !matches!(file, Value::Object(_) | Value::Null) {
            return Err(anyhow!("{NO_KUBECONFIG}: {ANEW}"));
        }
        if file.get("kind").filter(|kind| !is_unset(kind)).is_some_and(|kind| kind != "Config") {
            return Err(anyhow!("{NO_KUBECONFIG}, since its kind is not Config: {ANEW}"));
        }
        let entries = |list: &str, kind| match file.get(list) {
            None => Ok(Vec::new()),
            Some(unset) if is_unset(unset) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                Ok(items.iter().filter_map(|item| Entry::from_item(kind, item, folder)).collect())
            }
            Some(_) => Err(anyhow!("its {list} are no list: {ANEW}")),
        };
        Ok(Filed {
            current_context: file.get("current-context").and_then(scalar).unwrap_or_default(),
            contexts: entries("contexts", "context")?,
            clusters: entries("clusters", "cluster")?,
            users: entries("users", "user")?,
        })
    }

    /// Adds the contents of a later file. The first entry of a name counts, so none has to be removed.
    fn add(&mut self, next: Filed) {
        if self.current_context.is_empty() {
            self.current_context = next.current_context;
        }
        self.contexts.extend(next.contexts);
        self.clusters.extend(next.clusters);
        self.users.extend(next.users);
    }
}

fn unreadable(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        return "there is no such file: log in with oc login, or name another with --kubeconfig FILE"
            .to_owned();
    }
    format!(
        "it cannot be read ({}): correct that, or name another with --kubeconfig FILE",
        one_line(&error.to_string())
    )
}

/// Words the error with its line and column, without the file's text: it may hold secrets.
fn not_a_kubeconfig(malformed: &Malformed) -> String {
    match malformed {
        Malformed::Encoding => {
            "it is no text in UTF-8: save it as UTF-8, or name another with --kubeconfig FILE".to_owned()
        }
        Malformed::Syntax(Some((line, column))) => {
            format!("{NO_KUBECONFIG}: look at line {line}, column {column}")
        }
        Malformed::Syntax(None) => format!("{NO_KUBECONFIG}: {ANEW}"),
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
            paths(Files::choose(Some(Path::new("/f")), Some(OsStr::new("/a:/b")), home())),
            ("/f".into(), true)
        );
        assert_eq!(paths(Files::choose(None, Some(OsStr::new("/a::/b")), home())), ("/a, /b".into(), false));
        assert_eq!(
            paths(Files::choose(None, Some(OsStr::new("")), home())),
            ("/h/.kube/config".into(), false)
        );
        assert_eq!(paths(Files::choose(None, Some(OsStr::new(":")), home())).0, "the list $KUBECONFIG");
    }

    #[test]
    fn only_a_file_named_by_flag_must_exist() {
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
    fn errors_do_not_quote_a_broken_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        std::fs::write(&path, "users:\n- name: u\n  user: {token: hidden, exec: [hidden}\n").unwrap();
        let error = Files { paths: vec![path], required: true }.read().unwrap_err();
        assert!(format!("{error:#}").contains("it is no kubeconfig: look at line 3"), "{error:#}");
        assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    }
}
