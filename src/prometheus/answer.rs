//! What a server said, made into series or into one line that says why there are none. No I/O.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::Series;
use super::failure::one_line;
use super::refusal::{Excess, Refusal};

/// Whom was asked, for messages.
pub(super) struct Asked<'a> {
    pub(super) url: &'a str,
    pub(super) with_token: bool,
}

/// A successful answer.
#[derive(Debug, PartialEq)]
pub(super) struct Reply<'a> {
    pub(super) series: Vec<Series<'a>>,
    pub(super) warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Envelope<'a> {
    status: String,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object that holds the result")]
struct Data<'a> {
    #[serde(borrow)]
    result: Vec<Series<'a>>,
}

/// Reads the answer to a query. Errors: one line with the remedy, for every status and body.
pub(super) fn read<'a>(
    asked: &Asked<'_>,
    status: u16,
    location: Option<&str>,
    body: &'a [u8],
) -> Result<Reply<'a>, Refusal> {
    let parsed = serde_json::from_slice::<Envelope>(body);
    match (status, parsed) {
        (200..=299, Ok(Envelope { status, data: Some(data), warnings, .. })) if status == "success" => {
            Ok(Reply { series: data.result, warnings: warnings.iter().map(|text| one_line(text)).collect() })
        }
        (_, Ok(envelope)) if envelope.status == "error" => Err(own_error(asked, &envelope)),
        (200..=299, Ok(_)) => Err(Refusal::new(foreign(asked, "an object without series"), None)),
        (200..=299, Err(error)) => Err(Refusal::new(unreadable(asked, &error, body), None)),
        (_, _) => {
            let words = refusal(asked, status, location, &String::from_utf8_lossy(body));
            Err(Refusal::new(words, (status == 504).then_some(Excess::Time)))
        }
    }
}

/// Major and minor version of the Prometheus that says so, from the answer of `status/buildinfo`.
pub(super) fn version(body: &[u8]) -> Option<(u32, u32)> {
    #[derive(Deserialize)]
    struct Answer {
        data: Build,
    }
    #[derive(Deserialize)]
    struct Build {
        version: String,
    }
    let version = serde_json::from_slice::<Answer>(body).ok()?.data.version;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The host's name, from the answer of `status/runtimeinfo`; none where it is not in it.
pub(super) fn host(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        data: Runtime,
    }
    #[derive(Deserialize)]
    struct Runtime {
        hostname: String,
    }
    let host = serde_json::from_slice::<Answer>(body).ok()?.data.hostname;
    (!host.is_empty()).then_some(host)
}

/// The values of a label, from the answer that lists them; none where it is no such list.
pub(super) fn values(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Answer {
        status: String,
        data: Vec<String>,
    }
    let answer = serde_json::from_slice::<Answer>(body).ok()?;
    (answer.status == "success").then_some(answer.data)
}

/// The message for a body that ended before the answer did.
pub(super) fn cut_short(url: &str, length: usize) -> String {
    format!("the answer of {url} broke off after {length} bytes: try again, or shorten --interval")
}

/// Prometheus's own refusal of a query.
fn own_error(asked: &Asked<'_>, envelope: &Envelope<'_>) -> Refusal {
    let said = one_line(&format!("{}: {}", envelope.error_type, envelope.error));
    let url = asked.url;
    let excess = match envelope {
        Envelope { error_type, .. } if error_type == "timeout" => Some(Excess::Time),
        // Its time was up while it read, not while it computed.
        Envelope { error, .. } if error.contains("context deadline exceeded") => Some(Excess::Time),
        Envelope { error, .. } if error.contains("too many samples") => Some(Excess::Size),
        _ => None,
    };
    let words = if excess.is_some() {
        format!("the query is too much for {url} ({said}): shorten --interval")
    } else {
        format!("Prometheus at {url} refused the query ({said}): see its own log")
    };
    Refusal::new(words, excess)
}

fn unreadable(asked: &Asked<'_>, error: &serde_json::Error, body: &[u8]) -> String {
    let url = asked.url;
    if is_page(&String::from_utf8_lossy(body)) {
        return format!(
            "{url} answered with a web page instead of JSON: give Prometheus's own address with --prometheus URL"
        );
    }
    if error.is_eof() && !body.is_empty() {
        return cut_short(url, body.len());
    }
    foreign(asked, &one_line(&error.to_string()))
}

fn foreign(asked: &Asked<'_>, why: &str) -> String {
    let url = asked.url;
    format!(
        "{url} answered what no Prometheus does ({why}): give Prometheus's own address with --prometheus URL"
    )
}

