//! Scrape targets: one real exposition, served as many nodes. A tenth of its counters rises from scrape to scrape.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use anyhow::Result;

/// Number of counters of which one rises.
const RISING_STEP: usize = 10;

/// Line of an exposition: a series, its value, and true if it is a counter; or a comment without a value.
type Line = (String, Option<(f64, bool)>);

/// Serves any path until the process ends. Returns the port and the number of series.
pub(crate) fn serve(exposition: &str) -> Result<(u16, usize)> {
    let line = |line: &str| match line.rsplit_once(' ') {
        Some((series, value)) if !line.starts_with('#') => {
            let value = value.parse().unwrap_or(0.0);
            (series.to_owned(), Some((value, series.contains("_total{"))))
        }
        _ => (line.to_owned(), None),
    };
    let lines: Arc<[Line]> = exposition.lines().map(line).collect();
    let series = lines.iter().filter(|(_, value)| value.is_some()).count();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || respond(&stream, &lines));
        }
    });
    Ok((port, series))
}

fn respond(stream: &TcpStream, lines: &[Line]) -> Result<()> {
    let mut reader = BufReader::new(stream);
    for scrape in 0_u32.. {
        let mut word = String::new();
        while word != "\r\n" {
            word.clear();
            if reader.read_line(&mut word)? == 0 {
                return Ok(());
            }
        }
        let body = render_body(lines, f64::from(scrape))?;
        let length = body.len();
        write!(
            &mut (&*stream),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
    }
    Ok(())
}

fn render_body(lines: &[Line], scrape: f64) -> Result<String> {
    let mut text = String::new();
    for (number, (series, value)) in lines.iter().enumerate() {
        match value {
            None => writeln!(text, "{series}")?,
            Some((value, true)) if number % RISING_STEP == 0 => {
                let step = 0.0137 * (number % 7 + 1) as f64;
                writeln!(text, "{series} {:.6}", value + scrape * step)?;
            }
            Some((value, _)) => writeln!(text, "{series} {value}")?,
        }
    }
    Ok(text)
}
