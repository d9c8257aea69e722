//! [`Unread`]: what stands on a page in the place of something that the store does not tell. The rest of the page does
//! not need the store, and people need it just then.

use askama::Template;
use iot_core::IotError;

use crate::error::WebError;

/// A note that something cannot be read.
#[derive(Debug, Template)]
#[template(path = "part/unread.html")]
pub(super) struct Unread {
    what: &'static str,
    why: Box<str>,
}

impl Unread {
    /// What was read, or the note that it could not be.
    ///
    /// # Errors
    /// All others.
    pub(super) fn unless<T>(
        read: Result<T, WebError>,
        what: &'static str,
    ) -> Result<Result<T, Self>, WebError> {
        match read {
            Ok(read) => Ok(Ok(read)),
            Err(WebError::Hub(IotError::NotStored { why })) => Ok(Err(Self { what, why })),
            Err(error) => Err(error),
        }
    }
}