/// Everything that stands before Prometheus and says no: proxies for authorisation, the router, a wrong server.
fn refusal(asked: &Asked<'_>, status: u16, location: Option<&str>, body: &str) -> String {
    let Asked { url, with_token } = asked;
    let said = one_line(body);
    match status {
        300..=399 => {
            let to = location.map_or_else(String::new, |to| format!(" to {}", one_line(without_query(to))));
            format!(
                "{url} redirects{to} ({status}): no redirect is followed; give the final address with --prometheus URL"
            )
        }
        400 if said.contains("HTTPS server") => {
            format!("{url} speaks TLS only (400: {said}): use its https address")
        }
        401 if *with_token => format!("the token was refused (401) by {url}: log in again with oc login"),
        401 => format!("{url} asks for a token (401): log in with oc login, or pass --token"),
        403 if is_page(body) => format!(
            "{url} answered with a sign-in page (403): log in again with oc login, or ask for the cluster role cluster-monitoring-view"
        ),
        403 => {
            let user = forbidden_user(&said)
                .map_or_else(|| "this user".to_owned(), |user| format!("user \"{user}\""));
            format!(
                "{user} may not query {url} (403: {said}): ask for the cluster role cluster-monitoring-view"
            )
        }
        404 => format!(
            "{url} has no query API (404): --prometheus takes the address up to, but without, /api/v1"
        ),
        503 if is_page(body) => format!(
            "the router has nothing behind {url} (503): check the pods prometheus-k8s in openshift-monitoring, or use --via port-forward"
        ),
        504 => {
            format!("the query took longer than the router in front of {url} waits (504): shorten --interval")
        }
        _ if is_page(body) || said.is_empty() => {
            format!("{url} answered with status {status}: check the address, and that Prometheus is running")
        }
        _ => format!("{url} answered with status {status} ({said}): check that Prometheus is running"),
    }
}

/// A redirect's target without what may hold secrets.
fn without_query(location: &str) -> &str {
    location.split(['?', '#']).next().unwrap_or_default()
}

/// The user in kube-rbac-proxy's `Forbidden (user=NAME, verb=...)`.
fn forbidden_user(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("(user=")?;
    rest.split_once(", verb=").map(|(user, _)| user)
}

fn is_page(body: &str) -> bool {
    body.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}

impl<'de: 'a, 'a> Deserialize<'de> for Series<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(expecting = "a series")]
        struct Wire<'a> {
            #[serde(borrow)]
            metric: Labels<'a>,
            #[serde(default)]
            values: Vec<Sample>,
            value: Option<Sample>,
        }
        let Wire { metric, values, value } = Wire::deserialize(deserializer)?;
        Ok(Series {
            labels: metric.0,
            samples: values.into_iter().chain(value).map(|Sample(at, v)| (at, v)).collect(),
        })
    }
}

/// An object of strings, as a list: a series has few labels.
struct Labels<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Borrowed from the answer where nothing is escaped.
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Labels<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels<'de>, A::Error> {
                let mut labels = Vec::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    labels.push((name, value));
                }
                Ok(Labels(labels))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

struct Sample(i64, f64);

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (at, Number(value)) = <(f64, Number)>::deserialize(deserializer)?;
        // Whole milliseconds within an i64's range for the next 292 million years.
        #[expect(clippy::cast_possible_truncation)]
        let milliseconds = (at * 1000.0).round() as i64;
        Ok(Sample(milliseconds, value))
    }
}

/// A float in a JSON string: `"0.5"`, `"NaN"`, `"+Inf"`.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number in a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(first.samples, [(1_700_000_000_123, 0.5)]);
        assert_eq!(second.samples, [(1_700_000_000_000, f64::INFINITY)]);
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
        let page = "<html><body>Application is not available</body></html>";
        let forbidden = "Forbidden (user=nobody, verb=get, resource=prometheuses, subresource=api)\n";
        for (status, body, expected) in [
            (401, "Unauthorized", "the token was refused (401) by https://prom: log in again with oc login"),
            (403, forbidden, "user \"nobody\" may not query https://prom"),
            (403, forbidden, "ask for the cluster role cluster-monitoring-view"),
            (403, "<!DOCTYPE html><title>Log In</title>", "sign-in page (403): log in again"),
            (404, "404 page not found", "without, /api/v1"),
            (500, "Authorization error (boom)", "status 500 (Authorization error (boom))"),
            (502, "port-forward to pod p: refused", "status 502 (port-forward to pod p: refused)"),
            (503, page, "the router has nothing behind https://prom (503)"),
            (504, "<html>", "(504): shorten --interval"),
            (200, page, "a web page instead of JSON"),
            (200, VECTOR.get(..120).unwrap(), "broke off after 120 bytes"),
            (200, "", "answered what no Prometheus does"),
            (200, r#"{"status":"success","data":{"result":[1,"2"]}}"#, "answered what no Prometheus does"),
            (200, r#"{"status":"success"}"#, "(an object without series)"),
            (400, "Client sent an HTTP request to an HTTPS server.\n", "use its https address"),
            (
                503,
                r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
                "shorten --interval",
            ),
            (
                422,
                r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples"}"#,
                "shorten --interval",
            ),
            (
                400,
                r#"{"status":"error","errorType":"bad_data","error":"1:3: \u001b[2Jparse"}"#,
                "(bad_data: 1:3: [2Jparse)",
            ),
        ] {
            let message = refused(status, body);
            assert!(message.contains(expected), "{status} {body}: {message}");
            assert!(!message.contains(char::is_control), "{message}");
        }
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

    #[test]
    fn a_redirect_is_told_without_its_query() {
        let asked = Asked { url: "http://prom", with_token: false };
        let message = read(&asked, 302, Some("https://login?state=secret"), b"").unwrap_err().to_string();
        assert!(
            message.contains("redirects to https://login (302)") && !message.contains("secret"),
            "{message}"
        );
    }

    #[test]
    fn without_a_token_401_asks_for_one() {
        let asked = Asked { url: "https://prom", with_token: false };
        let message = read(&asked, 401, None, b"Unauthorized").unwrap_err().to_string();
        assert!(message.contains("asks for a token (401)"), "{message}");
    }
}
