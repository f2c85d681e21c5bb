//! What stands in front of Prometheus and says no: proxies for authorisation, the router, a wrong server. Its answers are
//! made into one line with the remedy. No I/O.

use super::answer::Asked;
use super::failure::one_line;
use super::refusal::{Excess, Refusal};
use super::{Url, is_loopback};

/// The refusal of whoever stands in front of Prometheus and refuses this user whatever the path; `None` for other answers.
pub(super) fn barred(asked: &Asked<'_>, status: u16, body: &[u8]) -> Option<Refusal> {
    let text = String::from_utf8_lossy(body);
    let is_barred = status == 401 || status == 403 && (is_page(&text) || forbidden_user(&text).is_some());
    is_barred.then(|| refusal(asked, status, None, &text))
}

/// The refusal that an answer is which is none of Prometheus's own.
pub(super) fn refusal(asked: &Asked<'_>, status: u16, location: Option<&str>, body: &str) -> Refusal {
    let words = words(asked, status, location, body);
    match status {
        401 => Refusal::of_token(words),
        // The page does not say whether it is the token that is refused, or the user's rights.
        403 if is_page(body) => Refusal::of_token(words),
        504 => Refusal::new(words, Some(Excess::Time)),
        _ => Refusal::new(words, None),
    }
}

/// What a refusal says: who, what, remedy.
fn words(asked: &Asked<'_>, status: u16, location: Option<&str>, body: &str) -> String {
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
        401 if is_open(url) => format!(
            "{url} asks for a token (401) and is not encrypted, so it gets none: use its https address"
        ),
        401 => format!("{url} asks for a token (401): log in with oc login, or pass --token"),
        403 if is_page(body) && !*with_token => format!(
            "{url} answered with a sign-in page (403), and was sent no token: log in with oc login, or pass --token"
        ),
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

/// Whether others can read what is sent to `url`.
fn is_open(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url))
}

/// Whether an answer is a page for people.
pub(super) fn is_page(body: &str) -> bool {
    body.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}
