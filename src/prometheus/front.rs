//! Responses that are not Prometheus's own, but an authorisation proxy's, the router's, or a wrong server's. Turns each
//! into one line with the remedy. No I/O.

use super::failure::one_line;
use super::refusal::{Excess, Refusal};
use super::{Url, is_loopback};

/// Server that a request goes to, for messages.
pub(super) struct Server<'a> {
    /// Base address, without `/api/v1`.
    pub(super) url: &'a str,
    /// True if the request carries a token.
    pub(super) with_token: bool,
}

/// Returns the refusal of a proxy that refuses this user on every path; `None` for any other response.
pub(super) fn user_refused(server: &Server<'_>, status: u16, body: &[u8]) -> Option<Refusal> {
    let text = String::from_utf8_lossy(body);
    let refused = status == 401 || status == 403 && (is_html(&text) || forbidden_user(&text).is_some());
    refused.then(|| refusal(server, status, None, &text))
}

/// Turns a response that is not Prometheus's own into a refusal.
pub(super) fn refusal(server: &Server<'_>, status: u16, location: Option<&str>, body: &str) -> Refusal {
    let message = message(server, status, location, body);
    match status {
        401 => Refusal::with_token_refused(message),
        // The page does not say what the proxy refuses: the token, or the user's rights.
        403 if is_html(body) => Refusal::with_token_refused(message),
        504 => Refusal::new(message, Some(Excess::Time)),
        _ => Refusal::new(message, None),
    }
}

/// Returns the message of a refusal: the server, its response, the remedy.
fn message(server: &Server<'_>, status: u16, location: Option<&str>, body: &str) -> String {
    let Server { url, with_token } = server;
    let quote = one_line(body);
    match status {
        300..=399 => {
            let to = location.map_or_else(String::new, |to| format!(" to {}", one_line(without_query(to))));
            format!(
                "{url} redirects{to} ({status}): no redirect is followed; give the final address with --prometheus URL"
            )
        }
        400 if quote.contains("HTTPS server") => {
            format!("{url} speaks TLS only (400: {quote}): use its https address")
        }
        401 if *with_token => format!("the token was refused (401) by {url}: log in again with oc login"),
        401 if is_unencrypted(url) => format!(
            "{url} asks for a token (401) and is not encrypted, so it gets none: use its https address"
        ),
        401 => format!("{url} asks for a token (401): log in with oc login, or pass --token"),
        403 if is_html(body) && !*with_token => format!(
            "{url} answered with a sign-in page (403), and was sent no token: log in with oc login, or pass --token"
        ),
        403 if is_html(body) => format!(
            "{url} answered with a sign-in page (403): log in again with oc login, or ask for the cluster role cluster-monitoring-view"
        ),
        403 => {
            let user = forbidden_user(&quote)
                .map_or_else(|| "this user".to_owned(), |user| format!("user \"{user}\""));
            format!(
                "{user} may not query {url} (403: {quote}): ask for the cluster role cluster-monitoring-view"
            )
        }
        404 => format!(
            "{url} has no query API (404): --prometheus takes the address up to, but without, /api/v1"
        ),
        503 if is_html(body) => format!(
            "the router has nothing behind {url} (503): check the pods prometheus-k8s in openshift-monitoring, or use --via port-forward"
        ),
        504 => {
            format!("the query took longer than the router in front of {url} waits (504): shorten --interval")
        }
        _ if is_html(body) || quote.is_empty() => {
            format!("{url} answered with status {status}: check the address, and that Prometheus is running")
        }
        _ => format!("{url} answered with status {status} ({quote}): check that Prometheus is running"),
    }
}

/// Returns a redirect's target without its query and fragment, which may hold secrets.
fn without_query(location: &str) -> &str {
    location.split(['?', '#']).next().unwrap_or_default()
}

/// Returns NAME from kube-rbac-proxy's `Forbidden (user=NAME, verb=...)`; `None` for any other text.
fn forbidden_user(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("(user=")?;
    rest.split_once(", verb=").map(|(user, _)| user)
}

/// Returns true if others can read what a client sends to `url`.
fn is_unencrypted(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url))
}

/// Returns true if a response is a web page.
pub(super) fn is_html(body: &str) -> bool {
    body.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}
