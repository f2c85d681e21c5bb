//! A bar on the terminal for what takes over a second: on stderr, and only where that is a terminal, so that nothing
//! of it ever gets into a file. It is plain text and carriage returns, for consoles that know no escape sequences too.
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is faster than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two looks of the bar.
const TICK: Duration = Duration::from_millis(200);
/// Columns of the bar at most.
const LONGEST: usize = 40;
/// Where a terminal does not tell its width.
const USUAL_WIDTH: u16 = 80;
/// What a terminal adds to the line of its own: `^C`.
const ECHO: usize = 2;

/// A bar while this lives; its line is empty again once this is dropped.
#[derive(Debug)]
pub struct Progress(Option<(Sender<Step>, JoinHandle<()>)>);

/// How much is done, 0 to 1, and what the bar says from now on, if that changes.
type Step = (f64, Option<String>);

impl Progress {
    /// Shows a bar from the second second on, without one where stderr is no terminal. The message is plain text.
    pub fn start(message: impl Into<String>) -> Progress {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if dumb || !io::stderr().is_terminal() {
            return Progress(None);
        }
        let (message, (sender, receiver)) = (message.into(), channel());
        let thread = std::thread::Builder::new().spawn(move || draw(message, &receiver));
        // Without a thread there is no bar, and nothing is lost.
        Progress(thread.ok().map(|thread| (sender, thread)))
    }

    /// Shows nothing.
    pub fn none() -> Progress {
        Progress(None)
    }

    /// How much is done, 0 to 1.
    pub fn set(&self, fraction: f64) {
        self.send((fraction, None));
    }

    /// The same, and what it is that is done.
    pub fn tell(&self, fraction: f64, message: impl Into<String>) {
        self.send((fraction, Some(message.into())));
    }

    /// Whether there is a terminal for it.
    pub fn is_shown(&self) -> bool {
        self.0.is_some()
    }

    fn send(&self, step: Step) {
        if let Some((sender, _)) = &self.0 {
            // Its other end lives until this is dropped.
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

/// Draws until the sender is gone, then clears the line. Where stderr is gone there is nobody to draw for.
fn draw(mut message: String, steps: &Receiver<Step>) {
    let (mut fraction, mut drawn) = (0.0, 0);
    let mut due = Instant::now() + PATIENCE;
    loop {
        match steps.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok((now, said)) => {
                fraction = now;
                message = said.unwrap_or(message);
            }
            Err(RecvTimeoutError::Timeout) => {
                let width =
                    terminal_size::terminal_size_of(io::stderr()).map_or(USUAL_WIDTH, |(width, _)| width.0);
                let line = line(&message, fraction, width.into());
                // Spaces over what a wider line before left.
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

/// `measuring [#####.....]  50 %`, and room for the echo and for the cursor: a line that is full becomes two.
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
