//! Addresses of Prometheus as people give them.

use super::*;

#[test]
fn an_address_is_taken_as_people_copy_it() {
    for (given, expected) in [
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090/"),
        ("https://host/", "https://host/"),
        ("https://host/api/v1/", "https://host/"),
        ("https://host/prefix/api/v1#y", "https://host/prefix"),
        ("https://host:9092?namespace=shop", "https://host:9092/?namespace=shop"),
        ("https://host/?query=up&a=b&start=1&match[]=up&c=%26d", "https://host/?a=b&c=%26d"),
        ("https://host/api/v1/?query=up", "https://host/"),
    ] {
        assert_eq!(address(given).unwrap().as_str(), expected);
    }
    for bad in ["host:9090", "prometheus", "ftp://host", "https://user:hidden@host"] {
        let message = address(bad).unwrap_err().to_string();
        assert!(!message.contains("hidden"), "{message}");
    }
}
