//! A question in pieces that a server does not refuse: cut by time before it is asked, so that no piece takes long, and
//! where a piece is still too much, cut again, by time or by the values of a label. A few are asked at once.
use super::queries;
use super::span::Span;
use crate::progress::Progress;
use crate::prometheus::{Client, Excess, Size, excess};
use anyhow::Result;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Questions that a server has to answer at once; it answers 20 at a time, and others ask too.
const AT_ONCE: usize = 4;
/// How often a piece and those it was cut from may have taken too long: a sixteenth of what should take a second is no
/// question of size.
const PATIENCE: u32 = 4;
/// The share of the bar that is left for what comes after the answers.
const LAST: f64 = 0.05;

/// What a question costs, about, for each time that it asks about, and how it can be cut other than by time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'a> {
    /// Series of the answer.
    pub answer: usize,
    /// Series that the server reads for it.
    pub read: usize,
    /// A selector, and a label that all of its series have: answers of pieces by its values add up to the whole.
    pub label: Option<(&'a str, &'static str)>,
}

impl<'a> Load<'a> {
    /// Of so many series read and answered.
    pub(super) fn of(answer: usize, read: usize) -> Load<'a> {
        Load { answer: answer.max(1), read: read.max(answer).max(1), label: None }
    }

    /// The same, which can be cut by a label of the series of `selector`.
    pub(super) fn by(self, selector: &'a str, label: &'static str) -> Load<'a> {
        Load { label: Some((selector, label)), ..self }
    }
}

/// How a question can be cut by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// By time before all else.
    Time,
    /// By time where a label does no more: each piece answers all series.
    Label,
    /// By no time: the answers of two pieces do not make that of both.
    Never,
}

/// A question as a whole.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    pub span: Span,
    /// Milliseconds: it is cut at multiples of these.
    pub unit: i64,
    /// Units of the first pieces at most.
    pub units: i64,
    pub cut: Cut,
    pub load: Load<'a>,
}

/// A piece of a question.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub span: Span,
    /// The values of the label that it is cut by; all where there are none.
    values: Vec<String>,
    label: &'static str,
    /// How often it, or what it was cut from, took too long.
    slow: u32,
    /// Samples that the server reads for it, about.
    load: f64,
}

impl Piece {
    /// A matcher of its series; none where it asks for all.
    pub(super) fn matcher(&self) -> Option<String> {
        (!self.values.is_empty()).then(|| queries::any_of(self.label, self.values.iter().map(String::as_str)))
    }

    /// In two by time.
    fn in_time(&self, unit: i64) -> Option<[Piece; 2]> {
        let halves = self.span.halves(unit)?;
        Some(halves.map(|span| Piece { span, load: self.load / 2.0, ..self.clone() }))
    }

    /// In two by the values of a label.
    fn by_values(&self) -> Option<[Piece; 2]> {
        let middle = self.values.len() / 2;
        let (first, second) = self.values.split_at_checked(middle).filter(|(first, _)| !first.is_empty())?;
        Some([first, second].map(|values| Piece {
            values: values.to_vec(),
            load: self.load / 2.0,
            ..self.clone()
        }))
    }
}

/// How many pieces there are, and what is done.
#[derive(Debug, Default)]
struct Work {
    planned: usize,
    answered: usize,
    /// Samples, about.
    load: f64,
    done: f64,
    shown: f64,
}

/// Asks a server in pieces.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    pub client: &'a Client,
    permits: Semaphore,
    progress: &'a Progress,
    started: Instant,
    work: RefCell<Work>,
}

