//! Causes of requests without a response: finds one in a chain of library errors, and words its message.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;

/// Cause of a request without a response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Refused,
    Timeout,
    NoSuchHost,
    UnknownIssuer,
    /// The certificate is for these names.
    WrongName(String),
    Expired,
    NotYetValid,
    /// The certificate is signed by an algorithm of this name, which the verifier does not accept.
    Algorithm(String),
    /// The certificate is not acceptable for a server: the reason, in words that follow "a certificate".
    Unfit(&'static str),
    /// The server does not speak TLS.
    NotTls,
    /// Any other cause: the message of the innermost error.
    Other(String),
}

/// Words of a message that differ between servers.
pub(crate) struct Party<'a> {
    /// Subject of the sentence: `Prometheus at https://...`.
    pub(crate) name: &'a str,
    /// Flag that takes a certificate authority.
    pub(crate) ca_flag: &'a str,
    /// Time that the client waited, if known.
    pub(crate) waited: Option<Duration>,
    /// Remedy for a slow server.
    pub(crate) slow_remedy: &'a str,
}

/// Finds the cause in `error` and the errors that it wraps.
pub(crate) fn cause(error: &(dyn Error + 'static)) -> Cause {
    let mut next = Some(error);
    let mut last = String::new();
    while let Some(error) = next {
        if let Some(cause) = classify(error) {
            return cause;
        }
        last = error.to_string();
        next = inner(error);
    }
    Cause::Other(one_line(&last))
}

/// Returns the error that `error` wraps. The `source` of an `io::Error` skips the error inside it, so that comes first.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped as &(dyn Error + 'static)))
}

/// Returns the cause that `error` itself names; `None` if a wrapped error may name it.
fn classify(error: &(dyn Error + 'static)) -> Option<Cause> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return match tls {
            rustls::Error::InvalidCertificate(certificate) => Some(certificate_cause(certificate)),
            rustls::Error::InvalidMessage(_) => Some(Cause::NotTls),
            _ => None,
        };
    }
    if let Some(io) = error.downcast_ref::<io::Error>() {
        return match io.kind() {
            io::ErrorKind::ConnectionRefused => Some(Cause::Refused),
            io::ErrorKind::TimedOut => Some(Cause::Timeout),
            _ => None,
        };
    }
    if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout) {
        return Some(Cause::Timeout);
    }
    // The resolver's error type is private to hyper.
    error.to_string().contains("dns error").then_some(Cause::NoSuchHost)
}

fn certificate_cause(error: &CertificateError) -> Cause {
    match error {
        // A bad signature means an authority of the right name with another key: renewed, and not yet trusted here.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Cause::UnknownIssuer,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Cause::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Cause::NotYetValid,
        CertificateError::NotValidForName => Cause::WrongName(String::new()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            Cause::WrongName(one_line(&names.join(", ")))
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id, ..
        } => Cause::Algorithm(algorithm(signature_algorithm_id)),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            Cause::Unfit("that is for another purpose than a server's")
        }
        CertificateError::UnhandledCriticalExtension => Cause::Unfit(UNKNOWN_EXTENSION),
        CertificateError::BadEncoding => Cause::Unfit("that cannot be read"),
        CertificateError::Revoked => Cause::Unfit("that is revoked"),
        CertificateError::Other(other) => Cause::Unfit(unfit(other.0.downcast_ref())),
        _ => Cause::Unfit("that is not valid"),
    }
}

const UNKNOWN_EXTENSION: &str = "with a critical extension that is not known here";

/// Describes an error that rustls has no variant for, in words that follow "a certificate".
fn unfit(error: Option<&webpki::Error>) -> &'static str {
    use webpki::Error;
    match error {
        Some(Error::NameConstraintViolation) => "for a host that its authority may not speak for",
        Some(Error::PathLenConstraintViolated) => {
            "with more authorities in between than its authority allows"
        }
        Some(Error::MaximumPathDepthExceeded | Error::MaximumPathBuildCallsExceeded) => {
            "with more authorities in between than are followed"
        }
        Some(Error::EndEntityUsedAsCa) => "by one that is no authority",
        Some(Error::CaUsedAsEndEntity) => "that is an authority's and no server's",
        Some(Error::UnsupportedCriticalExtension) => UNKNOWN_EXTENSION,
        _ => "that is not valid",
    }
}

/// Names of signature algorithms that the verifier does not accept, by object identifier.
const ALGORITHMS: [(&str, &str); 7] = [
    ("1.2.840.113549.1.1.4", "RSA with MD5"),
    ("1.2.840.113549.1.1.5", "RSA with SHA-1"),
    ("1.2.840.10045.4.1", "ECDSA with SHA-1"),
    ("1.2.840.10040.4.3", "DSA with SHA-1"),
    ("2.16.840.1.101.3.4.3.2", "DSA with SHA-256"),
    ("1.2.156.10197.1.501", "SM2 with SM3"),
    ("1.3.101.113", "Ed448"),
];

/// Names the algorithm of an AlgorithmIdentifier. Its `content` begins with the object identifier.
fn algorithm(content: &[u8]) -> String {
    let Ok((number, _)) = <ObjectIdentifier>::from_der_partial(content) else {
        return "an unknown algorithm".to_owned();
    };
    let number = number.to_string();
    let listed = ALGORITHMS.iter().find(|(identifier, _)| *identifier == number);
    listed.map_or_else(|| format!("the algorithm {number}"), |(_, name)| (*name).to_owned())
}

/// Returns NAME from rustls's `DnsName("NAME")` or `IpAddress(NAME)`.
fn bare(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, rest)| rest.trim_matches([')', '"']))
}

