//! Restoring through the real binary: backups of the list, and those that are sent to it first.

mod demo;
mod hub;
mod upload;
