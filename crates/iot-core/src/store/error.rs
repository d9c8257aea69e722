//! [`StoreError`]: why a store did not do what was asked of it, in words for people.

use alloc::{boxed::Box, format};
use core::time::Duration;

use thiserror::Error;

use crate::IotError;

/// A store failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{why}")]
pub struct StoreError {
    /// What happened, to which thing, and what to do.
    pub why: Box<str>,
}

impl StoreError {
    /// A store from which nothing has been heard for so long.
    pub fn silent(for_time: Duration) -> Self {
        let for_s = for_time.as_secs_f32();
        let why = format!(
            "the store has not answered for {for_s} s: look whether its disk is still there, and whether it is worn out; \
             the hub goes on by itself once it answers"
        );
        Self { why: why.into() }
    }
}

/// As whoever asked the hub for something is told.
impl From<StoreError> for IotError {
    fn from(StoreError { why }: StoreError) -> Self {
        Self::NotStored { why }
    }
}
