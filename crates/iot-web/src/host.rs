//! [`Hosts`]: under which names this hub may be addressed.
//!
//! A page of another site can point a name of its own at this hub's address (DNS rebinding). The browser then
//! takes that page for the hub's own, and only the `Host` header still tells: so every name must be known.

use std::{collections::BTreeSet, net::IpAddr};

use http::{HeaderMap, Uri, header, uri::Authority};

/// The names under which this hub may be addressed. IP addresses always may.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    names: BTreeSet<Box<str>>,
}

impl Hosts {
    /// `localhost`, the name of this machine alone and with `.local`, and these.
    pub(crate) fn new<'a>(machine: &str, more: impl IntoIterator<Item = &'a str>) -> Self {
        let machine = machine.to_lowercase();
        let mut names = BTreeSet::from(["localhost".into(), format!("{machine}.local").into()]);
        names.insert(machine.into());
        names.extend(more.into_iter().map(|name| name.to_lowercase().into()));
        Self { names }
    }

    /// Whether a request to this target with these headers was meant for this hub, which may have got further names since
    /// it has started.
    pub(crate) fn allow(&self, target: &Uri, headers: &HeaderMap, is_called: impl Fn(&str) -> bool) -> bool {
        let knows = |authority: &Authority| {
            let host = authority.host().trim_end_matches('.').to_lowercase();
            let address = host.trim_start_matches('[').trim_end_matches(']');
            address.parse::<IpAddr>().is_ok() || self.names.contains(host.as_str()) || is_called(&host)
        };
        if let Some(authority) = target.authority() {
            return knows(authority);
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.and_then(|host| host.parse().ok()).is_some_and(|authority| knows(&authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_known_names_are_taken() {
        let hosts = Hosts::new("Pi", ["hub.example"]);
        let uri = Uri::from_static("/");
        for (host, expected) in [
            ("192.168.137.1", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("localhost:8080", true),
            ("pi", true),
            ("PI.local.:80", true),
            ("hub.example", true),
            ("iot-hub-2.local", true),
            ("iot-hub-3.local", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            let is_called = |name: &str| name == "iot-hub-2.local";
            assert_eq!(hosts.allow(&uri, &headers, is_called), expected, "{host}");
        }
        assert!(!hosts.allow(&uri, &HeaderMap::new(), |_| true), "no host at all");
    }
}
