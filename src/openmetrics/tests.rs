use super::{Contents, read};

fn contents(text: &str) -> Contents {
    read(text.as_bytes(), |metric, _| metric != "other").unwrap()
}

#[test]
fn series_come_in_any_order_and_end_at_what_is_no_number() {
    let text = "# TYPE m gauge\nm{a=\"1\"} 0.5 10.000\nother{x=\"}\"} 1 10\nm{a=\"2\"} 7 10\nm{a=\"1\"} NaN 25.125\n\
                m{a=\"1\"} 1e-3 40.25\nn 3 1\nsum{} 4 2\n{\"a.b\",c=\"d\"} 1 1\n# EOF\n";
    let of = contents(text);
    assert!(of.is_whole);
    assert_eq!(of.samples, 8);
    let all: Vec<_> = of
        .series
        .iter()
        .map(|series| {
            let samples = series.samples.iter().filter(|(_, value)| !value.is_nan());
            let samples = samples.map(|(at, value)| (at.as_seconds(), *value));
            (series.metric.as_str(), series.label("a"), samples.collect::<Vec<_>>())
        })
        .collect();
    let expected = [
        ("m", "1", vec![(10.0, 0.5), (40.25, 0.001)]),
        ("m", "2", vec![(10.0, 7.0)]),
        ("n", "", vec![(1.0, 3.0)]),
        ("sum", "", vec![(2.0, 4.0)]),
    ];
    assert_eq!(all, expected);
}

#[test]
fn a_series_is_asked_for_by_its_labels_too() {
    let text = "m{a=\"1\"} 1 1\nm{a=\"2\"} 1 1\n# EOF\n";
    let is_two = |labels: &super::Labels| labels["a"] == "2";
    let of = read(text.as_bytes(), |_, labels| labels.is_none_or(is_two)).unwrap();
    assert_eq!(of.series.iter().map(|series| series.label("a")).collect::<Vec<_>>(), ["2"]);
    assert_eq!(of.samples, 2);
}

#[test]
fn no_more_is_held_than_a_machine_has() {
    let text = "m 1 1\nm 1 2\nother 1 1\n# EOF\n";
    let of = |most| super::read_at_most(most, text.as_bytes(), |metric, _| metric == "m");
    assert!(of(2).is_ok());
    assert!(of(1).unwrap_err().to_string().contains("more than 1 samples or "));
}

#[test]
fn labels_are_quoted_as_go_does() {
    let of = contents("m{a=\"q\\\"\\\\ \\n\\t\\x01\\u00e9\",b=\"},{ é\"} 1 2\n");
    assert_eq!(of.series[0].label("a"), "q\"\\ \n\t\u{1}é");
    assert_eq!(of.series[0].label("b"), "},{ é");
    assert!(!of.is_whole, "it has no end");
}

#[test]
fn what_is_no_sample_is_named_by_its_line() {
    for text in [
        "m{a=\"1\"} x 1\n",
        "m{a=\"1\n",
        "m{a=1} 2 3\n",
        "m\n",
        "a b\u{7f}\n",
        "<html>\n",
        "m 1 1748779200184\n",
        "m 1 inf\n",
    ] {
        let error = format!("{:#}", read(text.as_bytes(), |_, _| true).unwrap_err());
        assert!(error.starts_with("line ") && error.contains("no sample of OpenMetrics"), "{text}: {error}");
    }
    assert!(read("\n\n# EOF".as_bytes(), |_, _| true).unwrap().is_whole);
    let torn = read("m 1 10\nm 1 2".as_bytes(), |_, _| true).unwrap();
    assert_eq!((torn.is_whole, torn.series[0].samples.len()), (false, 1));
    let long = vec![b'x'; super::LONGEST + 70_000];
    assert!(format!("{:#}", read(&long[..], |_, _| true).unwrap_err()).contains("longer than"));
}

/// Other people's names have any letter; what follows the end is nobody's; and editors leave their marks.
#[test]
fn what_is_not_ours_is_skipped_and_marks_of_editors_are_none() {
    let text = "\u{feff}my.metric{a=\"1\"} 1 1\r\n\u{fc}n\u{ef}{b=\"2\"} 1 1\r\n{c=\"d\"} 1 1\r\nm 3 4\r\n# EOF\r\n\0\0\0";
    let of = read(text.as_bytes(), |metric, _| metric == "m").unwrap();
    assert!(of.is_whole);
    assert_eq!((of.series.len(), of.series[0].samples[0].1), (1, 3.0));
    for (text, begins) in [
        ("# TYPE m gauge\r\nm 1 1\n", true),
        ("# EOF\n", true),
        ("\u{feff}m{a=\"b\"} 1 1\n", true),
        ("# Monday\napiVersion: interrogate/v1\n", false),
        ("{\"apiVersion\": \"interrogate/v1\"}", false),
        ("", false),
    ] {
        assert_eq!(super::begins(text.as_bytes()), begins, "{text}");
    }
}
