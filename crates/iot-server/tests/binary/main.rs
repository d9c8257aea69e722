//! The real binary from outside: its command line, its log, and how it starts and does not start, and backups
//! that are sent to it.

mod backup;
mod demo;
mod log;
mod owned;
mod program;
mod start;
mod tls;
mod undone;
mod upload;
