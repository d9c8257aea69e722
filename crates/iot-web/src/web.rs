//! [`Web`]: what answers may need of the server, and [`Asked`], what they may read of a request.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, header};
use iot_core::{
    IotError, Reached,
    view::{NodeFilter, NodeView},
};
use iot_proto::UnixMillis;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    Backend, StoreView,
    door::{Door, Who},
    error::WebError,
    host::Hosts,
    input::Query,
    places::Place,
    wording::Words,
};

/// Lists of nodes that are held for answers at one time: each is a copy of all that there are.
pub const NODE_LISTS: usize = 4;

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
    /// Who is let in.
    pub(crate) door: Arc<Door>,
    /// In whose name the request is made, once that is known.
    pub(crate) who: Option<Arc<Who>>,
    /// The place of the connection.
    pub(crate) place: Option<Arc<Place>>,
    /// Room for lists of nodes.
    pub(crate) lists: Arc<Semaphore>,
    /// How often limits of the web server have been reached.
    pub(crate) reached: Reached,
    /// A request's body must have come by then.
    pub(crate) body_within: Duration,
}

impl<B: Backend> Web<B> {
    /// The connection waits for its peer from now on: it may have to go where others need room.
    pub(crate) fn wait(&self) {
        self.place.iter().for_each(|place| place.wait());
    }

    /// The peer waits for the hub from now on.
    pub(crate) fn serve(&self) {
        self.place.iter().for_each(|place| place.serve());
    }

    /// Words for people, at this instant.
    pub(crate) fn words(&self) -> Words {
        Words::new(self.backend.now(), self.zone.clone())
    }

    /// How the store is.
    pub(crate) fn store(&self) -> StoreView {
        self.backend.store().borrow().clone()
    }

    /// How the audit names whoever is not known.
    pub(crate) fn stranger(&self) -> String {
        self.peer.map_or_else(|| "somebody".to_owned(), |peer| format!("somebody at {}", peer.to_canonical()))
    }

    /// The nodes that are asked for, and room for the list, which is kept as long as the list is. Who comes when there is
    /// none waits.
    ///
    /// # Errors
    /// As the backend's.
    pub(crate) async fn nodes(
        &self,
        filter: NodeFilter,
    ) -> Result<(Vec<NodeView>, OwnedSemaphorePermit), IotError> {
        let room = Arc::clone(&self.lists).acquire_owned().await.map_err(|_| IotError::Stopping)?;
        Ok((self.backend.nodes(filter).await?, room))
    }

    /// In whose name a change is made.
    pub(crate) fn author(&self) -> String {
        self.who.as_ref().map_or_else(|| self.stranger(), |who| who.author())
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
    /// The whole body; empty where it is an upload, which is read as it comes.
    pub(crate) body: Bytes,
}

impl Asked {
    /// The fields of a form.
    pub(crate) fn form(&self) -> Result<Query, WebError> {
        self.is("application/x-www-form-urlencoded")?;
        Ok(Query::form(&self.body))
    }

    /// The document that a script sends; no body is a document in which nothing stands.
    ///
    /// # Errors
    /// [`WebError::ContentType`]; [`WebError::Malformed`] for what is no such document.
    pub(crate) fn document<T: DeserializeOwned>(&self) -> Result<T, WebError> {
        self.is("application/json")?;
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        // A list would be read as the fields in their order.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(WebError::malformed("the body must be an object, such as {}"));
        }
        serde_json::from_slice(body).map_err(|error| WebError::malformed(error.to_string()))
    }

    /// The same where a secret may stand in it, which no refusal quotes; `shape` says what is expected.
    ///
    /// # Errors
    /// As [`Self::document`].
    pub(crate) fn secret_document<T: DeserializeOwned>(&self, shape: &'static str) -> Result<T, WebError> {
        self.document().map_err(|error| {
            // What the reader says of a document may quote it.
            let quotes = matches!(error, WebError::Malformed { .. });
            if quotes { WebError::malformed(format!("the body must be {shape}")) } else { error }
        })
    }

    /// Whether the body is of this content type; an empty body is of every type.
    pub(crate) fn is(&self, expected: &'static str) -> Result<(), WebError> {
        let fits = self.body.is_empty() || self.says(expected);
        if fits { Ok(()) } else { Err(WebError::ContentType { expected }) }
    }

    /// Whether the request says that its body is of this content type.
    pub(crate) fn says(&self, expected: &str) -> bool {
        let given = self.headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok());
        let essence = given.and_then(|given| given.split(';').next()).map(str::trim);
        essence.is_some_and(|given| given.eq_ignore_ascii_case(expected))
    }
}
