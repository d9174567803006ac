//! The checks of a request that need no registry: host, origin, content type, token, depth, version.
//!
//! Owns: the rules as plain functions. Does not own: their order (see `guard`).

use std::net::{IpAddr, SocketAddr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Deepest JSON; deeper values are nobody's message and cost stack.
pub(super) const MAX_DEPTH: usize = 64;

/// The content types of JSON bodies.
const JSON_TYPES: [&str; 2] = ["application/json", "application/a2a+json"];

/// The names under which a caller may reach us. A page in a browser that was given another name for our address
/// (DNS rebinding) sends that name.
#[derive(Debug)]
pub(super) struct Hosts {
    allowed: Vec<String>,
    port: u16,
    any_ip: bool,
}

impl Hosts {
    pub(super) fn of(addr: SocketAddr) -> Self {
        let port = addr.port();
        let mut allowed: Vec<String> = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .map(|name| format!("{name}:{port}"))
            .collect();
        allowed.push(addr.to_string());
        Self {
            allowed,
            port,
            // Bound to every address of the machine: an address as such cannot be rebound, a name can.
            any_ip: addr.ip().is_unspecified(),
        }
    }

    /// Whether every name in the request is ours: the header, and the authority of an absolute URI.
    pub(super) fn admit(&self, parts: &Parts) -> bool {
        let mut hosts = parts.headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        let authority = parts
            .uri
            .authority()
            .map(axum::http::uri::Authority::as_str);
        host.to_str().is_ok_and(|host| self.is_ours(host))
            && authority.is_none_or(|authority| self.is_ours(authority))
    }

    fn is_ours(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let full = if self.port == 80 && !host.ends_with(":80") {
            format!("{host}:80")
        } else {
            host
        };
        self.allowed.contains(&full) || (self.any_ip && self.is_ip(&full))
    }

    fn is_ip(&self, host: &str) -> bool {
        host.parse::<SocketAddr>().is_ok_and(|addr| {
            addr.port() == self.port && !matches!(addr.ip(), IpAddr::V4(ip) if ip.is_broadcast())
        })
    }
}

/// Whether the body is declared as JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(given), None) = (types.next(), types.next()) else {
        return false;
    };
    let essence = given
        .to_str()
        .unwrap_or("")
        .split(';')
        .next()
        .unwrap_or("")
        .trim();
    JSON_TYPES
        .iter()
        .any(|json| essence.eq_ignore_ascii_case(json))
}

/// A token as it is compared: hashed on both sides, so that neither its length nor its beginning shows in the time.
#[derive(Debug)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether the one `Authorization` header bears this token.
    pub(super) fn admit(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(given), None) = (given.next(), given.next()) else {
            return false;
        };
        let text = given.to_str().unwrap_or("");
        let Some((scheme, token)) = text.split_once(' ') else {
            return false;
        };
        let hash: [u8; 32] = Sha256::digest(token.trim().as_bytes()).into();
        scheme.eq_ignore_ascii_case("bearer") && bool::from(hash.ct_eq(&self.0))
    }
}

/// Whether the JSON text stays within [`MAX_DEPTH`]. Looks at brackets outside strings only; whether it is JSON at all is the
/// parser's business.
pub(super) fn is_shallow(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (true, _) => {}
            (false, b'"') => in_string = true,
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return false;
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (false, _) => {}
        }
    }
    true
}