impl<'a> Pieces<'a> {
    /// Nothing is asked yet.
    pub(super) fn new(client: &'a Client, progress: &'a Progress) -> Pieces<'a> {
        let permits = Semaphore::new(AT_ONCE);
        Pieces { client, permits, progress, started: Instant::now(), work: RefCell::default() }
    }

    /// Asks all pieces, in any order; `ask` keeps nothing of a piece that fails. Errors are those of a piece that cannot
    /// be cut again, or that failed for another reason than its size.
    pub(super) async fn ask(&self, whole: &Whole<'_>, ask: impl AsyncFn(&Piece) -> Result<()>) -> Result<()> {
        let ask = &ask;
        let attempt = |piece: Piece| async move {
            let outcome = match self.permits.acquire().await {
                Ok(_permit) => ask(&piece).await,
                Err(closed) => Err(closed.into()),
            };
            (piece, outcome)
        };
        let label = whole.load.label.map_or("", |(_, label)| label);
        let piece = |span: Span| {
            let load = span.length() as f64 / whole.unit as f64 * whole.load.read as f64;
            Piece { span, values: Vec::new(), label, slow: 0, load }
        };
        let length = if whole.cut == Cut::Never { i64::MAX } else { whole.units.saturating_mul(whole.unit) };
        let mut waiting: Vec<Piece> = whole.span.cut(length.min(whole.span.length())).map(piece).collect();
        let mut asked = FuturesUnordered::new();
        self.plan(&waiting);
        loop {
            while asked.len() < AT_ONCE
                && let Some(piece) = waiting.pop()
            {
                asked.push(attempt(piece));
            }
            let Some((piece, outcome)) = asked.next().await else { return Ok(()) };
            match outcome {
                Ok(()) => self.done(&piece),
                Err(error) => waiting.extend(self.cut(whole, piece, error).await?),
            }
        }
    }

    /// A piece that was too much, in two.
    async fn cut(&self, whole: &Whole<'_>, mut piece: Piece, error: anyhow::Error) -> Result<[Piece; 2]> {
        let Some(excess) = excess(&error) else { return Err(error) };
        piece.slow += u32::from(excess == Excess::Time);
        if piece.slow > PATIENCE {
            return Err(error);
        }
        let in_time = |piece: &Piece| piece.in_time(whole.unit).filter(|_| whole.cut != Cut::Never);
        let mut halves = if whole.cut == Cut::Time { in_time(&piece) } else { None };
        if halves.is_none() {
            if let (Some((selector, label)), true) = (whole.load.label, piece.values.is_empty()) {
                let times = (piece.span.start, piece.span.end);
                piece.values = self.client.values(label, selector, times, Size::Many).await?;
                // What has no such label is of none of its values.
                piece.values.extend((!piece.values.is_empty()).then(String::new));
            }
            halves = piece.by_values().or_else(|| in_time(&piece));
        }
        let Some(halves) = halves else { return Err(error) };
        self.work.borrow_mut().planned += 1;
        Ok(halves)
    }

    fn plan(&self, pieces: &[Piece]) {
        let mut work = self.work.borrow_mut();
        work.planned += pieces.len();
        work.load += pieces.iter().map(|piece| piece.load).sum::<f64>();
    }

    fn done(&self, piece: &Piece) {
        let mut work = self.work.borrow_mut();
        work.answered += 1;
        work.done += piece.load;
        // What is planned later makes the share smaller, and a bar that shrinks is none.
        work.shown = work.shown.max((1.0 - LAST) * (work.done / work.load.max(1.0)).min(1.0));
        let left = left(self.started.elapsed(), work.shown);
        let message = format!("asking Prometheus, {} of {} pieces{left}", work.answered, work.planned);
        self.progress.tell(work.shown, message);
    }
}

/// How long it will take yet, if all goes on as it did.
fn left(elapsed: Duration, share: f64) -> String {
    let seconds = elapsed.as_secs_f64() * (1.0 - share) / share;
    if seconds.is_finite() { format!(", about {:.0} s left", seconds.ceil()) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::{Piece, Span, left};
    use std::time::Duration;

    #[test]
    fn values_are_cut_until_there_is_one() {
        let values = ["a", "b", "c"].map(str::to_owned).to_vec();
        let piece = Piece { span: Span { start: 0, end: 1 }, values, label: "instance", slow: 0, load: 1.0 };
        let [first, second] = piece.by_values().unwrap();
        assert_eq!(first.matcher().as_deref(), Some(r#"instance=~"a""#));
        assert_eq!(second.matcher().as_deref(), Some(r#"instance=~"b|c""#));
        assert!(first.by_values().is_none());
    }

    #[test]
    fn what_is_left_takes_as_long_as_what_is_done() {
        assert_eq!(left(Duration::from_secs(10), 0.25), ", about 30 s left");
        assert_eq!(left(Duration::from_secs(10), 0.0), "");
    }
}
