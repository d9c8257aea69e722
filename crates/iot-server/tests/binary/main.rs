//! The real binary from outside: its command line, its log, and how it starts and does not start.

mod backup;
mod log;
mod program;
mod start;
mod tls;
