//! The log: to the standard error stream, as text or JSON; `IOT_LOG` says what is in it.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

use crate::cli::LogFormat;

/// Sets up the log. Without `IOT_LOG` it has what matters to whoever runs the hub.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("IOT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
