//! The screen without a terminal: every size, and what keys do.
use super::{Next, Screen};
use crate::golden::check;
use crate::print::example::{groups, hostile, nothing, per_node, with_trends};
use crate::report::{SortBy, TotalTrends};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

fn press(screen: &mut Screen, code: KeyCode) -> Next {
    screen.handle(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn drawn(screen: &Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn every_size_is_drawn() {
    let mut screen = Screen::new(SortBy::Avg, true);
    for (width, height) in [(80, 24), (200, 50), (20, 5), (1, 1), (7, 2)] {
        drawn(&screen, width, height);
    }
    check("tests/golden/watch/80x4-before-the-first-report.txt", &drawn(&screen, 80, 4));
    screen.show(hostile());
    for (width, height) in [(80, 24), (200, 50), (20, 5), (1, 1), (7, 2)] {
        drawn(&screen, width, height);
    }
    check("tests/golden/watch/120x16-hostile-name.txt", &drawn(&screen, 120, 16));
    screen.show(with_trends(groups()));
    check("tests/golden/watch/100x20.txt", &drawn(&screen, 100, 20));
    check("tests/golden/watch/60x12.txt", &drawn(&screen, 60, 12));
    check("tests/golden/watch/30x8.txt", &drawn(&screen, 30, 8));
    screen.show(with_trends(per_node()));
    check("tests/golden/watch/80x24-per-node.txt", &drawn(&screen, 80, 24));
    screen.fail("Prometheus at https://prometheus.example/ did not answer\nwithin 60 s: try again\u{1b}[2J");
    check("tests/golden/watch/80x24-error.txt", &drawn(&screen, 80, 24));
    screen.show(nothing());
    check("tests/golden/watch/80x16-nothing.txt", &drawn(&screen, 80, 16));
}

#[test]
fn no_width_shows_a_part_of_a_figure() {
    let mut screen = Screen::new(SortBy::Avg, true);
    screen.show(hostile());
    for width in 1..=130 {
        // Too low for bars: a title, the headers, rows, and the keys.
        let page = drawn(&screen, width, 13);
        let lines: Vec<&str> = page.lines().map(|line| line.trim_matches('"')).collect();
        let figures = lines[2..lines.len() - 1].iter().flat_map(|line| line.split_whitespace());
        let figures = figures.filter(|word| word.chars().all(|c| c.is_ascii_digit() || c == '.'));
        for figure in figures {
            assert!(figure.parse::<f64>().is_ok(), "{figure} at {width}:\n{page}");
            assert_eq!(figure.find('.'), Some(figure.len() - 4), "{figure} at {width}:\n{page}");
            assert_ne!(figure.find('.'), Some(0), "{figure} at {width}:\n{page}");
        }
    }
}

#[test]
fn keys_sort_scroll_and_end() {
    let mut screen = Screen::new(SortBy::Avg, false);
    screen.show(hostile());
    press(&mut screen, KeyCode::Left);
    assert_eq!(screen.sort, SortBy::Now);
    for _ in 0..9 {
        press(&mut screen, KeyCode::Right);
    }
    assert_eq!(screen.sort, SortBy::Percentile("p95".to_owned()));
    for _ in 0..9 {
        press(&mut screen, KeyCode::Left);
    }
    screen.show(with_trends(groups()));
    check("tests/golden/watch/80x12-by-name.txt", &drawn(&screen, 80, 12));
    press(&mut screen, KeyCode::End);
    check("tests/golden/watch/80x12-scrolled-to-the-end.txt", &drawn(&screen, 80, 12));
    assert_eq!(press(&mut screen, KeyCode::Char('q')), Next::End);
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(screen.handle(&Event::Key(ctrl_c)), Next::End);
}

/// A key shows the trends of the classes in place of the bars, if there is room.
#[test]
fn a_key_shows_the_trends() {
    let mut report = with_trends(groups());
    let trend =
        |of: usize| (0..20).map(move |part| ((part * (of + 2)) as f64 / 9.0).sin().abs() * (3 - of) as f64);
    let classes = report.classes.iter().take(3).enumerate();
    let classes: Vec<_> = classes.map(|(of, total)| (total.class, trend(of).collect::<Vec<f64>>())).collect();
    report.total_trends = Some(TotalTrends { step_seconds: 15.0, busy: vec![6.0; 20], classes });
    for (colour, name) in [(true, "colours"), (false, "shades")] {
        let mut screen = Screen::new(SortBy::Avg, colour);
        screen.show(with_trends(groups()));
        let bars = drawn(&screen, 80, 30);
        let mut copy = with_trends(groups());
        copy.total_trends = report.total_trends.clone();
        screen.show(copy);
        assert_eq!(press(&mut screen, KeyCode::Char('c')), Next::Stay);
        check(&format!("tests/golden/watch/80x30-chart-{name}.txt"), &drawn(&screen, 80, 30));
        let low = drawn(&screen, 80, 20);
        press(&mut screen, KeyCode::Char('c'));
        assert_eq!((drawn(&screen, 80, 30), drawn(&screen, 80, 20)), (bars, low));
    }
}
