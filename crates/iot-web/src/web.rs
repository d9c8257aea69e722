//! [`Web`]: what answers may need of the server, and [`Asked`], what they may read of a request.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, header};
use iot_core::Reached;
use iot_proto::UnixMillis;
use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::{Backend, StoreView, error::WebError, host::Hosts, input::Query, wording::Words};

/// What every handler may need.
#[derive(Clone, Debug)]
pub(crate) struct Web<B> {
    /// The hub.
    pub(crate) backend: B,
    /// The time zone in which people read times.
    pub(crate) zone: TimeZone,
    /// The names under which the hub may be addressed.
    pub(crate) hosts: Arc<Hosts>,
    /// Closes when the server stops.
    pub(crate) stopping: watch::Receiver<()>,
    /// Who is connected.
    pub(crate) peer: Option<IpAddr>,
    /// How often limits of the web server have been reached.
    pub(crate) reached: Reached,
    /// A request's body must have come by then.
    pub(crate) body_within: Duration,
}

impl<B: Backend> Web<B> {
    /// Words for people, at this instant.
    pub(crate) fn words(&self) -> Words {
        Words::new(self.backend.now(), self.zone.clone())
    }

    /// How the store is.
    pub(crate) fn store(&self) -> StoreView {
        self.backend.store().borrow().clone()
    }

    /// The hub's clock.
    pub(crate) fn now(&self) -> UnixMillis {
        self.backend.now()
    }
}

/// The parts of a request that handlers read.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The query of the address.
    pub(crate) query: Query,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The whole body.
    pub(crate) body: Bytes,
}

impl Asked {
    /// Whether the body is of this content type; an empty body is of every type.
    pub(crate) fn is(&self, expected: &'static str) -> Result<(), WebError> {
        let given = self.headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok());
        let essence = given.and_then(|given| given.split(';').next()).map(str::trim);
        let fits = self.body.is_empty() || essence.is_some_and(|given| given.eq_ignore_ascii_case(expected));
        if fits { Ok(()) } else { Err(WebError::ContentType { expected }) }
    }
}
