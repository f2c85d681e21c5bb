//! Names threads without their numbers, so that the threads of a pool are one series.
//!
//! A name is words and the separators between them. A number is a word of digits, a hexadecimal id, or the digits after
//! three letters or more. After fewer letters, digits belong to the word (`h2`, `x264`, `C2`, `G1`). A number at the end
//! is cut, with what separates it from the rest. Any other number becomes `N`. A name of nothing but numbers is `N`.

use super::owner::UNNAMED;
use crate::snapshot::{EXITED, IDLE, OTHER, STARTING};

/// Characters that may stand before, after and around a number.
const SEPARATORS: &str = " -_/:#.,+@=~*|()[]{}<>";
/// Stands for a number until the end is cut. No sensible name contains it.
const NUMBER: char = '\u{1}';
/// Number of letters before digits that make the digits a number.
const LETTERS_BEFORE_NUMBER: usize = 3;
/// Length of the shortest hexadecimal id. Shorter words of `a` to `f` and digits may be ordinary words.
const SHORTEST_HEX: usize = 6;

/// Returns the name of a thread without its numbers. It is never empty, and never one of the reserved names.
///
/// `handler12` -> `handler`, `CPU 0/KVM` -> `CPU N/KVM`, `pool-1-thread-5` -> `pool-N-thread`.
pub(crate) fn thread_name(comm: &[u8]) -> String {
    let comm = String::from_utf8_lossy(comm);
    let mut name = String::with_capacity(comm.len());
    let mut rest = &*comm;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after;
        let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
        if is_hexadecimal(word) || (stem.is_empty() && !word.is_empty()) {
            name.push(NUMBER);
        } else if stem.len() < word.len() && stem.chars().count() >= LETTERS_BEFORE_NUMBER {
            name.push_str(stem);
            name.push(NUMBER);
        } else {
            name.push_str(word);
        }
    }
    let kept = name.trim_end_matches(|c| c == NUMBER || SEPARATORS.contains(c));
    let ends_in_number = name.get(kept.len()..).is_some_and(|tail| tail.contains(NUMBER));
    let kept = if ends_in_number { kept } else { &name };
    match kept {
        "" if ends_in_number => "N".to_owned(),
        "" => UNNAMED.to_owned(),
        // Reserved names lose their brackets, so that no thread has one.
        EXITED | IDLE | OTHER | STARTING => kept.trim_matches(['(', ')']).to_owned(),
        _ => kept.replace(NUMBER, "N"),
    }
}

fn is_hexadecimal(word: &str) -> bool {
    let (digits, shortest) = word.strip_prefix("0x").map_or((word, SHORTEST_HEX), |digits| (digits, 1));
    let number = digits.bytes().all(|b| b.is_ascii_hexdigit()) && digits.bytes().any(|b| b.is_ascii_digit());
    number && digits.len() >= shortest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_pools_are_one_name() {
        let cases = [
            ("handler12", "handler"),
            ("revalidator3", "revalidator"),
            ("pmd-c01/id:7", "pmd-c01/id"),
            ("tokio-runtime-w", "tokio-runtime-w"),
            ("grpc_global_tim", "grpc_global_tim"),
            ("GC Thread#3", "GC Thread"),
            ("G1 Refine#0", "G1 Refine"),
            ("C2 CompilerThre", "C2 CompilerThre"),
            ("CPU 0/KVM", "CPU N/KVM"),
            ("CPU 12/KVM", "CPU N/KVM"),
            ("vhost-1234", "vhost"),
            ("iou-wrk-771", "iou-wrk"),
            ("dotnet-ef", "dotnet-ef"),
            ("x264", "x264"),
            ("h2", "h2"),
            ("V8 WorkerThread", "V8 WorkerThread"),
            ("0", "N"),
            ("17/3", "N"),
            ("nginx: worker", "nginx: worker"),
            ("pool-1-thread-5", "pool-N-thread"),
            ("http-nio-8080-e", "http-nio-N-e"),
            ("ForkJoinPool-1-", "ForkJoinPool"),
            ("python3.12", "python"),
            ("worker(3)", "worker"),
            ("(sd-pam)", "(sd-pam)"),
            ("job-3f2a9c81", "job"),
            ("facade", "facade"),
            ("t-0x7f", "t"),
            ("3proxy", "3proxy"),
            ("Foo-", "Foo-"),
            ("", "(unnamed)"),
            ("-", "-"),
            ("(exited)", "exited"),
            ("(other)", "other"),
            ("(starting)", "starting"),
            ("(idle)", "idle"),
            ("Größe7", "Größe"),
        ];
        for (comm, want) in cases {
            assert_eq!(thread_name(comm.as_bytes()), want, "{comm}");
        }
        assert_eq!(thread_name(b"a\xffb7"), "a\u{fffd}b7");
        assert_eq!(thread_name(b"\xff\xfe-12"), "\u{fffd}\u{fffd}");
    }
}