impl Cause {
    /// Returns one line: the server, the failure, the remedy.
    pub(crate) fn explain(&self, party: &Party<'_>) -> String {
        let Party { name, ca_flag, waited, slow_remedy } = party;
        match self {
            Cause::Refused => {
                format!("{name} refused the connection: check the address, and that it is running")
            }
            Cause::Timeout => {
                let within =
                    waited.map(|time| format!(" within {} s", time.as_secs_f64())).unwrap_or_default();
                format!("{name} did not answer{within}: {slow_remedy}")
            }
            Cause::NoSuchHost => {
                format!("the host name of {name} is not known here: check the address, DNS and the VPN")
            }
            Cause::UnknownIssuer => format!(
                "{name} has a certificate by an authority that is not trusted here: pass the authority's certificate with {ca_flag} FILE"
            ),
            Cause::WrongName(names) if names.is_empty() => {
                format!("{name} has a certificate for another host: check the address")
            }
            Cause::WrongName(names) => {
                format!("{name} has a certificate for another host ({names}): check the address")
            }
            Cause::Expired => {
                format!("{name} has an expired certificate: have it renewed, or check this machine's clock")
            }
            Cause::NotYetValid => {
                format!("{name} has a certificate that is not valid yet: check this machine's clock")
            }
            Cause::Algorithm(algorithm) => format!(
                "{name} has a certificate signed by {algorithm}, which is not taken here: have one issued that is signed by RSA, ECDSA or Ed25519 with SHA-256 or better"
            ),
            Cause::Unfit(why) => {
                format!("{name} has a certificate {why}: have another one issued")
            }
            Cause::NotTls => format!("{name} answered without TLS: check the port, and whether it is http"),
            Cause::Other(message) => {
                format!("{name} gave no answer ({message}): check the address and the network")
            }
        }
    }
}

/// Longest quote of a server's text in a message, in characters.
const QUOTE: usize = 300;

/// Makes a server's text fit for a terminal: one line, bounded, nothing that moves the cursor or the writing direction.
pub(crate) fn one_line(text: &str) -> String {
    let plain = text.chars().map(|character| if is_unprintable(character) { ' ' } else { character });
    let plain: String = plain.take(QUOTE * 8).collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(QUOTE) {
        Some((cut, _)) => format!("{}...", words.get(..cut).unwrap_or_default()),
        None => words,
    }
}

fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Page;

    #[test]
    fn the_cause_is_found_inside_io_errors() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(cause(&wrapped), Cause::UnknownIssuer);
        assert_eq!(cause(&io::Error::from(io::ErrorKind::ConnectionRefused)), Cause::Refused);
        assert_eq!(cause(&io::Error::other("dns error")), Cause::NoSuchHost);
        assert_eq!(cause(&io::Error::other("of its own")), Cause::Other("of its own".into()));
    }

    #[test]
    fn a_certificate_for_another_host_gives_its_names() {
        let presented = vec!["DnsName(\"a.example\")".to_owned(), "IpAddress(10.0.0.1)".to_owned()];
        let expected = rustls::pki_types::ServerName::try_from("b.example").unwrap();
        let error = CertificateError::NotValidForNameContext { expected, presented };
        assert_eq!(cause(&rustls::Error::from(error)), Cause::WrongName("a.example, 10.0.0.1".into()));
    }

    #[test]
    fn each_cause_is_a_line_with_its_remedy() {
        let party = |name, waited| Party {
            name,
            ca_flag: "--prometheus-ca",
            waited,
            slow_remedy: "shorten --interval",
        };
        let invalid = |error| cause(&rustls::Error::InvalidCertificate(error));
        let chain = |error| invalid(CertificateError::Other(rustls::OtherError(std::sync::Arc::new(error))));
        let mut page = Page::new("Messages for requests to Prometheus without a response.");
        let prometheus = party("Prometheus at https://prom", None);
        for cause in [
            Cause::Refused,
            Cause::Timeout,
            Cause::NoSuchHost,
            Cause::UnknownIssuer,
            Cause::WrongName(String::new()),
            Cause::WrongName("a.example, 10.0.0.1".into()),
            Cause::Expired,
            Cause::NotYetValid,
            Cause::Algorithm(algorithm(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00")),
            Cause::Algorithm(algorithm(b"\x06\x03\x2b\x65\x70")),
            Cause::Algorithm(algorithm(b"\x06")),
            invalid(CertificateError::InvalidPurpose),
            invalid(CertificateError::BadEncoding),
            invalid(CertificateError::UnhandledCriticalExtension),
            invalid(CertificateError::Revoked),
            invalid(CertificateError::UnknownRevocationStatus),
            chain(webpki::Error::NameConstraintViolation),
            chain(webpki::Error::PathLenConstraintViolated),
            chain(webpki::Error::MaximumPathDepthExceeded),
            chain(webpki::Error::EndEntityUsedAsCa),
            chain(webpki::Error::CaUsedAsEndEntity),
            chain(webpki::Error::UnsupportedCriticalExtension),
            chain(webpki::Error::BadDer),
            Cause::NotTls,
            Cause::Other("connection reset by peer".into()),
        ] {
            page.add(&format!("{cause:?}"), &cause.explain(&prometheus));
        }
        let waited = party("Prometheus at https://prom", Some(Duration::from_millis(1500)));
        page.add("Timeout, after 1.5 s", &Cause::Timeout.explain(&waited));
        page.check("tests/golden/prometheus/failures.txt");
    }

    #[test]
    fn quoted_text_is_one_bounded_line() {
        assert_eq!(one_line("a\r\n\x1b[2Jb\u{202e}c"), "a [2Jb c");
        assert_eq!(one_line(&"x".repeat(1000)).len(), QUOTE + 3);
        assert_eq!(one_line(&"ü".repeat(1000)).chars().count(), QUOTE + 3);
    }
}
