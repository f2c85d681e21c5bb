//! Responses of servers, and the series or the message that they become.
use super::*;
use crate::golden::Page;

fn parse_body(status: u16, body: &str) -> Result<QueryResult<'_>, Refusal> {
    parse(&Server { url: "https://prom", with_token: true }, status, None, body.as_bytes())
}

fn message(status: u16, body: &str) -> String {
    parse_body(status, body).unwrap_err().to_string()
}

const VECTOR: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
    {"metric":{"__name__":"up","a":"b"},"value":[1700000000.123,"0.5"]},
    {"metric":{},"value":[1700000000,"+Inf"]}]},"warnings":["careful\nnow"],"infos":["x"]}"#;

#[test]
fn a_vector_has_one_sample_per_series() {
    let result = parse_body(200, VECTOR).unwrap();
    assert_eq!(result.warnings, ["careful now"]);
    let [first, second] = result.series.as_slice() else { panic!("{result:?}") };
    assert_eq!((first.label("a"), first.get_label("c")), ("b", None));
    assert_eq!(*first.samples, [(Timestamp::from_millis(1_700_000_000_123), 0.5)]);
    assert_eq!(*second.samples, [(Timestamp::from_millis(1_700_000_000_000), f64::INFINITY)]);
}

#[test]
fn null_is_an_empty_list() {
    for body in [
        r#"{"status":"success","data":{"resultType":"vector","result":null}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":null,"infos":null}"#,
        r#"{"status":"success","data":{"result":null},"warnings":null,"error":null,"errorType":null}"#,
    ] {
        assert_eq!(
            parse_body(200, body).unwrap(),
            QueryResult { series: Vec::new(), warnings: Vec::new() },
            "{body}"
        );
    }
    let one = r#"{"status":"success","data":{"result":[{"metric":{"a":"b"},"values":null,"value":null}]}}"#;
    assert!(parse_body(200, one).unwrap().series[0].samples.is_empty());
    assert_eq!(parse_optional::<Vec<String>>(br#"{"status":"success","data":null}"#), None);
}

#[test]
fn an_unencrypted_address_gets_no_token_even_if_it_demands_one() {
    for (url, expected) in [
        ("http://prom:9090", "is not encrypted, so it gets none: use its https address"),
        ("http://127.0.0.1:9090", "or pass --token"),
        ("https://prom", "or pass --token"),
    ] {
        let refusal = parse(&Server { url, with_token: false }, 401, None, b"").unwrap_err();
        assert!(refusal.to_string().ends_with(expected), "{refusal}");
    }
}

#[test]
fn a_matrix_keeps_every_sample() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"n":"x"},
        "values":[[1.001,"1e-3"],[2,"NaN"],[3,"-Inf"]]}]}}"#;
    let result = parse_body(200, body).unwrap();
    let samples = &result.series[0].samples;
    assert_eq!(samples[0], (Timestamp::from_millis(1001), 0.001));
    assert!(samples[1].0 == Timestamp::from_millis(2000) && samples[1].1.is_nan());
    assert_eq!(samples[2], (Timestamp::from_millis(3000), f64::NEG_INFINITY));
}

#[test]
fn each_refusal_names_its_remedy() {
    let html = "<html><body>Application is not available</body></html>";
    let forbidden = "Forbidden (user=nobody, verb=get, resource=prometheuses, subresource=api)\n";
    let mut page = Page::new("Messages for responses without samples: status, body, message.");
    for (status, body) in [
        (401, "Unauthorized"),
        (403, forbidden),
        (403, "Forbidden"),
        (403, "<!DOCTYPE html><title>Log In</title>"),
        (404, "404 page not found"),
        (500, "Authorization error (boom)"),
        (500, ""),
        (502, "port-forward to pod p: refused"),
        (503, html),
        (504, "<html>"),
        (200, html),
        (200, VECTOR.get(..120).unwrap()),
        (200, ""),
        (200, r#"{"status":"success","data":{"result":[1,"2"]}}"#),
        (200, r#"{"status":"success"}"#),
        (400, "Client sent an HTTP request to an HTTPS server.\n"),
        (503, r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#),
        (
            422,
            r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples"}"#,
        ),
        (400, r#"{"status":"error","errorType":"bad_data","error":"1:3: \u001b[2Jparse"}"#),
    ] {
        page.add(&format!("{status} {body:?}"), &message(status, body));
    }
    page.part("Without a token");
    let server = Server { url: "https://prom", with_token: false };
    page.add("401", &parse(&server, 401, None, b"Unauthorized").unwrap_err().to_string());
    page.part("Redirects, shown without their query");
    let to = "https://login?state=secret";
    let message = parse(&server, 302, Some(to), b"").unwrap_err().to_string();
    assert!(!message.contains("secret"), "{message}");
    page.add(&format!("302 {to}"), &message);
    page.add("302 to nowhere", &parse(&server, 302, None, b"").unwrap_err().to_string());
    page.check("tests/golden/prometheus/refusals.txt");
}

#[test]
fn only_excessive_queries_are_worth_splitting() {
    let error =
        |kind: &str, text: &str| format!(r#"{{"status":"error","errorType":"{kind}","error":"{text}"}}"#);
    for (status, body, expected) in [
        (503, error("timeout", "query timed out in expression evaluation"), Some(Excess::Time)),
        (422, error("execution", "query processing would load too many samples"), Some(Excess::Size)),
        (422, error("execution", "expanding series: context deadline exceeded"), Some(Excess::Time)),
        (504, "<html>".to_owned(), Some(Excess::Time)),
        (503, error("canceled", "query was canceled"), None),
        (503, "<html>".to_owned(), None),
        (200, "{".to_owned(), None),
    ] {
        assert_eq!(parse_body(status, &body).unwrap_err().excess, expected, "{status} {body}");
    }
}