/// Whether we speak the version that a request names, in its header or its query. None, or an empty one, means 0.3, which is
/// taken leniently. The error is the version as given.
pub(super) fn version(parts: &Parts) -> Result<(), String> {
    let header = parts
        .headers
        .get("a2a-version")
        .map(|value| value.to_str().unwrap_or("?").to_owned());
    let query = || {
        let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes());
        pairs
            .filter(|(key, _)| key.eq_ignore_ascii_case("a2a-version"))
            .map(|(_, value)| value.into_owned())
            .next()
    };
    let given = header.or_else(query).unwrap_or_default();
    // A patch number says nothing about the wire.
    let mut numbers = given.trim().split('.');
    match (numbers.next(), numbers.next()) {
        (Some(""), None) | (Some("1"), Some("0")) | (Some("0"), Some("3")) => Ok(()),
        (_, _) => Err(given.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use proptest::prelude::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_our_names_are_admitted() {
        let hosts = Hosts::of("127.0.0.1:9390".parse().unwrap());
        for host in [
            "127.0.0.1:9390",
            "localhost:9390",
            "LOCALHOST:9390",
            "[::1]:9390",
        ] {
            assert!(hosts.admit(&parts("/health", &[("host", host)])), "{host}");
        }
        let foreign = [
            "evil.example:9390",
            "127.0.0.1",
            "127.0.0.1:9391",
            "localhost.:9390",
            "localhost:09390",
            "2130706433:9390",
            "0x7f.1:9390",
            "[::ffff:127.0.0.1]:9390",
            "127.0.0.1:9390@evil",
            "",
            "127.0.0.1:9390 ",
            "0.0.0.0:9390",
            "10.0.0.5:9390",
        ];
        for host in foreign {
            assert!(
                !hosts.admit(&parts("/health", &[("host", host)])),
                "{host:?}"
            );
        }
        assert!(!hosts.admit(&parts("/health", &[])));
        let twice = [("host", "127.0.0.1:9390"), ("host", "evil.example:9390")];
        assert!(!hosts.admit(&parts("/health", &twice)));
        let absolute = "http://evil.example:9390/health";
        assert!(!hosts.admit(&parts(absolute, &[("host", "127.0.0.1:9390")])));
    }

    #[test]
    fn a_receiver_on_every_address_takes_addresses_but_no_names() {
        let hosts = Hosts::of("0.0.0.0:9390".parse().unwrap());
        assert!(hosts.admit(&parts("/health", &[("host", "10.0.0.5:9390")])));
        assert!(!hosts.admit(&parts("/health", &[("host", "evil.example:9390")])));
        assert!(!hosts.admit(&parts("/health", &[("host", "10.0.0.5:80")])));
    }

    #[test]
    fn a_token_is_admitted_whole_and_once() {
        let hash = TokenHash::of("s3cret");
        let admit = |headers: &[(&str, &str)]| hash.admit(&parts("/", headers).headers);
        assert!(admit(&[("authorization", "Bearer s3cret")]));
        assert!(admit(&[("authorization", "bearer  s3cret ")]));
        for given in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer s3cre",
            "Bearer s3cretx",
            "Basic s3cret",
            "s3cret",
        ] {
            assert!(!admit(&[("authorization", given)]), "{given:?}");
        }
        assert!(!admit(&[]));
        assert!(!admit(&[
            ("authorization", "Bearer s3cret"),
            ("authorization", "Bearer s3cret")
        ]));
    }

    #[test]
    fn json_is_json() {
        let is = |given: &str| is_json(&parts("/", &[("content-type", given)]).headers);
        assert!(
            is("application/json")
                && is("Application/JSON; charset=utf-8")
                && is("application/a2a+json")
        );
        assert!(
            !is("text/plain")
                && !is("application/jsonx")
                && !is("")
                && !is("multipart/form-data; boundary=application/json")
        );
        assert!(!is_json(&parts("/", &[]).headers));
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_shallow(nested(64).as_bytes()));
        assert!(!is_shallow(nested(65).as_bytes()));
        let text = serde_json::json!({"a": "[".repeat(100), "b": "\\\"[[".repeat(50)}).to_string();
        assert!(is_shallow(text.as_bytes()));
        assert!(is_shallow(b"[],".repeat(1_000).as_slice()));
    }

    #[test]
    fn versions() {
        assert_eq!(version(&parts("/", &[])), Ok(()));
        assert_eq!(version(&parts("/", &[("A2A-Version", "1.0")])), Ok(()));
        assert_eq!(version(&parts("/?A2A-Version=1.0", &[])), Ok(()));
        assert_eq!(version(&parts("/", &[("A2A-Version", "0.3.0")])), Ok(()));
        assert_eq!(
            version(&parts("/", &[("A2A-Version", "1.1")])),
            Err("1.1".to_owned())
        );
        assert_eq!(version(&parts("/", &[("A2A-Version", "")])), Ok(()));
        assert_eq!(
            version(&parts("/", &[("A2A-Version", "2.0")])),
            Err("2.0".to_owned())
        );
        assert_eq!(
            version(&parts("/?a2a-version=99", &[])),
            Err("99".to_owned())
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = is_shallow(&bytes);
        }
    }
}
