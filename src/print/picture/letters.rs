//! Widths of letters, as a picture has to guess them: fonts are the reader's, and their letters of different widths.
use unicode_width::UnicodeWidthChar;

/// Size of all letters, units.
pub(super) const LETTERS: f64 = 14.0;

/// Cuts a text that may be wider than so many units, in the middle.
pub(super) fn cut(text: &str, units: f64) -> String {
    let all: Vec<char> = text.chars().collect();
    if width_of(&all) <= units {
        return text.to_owned();
    }
    let half = (units - width('…')) / 2.0;
    let fits = |count: &usize| width_of(all.get(..*count).unwrap_or_default()) <= half;
    let front = (0..all.len()).take_while(fits).last().unwrap_or_default();
    let fits = |count: &usize| width_of(all.get(all.len() - *count..).unwrap_or_default()) <= half;
    let back = (0..all.len() - front).take_while(fits).last().unwrap_or_default();
    let part = |range: Option<&[char]>| range.unwrap_or_default().iter().collect::<String>();
    part(all.get(..front)) + "…" + &part(all.get(all.len() - back..))
}

fn width_of(text: &[char]) -> f64 {
    text.iter().copied().map(width).sum()
}

/// Returns the width of a letter, units: at least that of the widest fonts that are usual for screens.
fn width(letter: char) -> f64 {
    let share = match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '/' | '\\' | '-' | 'f'
        | 'r' | 't' => 0.43,
        '(' | ')' | '[' | ']' => 0.46,
        'a'..='z' if !matches!(letter, 'm' | 'w') => 0.64,
        '0'..='9' | '_' | '"' | '*' | '`' | '{' | '}' | '$' | '?' => 0.65,
        'A'..='Z' if !matches!(letter, 'M' | 'W' | 'Q' | 'O') => 0.78,
        _ => match letter.width() {
            Some(0) | None => 0.0,
            Some(1) => 1.0,
            Some(_) => 1.1,
        },
    };
    share * LETTERS
}

#[cfg(test)]
mod tests {
    use super::{cut, width_of};

    #[test]
    fn a_text_is_cut_in_the_middle_by_the_width_of_its_letters() {
        assert_eq!(cut("kubelet", 200.0), "kubelet");
        for text in ["W".repeat(200), "i".repeat(200), "漢字".repeat(100), "\u{300}".repeat(9), String::new()]
        {
            let short = cut(&text, 200.0);
            let width = width_of(&short.chars().collect::<Vec<_>>());
            assert!(width <= 200.0 && (short == text || width > 150.0), "{short}: {width}");
        }
        let middle = cut(&format!("begin{}end", "x".repeat(100)), 200.0);
        assert!(middle.starts_with("begin") && middle.ends_with("end") && middle.contains('…'), "{middle}");
        assert_eq!(cut("WWWW", 0.0), "…");
    }
}
