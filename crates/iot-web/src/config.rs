//! [`WebConfig`]: every limit of the web server, with its default and its reason.

use std::time::Duration;

use crate::Tls;

/// How the web server behaves.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Host names under which the hub may be addressed, beside IP addresses, `localhost` and the name of
    /// this machine, alone and with `.local`.
    pub hosts: Vec<Box<str>>,
    /// Encrypts the pages, and the cookies of logins are then sent over nothing less; `None` for plain HTTP.
    pub tls: Option<Tls>,
    /// Most connections at one time; for a further one the connection goes that has waited longest for its
    /// peer. 256 is far above what the people of one site open.
    pub max_connections: usize,
    /// Most connections of one address; further ones are answered 503 and closed. A browser opens at most
    /// six, and a few people may share an address.
    pub max_connections_per_address: usize,
    /// A request's head must have come by then, and a connection that is kept open must be used by then. With TLS
    /// the handshake has as long, before the head.
    pub head_within: Duration,
    /// A request's body must have come by then. It has at most 64 KiB; of an upload each 64 KiB must.
    pub body_within: Duration,
    /// Whoever is sent something must take some of it by then.
    pub read_within: Duration,
    /// The store must have told by then who somebody is; where it does not, those go on who were let in lately. 5 s
    /// outlasts a memory card that tidies up.
    pub people_within: Duration,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            tls: None,
            max_connections: 256,
            max_connections_per_address: 32,
            head_within: Duration::from_secs(10),
            body_within: Duration::from_secs(10),
            read_within: Duration::from_secs(10),
            people_within: Duration::from_secs(5),
        }
    }
}
