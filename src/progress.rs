//! Progress bar for work that takes over a second. It goes to stderr, and only if that is a terminal, so that it never
//! gets into a file. It is plain text and carriage returns, since some consoles know no escape sequences.
use crate::trace;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time before the bar appears.
const DELAY: Duration = Duration::from_secs(1);
/// Time between two drawings of the bar.
const TICK: Duration = Duration::from_millis(200);
/// Width of the widest bar, in columns.
const LONGEST: usize = 40;
/// Width of a terminal that does not report it, in columns.
const USUAL_WIDTH: u16 = 80;
/// Columns that a terminal adds to the line itself: `^C`.
const ECHO: usize = 2;

/// Bar on the terminal. Dropping it clears its line.
#[derive(Debug)]
pub struct Progress(Option<(Sender<Step>, JoinHandle<()>)>);

/// Share of the work that is done, 0 to 1, and the message from now on, if it changes.
type Step = (f64, Option<String>);

impl Progress {
    /// Starts a bar with a plain-text message. It appears after a second, but never if stderr is not a terminal.
    pub fn start(message: impl Into<String>) -> Progress {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // Lines of requests would break into the bar.
        if dumb || trace::is_on() || !io::stderr().is_terminal() {
            return Progress(None);
        }
        let (message, (sender, receiver)) = (message.into(), channel());
        let thread = std::thread::Builder::new().spawn(move || draw(message, &receiver));
        // Without a thread there is no bar, and nothing is lost.
        Progress(thread.ok().map(|thread| (sender, thread)))
    }

    /// Makes a bar that never appears.
    pub fn none() -> Progress {
        Progress(None)
    }

    /// Sets the share of the work that is done, 0 to 1.
    pub fn set(&self, fraction: f64) {
        self.send((fraction, None));
    }

    /// Sets the share of the work that is done, 0 to 1, and the message.
    pub fn update(&self, fraction: f64, message: impl Into<String>) {
        self.send((fraction, Some(message.into())));
    }

    /// Returns true if there is a terminal to show the bar on.
    pub fn is_visible(&self) -> bool {
        self.0.is_some()
    }

    fn send(&self, step: Step) {
        if let Some((sender, _)) = &self.0 {
            // The receiver lives until this is dropped.
            let _ = sender.send(step);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

/// Draws the bar until the sender is gone, then clears the line. Ignores errors: if stderr is gone, nobody sees it.
fn draw(mut message: String, steps: &Receiver<Step>) {
    let (mut fraction, mut drawn) = (0.0, 0);
    let mut due = Instant::now() + DELAY;
    loop {
        match steps.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok((new_fraction, new_message)) => {
                fraction = new_fraction;
                message = new_message.unwrap_or(message);
            }
            Err(RecvTimeoutError::Timeout) => {
                let width =
                    terminal_size::terminal_size_of(io::stderr()).map_or(USUAL_WIDTH, |(width, _)| width.0);
                let line = line(&message, fraction, width.into());
                // Spaces overwrite the rest of a wider line.
                let _ = write!(io::stderr(), "\r{line:drawn$}");
                drawn = line.chars().count();
                due = Instant::now() + TICK;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if drawn > 0 {
        let _ = write!(io::stderr(), "\r{:1$}\r", "", drawn + ECHO);
    }
}

/// Formats `measuring [#####.....]  50 %`. Leaves room for the echo and the cursor, since a full line would wrap.
fn line(message: &str, fraction: f64, width: usize) -> String {
    let (fraction, width) = (fraction.clamp(0.0, 1.0), width.saturating_sub(ECHO + 1));
    let percent = format!("{:3.0} %", 100.0 * fraction);
    let room = width.saturating_sub(message.chars().count() + percent.len() + " [] ".len()).min(LONGEST);
    let done = (fraction * room as f64) as usize;
    let bar = if room < 5 { String::new() } else { format!("[{:.<room$}] ", "#".repeat(done)) };
    format!("{message} {bar}{percent}").chars().take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_fits_the_terminal() {
        assert_eq!(line("asking", 0.5, 30), "asking [######......]  50 %");
        assert_eq!(line("asking", 1.0, 200), format!("asking [{}] 100 %", "#".repeat(40)));
        assert_eq!(line("asking", 0.0, 18), "asking   0 %");
        assert_eq!(line("asking", 0.0, 5), "as");
        for (fraction, width) in [(0.0, 0), (f64::NAN, 80), (7.0, 80), (-1.0, 1), (0.3, 27)] {
            let line = line("asking", fraction, width);
            assert!(line.is_empty() || line.len() + "^C".len() < width, "{line:?} in {width}");
        }
    }
}
