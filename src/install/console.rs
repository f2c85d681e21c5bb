//! Output of a run: objects on standard output, everything else on standard error.
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::io::{self, Write};

/// Output streams of a run.
pub struct Console<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Prints one line on standard error. Its arguments are the kind of line (`note`, `warning`) and the text.
    pub err: &'a dyn Fn(&str, &str),
}

impl Console<'_> {
    /// Prints a line on standard output. A closed pipe does not stop the run, since the cluster is being changed.
    pub(super) fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }

    /// Prints a line on standard error.
    pub(super) fn say(&self, kind: &str, text: &str) {
        (self.err)(kind, text);
    }

    /// Prints objects as a stream of YAML documents. A closed pipe is no error.
    pub(super) fn yaml<T: Serialize>(&mut self, objects: impl IntoIterator<Item = T>) -> Result<()> {
        for object in objects {
            let text = serde_yaml::to_string(&object).context("writing an object as YAML")?;
            match write!(self.out, "---\n{text}").and_then(|()| self.out.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                other => other.context("cannot write the objects")?,
            }
        }
        Ok(())
    }
}
