//! What servers say, and what is made of it.
use super::*;
use crate::golden::Page;

fn ask(status: u16, body: &str) -> Result<Reply<'_>, Refusal> {
    read(&Asked { url: "https://prom", with_token: true }, status, None, body.as_bytes())
}

fn refused(status: u16, body: &str) -> String {
    ask(status, body).unwrap_err().to_string()
}

const VECTOR: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
    {"metric":{"__name__":"up","a":"b"},"value":[1700000000.123,"0.5"]},
    {"metric":{},"value":[1700000000,"+Inf"]}]},"warnings":["careful\nnow"],"infos":["x"]}"#;

#[test]
fn a_vector_is_one_sample_a_series() {
    let reply = ask(200, VECTOR).unwrap();
    assert_eq!(reply.warnings, ["careful now"]);
    let [first, second] = reply.series.as_slice() else { panic!("{reply:?}") };
    assert_eq!((first.label("a"), first.find("c")), ("b", None));
    assert_eq!(*first.samples, [(1_700_000_000_123, 0.5)]);
    assert_eq!(*second.samples, [(1_700_000_000_000, f64::INFINITY)]);
}

#[test]
fn null_is_an_empty_list() {
    for body in [
        r#"{"status":"success","data":{"resultType":"vector","result":null}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":null,"infos":null}"#,
        r#"{"status":"success","data":{"result":null},"warnings":null,"error":null,"errorType":null}"#,
    ] {
        assert_eq!(ask(200, body).unwrap(), Reply { series: Vec::new(), warnings: Vec::new() }, "{body}");
    }
    let one = r#"{"status":"success","data":{"result":[{"metric":{"a":"b"},"values":null,"value":null}]}}"#;
    assert!(ask(200, one).unwrap().series[0].samples.is_empty());
    assert_eq!(told::<Vec<String>>(br#"{"status":"success","data":null}"#), None);
}

#[test]
fn a_token_goes_to_no_open_address_even_if_one_is_asked_for() {
    for (url, expected) in [
        ("http://prom:9090", "is not encrypted, so it gets none: use its https address"),
        ("http://127.0.0.1:9090", "or pass --token"),
        ("https://prom", "or pass --token"),
    ] {
        let refusal = read(&Asked { url, with_token: false }, 401, None, b"").unwrap_err();
        assert!(refusal.to_string().ends_with(expected), "{refusal}");
    }
}

#[test]
fn a_matrix_keeps_every_sample() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"n":"x"},
        "values":[[1.001,"1e-3"],[2,"NaN"],[3,"-Inf"]]}]}}"#;
    let reply = ask(200, body).unwrap();
    let samples = &reply.series[0].samples;
    assert_eq!(samples[0], (1001, 0.001));
    assert!(samples[1].0 == 2000 && samples[1].1.is_nan());
    assert_eq!(samples[2], (3000, f64::NEG_INFINITY));
}

#[test]
fn each_refusal_names_its_remedy() {
    let html = "<html><body>Application is not available</body></html>";
    let forbidden = "Forbidden (user=nobody, verb=get, resource=prometheuses, subresource=api)\n";
    let mut page = Page::new("Answers that hold no samples: status, body, and the line that becomes of it.");
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
        page.add(&format!("{status} {body:?}"), &refused(status, body));
    }
    page.part("Without a token");
    let asked = Asked { url: "https://prom", with_token: false };
    page.add("401", &read(&asked, 401, None, b"Unauthorized").unwrap_err().to_string());
    page.part("Redirects, which are told without their query");
    let to = "https://login?state=secret";
    let message = read(&asked, 302, Some(to), b"").unwrap_err().to_string();
    assert!(!message.contains("secret"), "{message}");
    page.add(&format!("302 {to}"), &message);
    page.add("302 to nowhere", &read(&asked, 302, None, b"").unwrap_err().to_string());
    page.check("tests/golden/prometheus/refusals.txt");
}

#[test]
fn only_what_is_too_big_is_worth_splitting() {
    let error =
        |kind: &str, said: &str| format!(r#"{{"status":"error","errorType":"{kind}","error":"{said}"}}"#);
    for (status, body, expected) in [
        (503, error("timeout", "query timed out in expression evaluation"), Some(Excess::Time)),
        (422, error("execution", "query processing would load too many samples"), Some(Excess::Size)),
        (422, error("execution", "expanding series: context deadline exceeded"), Some(Excess::Time)),
        (504, "<html>".to_owned(), Some(Excess::Time)),
        (503, error("canceled", "query was canceled"), None),
        (503, "<html>".to_owned(), None),
        (200, "{".to_owned(), None),
    ] {
        assert_eq!(ask(status, &body).unwrap_err().excess, expected, "{status} {body}");
    }
}
