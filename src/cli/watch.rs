//! `top --watch`: repeats the report, on a screen if there is a terminal, else one after another.
use super::shared::termination;
use super::values::now;
use super::{print_stderr, shared, show};
use crate::cluster::Cluster;
use crate::print::{Format, Next, PageOptions, Screen};
use crate::prometheus::{Client, is_token_refused};
use crate::report::Report;
use crate::top::{LocalWatch, Question, Watch};
use anyhow::{Context, Result, anyhow, bail};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::io::{self, Write};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};

/// Default interval with `--local`.
const LOCAL_STEP: Duration = Duration::from_secs(2);
/// Shortest interval: at shorter ones the kernel's ticks show nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// Watches this machine, until the user ends it or the reader closes the pipe.
pub(super) async fn local(question: Question, every: Option<Duration>, options: PageOptions) -> Result<()> {
    let step = every.map_or(LOCAL_STEP, |every| every.max(SHORTEST));
    let sort = question.sort.clone();
    let due = Instant::now() + step;
    let feed =
        Feed { source: Source::Local(Box::new(LocalWatch::start(question, step)?)), every: Some(step), due };
    run(feed, Screen::new(sort, options.colour).with_chart(options.chart.is_some()), options).await
}

/// Watches a cluster, until the user ends it or the reader closes the pipe. If the server refuses the token, the watch
/// fetches it again from its source.
pub(super) async fn cluster(
    cluster: &Cluster,
    client: &Client,
    question: Question,
    every: Option<Duration>,
    options: PageOptions,
) -> Result<()> {
    let sort = question.sort.clone();
    let source = Source::Cluster { watch: Box::new(Watch::new(client, question)), client, cluster };
    let feed = Feed { source, every, due: Instant::now() };
    run(feed, Screen::new(sort, options.colour).with_chart(options.chart.is_some()), options).await
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
                Err(error) if is_token_refused(&error) => match cluster.renewed_token().await? {
                    Some(token) if client.replace_token(&token)? => watch.report(now()).await,
                    _ => Err(error),
                },
                other => other,
            },
        }
    }
}

/// Source of reports, and the time of the next one.
struct Feed<'a> {
    source: Source<'a>,
    /// Time between two reports; `None` is the interval of the samples.
    every: Option<Duration>,
    due: Instant,
}

impl Feed<'_> {
    /// Waits until the next report is due, and makes it.
    async fn next(&mut self) -> Result<Report> {
        sleep_until(self.due).await;
        let started = Instant::now();
        let report = self.source.report().await;
        let sampled = report.as_ref().map_or(LOCAL_STEP, |report| {
            Duration::try_from_secs_f64(report.window.step_seconds).unwrap_or(LOCAL_STEP)
        });
        let every = self.every.unwrap_or(sampled).max(SHORTEST);
        // Skips the reports that were missed.
        self.due = Instant::max(started + every, Instant::now());
        report
    }
}

async fn run(feed: Feed<'_>, screen: Screen, options: PageOptions) -> Result<()> {
    let table = matches!(options.format, Format::Table | Format::Wide);
    if table && shared::screen() { on_screen(feed, screen).await } else { print_each(feed, options).await }
}

/// Shows reports on a screen, until a key or a signal ends it.
async fn on_screen(mut feed: Feed<'_>, mut screen: Screen) -> Result<()> {
    let mut terminal = Terminal::enter()?;
    let mut events = events();
    let mut ended = std::pin::pin!(termination());
    loop {
        let mut next = std::pin::pin!(feed.next());
        let outcome = loop {
            terminal.0.draw(|frame| screen.draw(frame)).context("cannot draw on the terminal")?;
            tokio::select! {
                outcome = &mut next => break outcome,
                event = events.recv() => match event {
                    Some(event) if screen.handle(&event) == Next::Stay => {}
                    // The events end if the terminal is gone.
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

/// Starts a thread that sends keys and changes of size until the program ends.
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

/// Terminal that shows the screen. Dropping this restores it, and so does a panic.
struct Terminal(DefaultTerminal);

impl Terminal {
    fn enter() -> Result<Terminal> {
        let terminal = ratatui::try_init().map(Terminal);
        terminal.map_err(|why| anyhow!("cannot take the terminal ({why}): pipe the output, or use -o json"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to restore.
        let _ = self.0.show_cursor();
        let _ = ratatui::try_restore();
    }
}

/// Prints reports on stdout, one after another.
async fn print_each(mut feed: Feed<'_>, options: PageOptions) -> Result<()> {
    let mut ended = std::pin::pin!(termination());
    let (mut first, mut printed) = (true, Vec::new());
    loop {
        let outcome = tokio::select! {
            outcome = feed.next() => outcome,
            () = &mut ended => return Ok(()),
        };
        match outcome {
            Err(error) if first => bail!(error),
            Err(error) => print_stderr("error", &format!("{error:#}")),
            Ok(mut report) => {
                if !options.has_notes() {
                    // Prints each note once, as long as it holds.
                    let notes = report.notes.clone();
                    report.notes.retain(|note| !printed.contains(note));
                    printed = notes;
                }
                // CSV has one header line. Tables and YAML documents have a separator.
                let headers = options.headers && (first || options.format != Format::Csv);
                let separator = match options.format {
                    _ if first => "",
                    Format::Table | Format::Wide => "\n",
                    Format::Yaml => "---\n",
                    _ => "",
                };
                let separated = io::stdout().lock().write_all(separator.as_bytes());
                if separated.is_err() || !show(&report, PageOptions { headers, ..options })? {
                    return Ok(());
                }
                first = false;
            }
        }
    }
}
