//! `top --watch`: a report again and again, on a screen of its own where there is one, else one after the other.
use super::values::now;
use super::{complain, shared, show};
use crate::cluster::Cluster;
use crate::print::{Format, Look, Next, Screen};
use crate::prometheus::{Client, is_of_token};
use crate::report::Report;
use crate::top::{LocalWatch, Question, Watch};
use anyhow::{Context, Result, anyhow, bail};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::io::{self, Write};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};

/// How often this machine is measured where nothing else is said, and no more often than the kernel's ticks tell anything.
const LOCAL_STEP: Duration = Duration::from_secs(2);
const SHORTEST: Duration = Duration::from_millis(100);

/// Watches this machine. Ends when it is told to, or nobody reads on.
pub(super) async fn local(question: Question, every: Option<i64>, look: Look) -> Result<()> {
    let step = every.map_or(LOCAL_STEP, duration);
    let sort = question.sort.clone();
    let due = Instant::now() + step;
    let feed =
        Feed { source: Source::Local(Box::new(LocalWatch::start(question, step)?)), every: Some(step), due };
    run(feed, Screen::new(sort, look.colour), look).await
}

/// Watches a cluster, likewise. A token that is refused is looked for again where it came from.
pub(super) async fn cluster(
    cluster: &Cluster,
    client: &Client,
    question: Question,
    every: Option<i64>,
    look: Look,
) -> Result<()> {
    let sort = question.sort.clone();
    let source = Source::Cluster { watch: Box::new(Watch::new(client, question)), client, cluster };
    let feed = Feed { source, every: every.map(duration), due: Instant::now() };
    run(feed, Screen::new(sort, look.colour), look).await
}

fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(milliseconds.unsigned_abs()).max(SHORTEST)
}

enum Source<'a> {
    Local(Box<LocalWatch>),
    Cluster { watch: Box<Watch<'a>>, client: &'a Client, cluster: &'a Cluster },
}

impl Source<'_> {
    async fn report(&mut self) -> Result<Report> {
        match self {
            Source::Local(watch) => watch.report(),
            Source::Cluster { watch, client, cluster } => match watch.report(now()).await {
                Err(error) if is_of_token(&error) => match cluster.renewed_token().await? {
                    Some(token) if client.renew(&token)? => watch.report(now()).await,
                    _ => Err(error),
                },
                other => other,
            },
        }
    }
}

/// Where reports come from, and when.
struct Feed<'a> {
    source: Source<'a>,
    /// None is the samples' own distance.
    every: Option<Duration>,
    due: Instant,
}

impl Feed<'_> {
    /// The next report, when it is due.
    async fn next(&mut self) -> Result<Report> {
        sleep_until(self.due).await;
        let begun = Instant::now();
        let report = self.source.report().await;
        let own = report.as_ref().map_or(LOCAL_STEP, |report| {
            Duration::try_from_secs_f64(report.window.step_seconds).unwrap_or(LOCAL_STEP)
        });
        let every = self.every.unwrap_or(own).max(SHORTEST);
        // What was missed is not made up for.
        self.due = Instant::max(begun + every, Instant::now());
        report
    }
}

async fn run(feed: Feed<'_>, screen: Screen, look: Look) -> Result<()> {
    let table = matches!(look.format, Format::Table | Format::Wide);
    if table && shared::screen() {
        on_screen(feed, screen).await
    } else {
        one_after_the_other(feed, look).await
    }
}

/// On a screen of its own, until a key ends it.
async fn on_screen(mut feed: Feed<'_>, mut screen: Screen) -> Result<()> {
    let mut terminal = Terminal::enter()?;
    let mut events = events();
    let mut ended = std::pin::pin!(ended());
    loop {
        let mut next = std::pin::pin!(feed.next());
        let outcome = loop {
            terminal.0.draw(|frame| screen.draw(frame)).context("cannot draw on the terminal")?;
            tokio::select! {
                outcome = &mut next => break outcome,
                event = events.recv() => match event {
                    Some(event) if screen.take(&event) == Next::Stay => {}
                    // A terminal that is gone has no more events.
                    _ => return Ok(()),
                },
                () = &mut ended => return Ok(()),
            }
        };
        match outcome {
            Ok(report) => screen.show(report),
            Err(error) if screen.is_empty() => return Err(error),
            Err(error) => screen.fail(&format!("{error:#}")),
        }
    }
}

/// Keys and changes of size, read by a thread that ends with the program.
fn events() -> UnboundedReceiver<Event> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.send(event).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The terminal, which is as it was once this is dropped, and after a panic.
struct Terminal(DefaultTerminal);

impl Terminal {
    fn enter() -> Result<Terminal> {
        let terminal = ratatui::try_init().map(Terminal);
        terminal.map_err(|why| anyhow!("cannot take the terminal ({why}): pipe the output, or use -o json"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to put back.
        let _ = self.0.show_cursor();
        let _ = ratatui::try_restore();
    }
}

/// One report after the other, on stdout.
async fn one_after_the_other(mut feed: Feed<'_>, look: Look) -> Result<()> {
    let mut ended = std::pin::pin!(ended());
    let (mut first, mut said) = (true, Vec::new());
    loop {
        let outcome = tokio::select! {
            outcome = feed.next() => outcome,
            () = &mut ended => return Ok(()),
        };
        match outcome {
            Err(error) if first => bail!(error),
            Err(error) => complain("error", &format!("{error:#}")),
            Ok(mut report) => {
                if look.has_no_notes() {
                    // Each is said once, as long as it holds.
                    let notes = report.notes.clone();
                    report.notes.retain(|note| !said.contains(note));
                    said = notes;
                }
                // Headers of rows are said once; documents and pages are kept apart.
                let headers = look.headers && (first || look.format != Format::Csv);
                let between = match look.format {
                    _ if first => "",
                    Format::Table | Format::Wide => "\n",
                    Format::Yaml => "---\n",
                    Format::Csv | Format::Json => "",
                };
                let apart = io::stdout().lock().write_all(between.as_bytes());
                if apart.is_err() || !show(&report, Look { headers, ..look })? {
                    return Ok(());
                }
                first = false;
            }
        }
    }
}

/// Ctrl-C or, where there are such, a signal that asks to end. Without a way to hear of them, never.
async fn ended() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminated = async {
            match signal(SignalKind::terminate()) {
                Ok(mut signal) => signal.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ctrl_c => {}
            _ = terminated => {}
        }
    }
    #[cfg(not(unix))]
    ctrl_c.await;
}
