//! The screen without a terminal: every size, and what keys do.
use super::{Next, Screen};
use crate::print::table::tests::example;
use crate::report::SortBy;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

fn press(screen: &mut Screen, code: KeyCode) -> Next {
    screen.take(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn drawn(screen: &Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn every_size_is_drawn_and_no_name_obeyed() {
    let mut screen = Screen::new(SortBy::Avg, true);
    for (width, height) in [(80, 24), (200, 50), (20, 5), (1, 1), (7, 2)] {
        drawn(&screen, width, height);
    }
    screen.show(example());
    for (width, height) in [(80, 24), (200, 50), (20, 5), (1, 1), (7, 2)] {
        drawn(&screen, width, height);
    }
    let page = drawn(&screen, 120, 24);
    assert!(page.contains("crio-worker") && page.contains("\\u{1b}[1mc"), "{page}");
}

#[test]
fn no_width_shows_a_part_of_a_figure() {
    let mut screen = Screen::new(SortBy::Avg, true);
    screen.show(example());
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
    screen.show(example());
    press(&mut screen, KeyCode::Left);
    assert_eq!(screen.sort, SortBy::Now);
    for _ in 0..9 {
        press(&mut screen, KeyCode::Right);
    }
    assert_eq!(screen.sort, SortBy::Percentile("p95".to_owned()));
    for _ in 0..9 {
        press(&mut screen, KeyCode::Left);
    }
    let page = drawn(&screen, 100, 24);
    assert!(page.find("crio ") > page.find("a \\\"b\\\"").or(page.find("a \"b\"")), "by name: {page}");
    press(&mut screen, KeyCode::End);
    assert!(!drawn(&screen, 100, 24).contains("a \"b\""), "scrolled to the last row");
    assert_eq!(press(&mut screen, KeyCode::Char('q')), Next::End);
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(screen.take(&Event::Key(ctrl_c)), Next::End);
}
