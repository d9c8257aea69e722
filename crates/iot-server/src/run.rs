//! `iot-server run`: the hub, until it is told to stop.

use std::process::ExitCode;

use iot_server::{Config, IotServer};
use tracing::info;

use crate::{cli::Settings, logging};

/// Runs the hub until Ctrl-C or SIGTERM.
///
/// # Errors
/// What is wrong with the configuration, or why the hub cannot start.
pub(crate) fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    logging::start(settings.log_format);
    let config = settings.config(Config::default())?;
    runtime()?.block_on(async {
        let server = IotServer::builder().config(config).start().await?;
        stop_signal().await?;
        server.tear_down().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Threads of the pages that may wait for the disk at one time. More of them answer nobody sooner: they take the
/// processor from the hub's own thread, and each keeps memory of its own. One address cannot take them all.
const DISK_THREADS: usize = 40;

/// The runtime of the pages; nodes are served on a thread of the hub's own.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(DISK_THREADS)
        .thread_name("web")
        .enable_all()
        .build()
}

/// Waits until the process is asked to stop.
#[cfg(unix)]
pub(crate) async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    info!(signal = name, "stopping");
    Ok(())
}

/// Waits until the process is asked to stop.
#[cfg(not(unix))]
pub(crate) async fn stop_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await?;
    info!("stopping");
    Ok(())
}
