//! What is printed where: objects on standard output, everything else on standard error.
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::io::{self, Write};

/// Where the lines of a run go.
pub struct Console<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// One line on standard error: what kind of line (`note`, `warning`), and its text.
    pub err: &'a dyn Fn(&str, &str),
}

impl Console<'_> {
    /// A line of data. That nobody reads it ends nothing: what is begun is finished.
    pub(super) fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }

    /// A line beside the data.
    pub(super) fn say(&self, kind: &str, text: &str) {
        (self.err)(kind, text);
    }

    /// Objects as a stream of YAML documents. A closed pipe is the reader's choice.
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
