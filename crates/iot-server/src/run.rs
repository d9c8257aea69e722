//! `iot-server run`: the hub, until it is told to stop.

use core::pin::pin;
use std::{path::PathBuf, process::ExitCode};

use iot_server::{Config, IotServer, Restores};
use tracing::info;

use crate::{cli::Settings, logging};

/// Runs the hub until Ctrl-C or SIGTERM, and starts it again on a backup that was restored on its page.
///
/// # Errors
/// What is wrong with the configuration, or why the hub cannot start.
pub(crate) fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    logging::start(settings.log_format);
    let mut config = settings.config(Config::default())?;
    runtime()?.block_on(async {
        let (restores, stop) = (Restores::default(), stop_signal());
        let (mut stop, mut kept) = (pin!(stop), None::<PathBuf>);
        loop {
            let builder = IotServer::builder().config(config.clone()).restores(&restores);
            let server = match (builder.start().await, kept.take()) {
                (Ok(server), _) => server,
                (Err(error), Some(kept)) => {
                    restores.undo(&config, &kept, &error.to_string())?;
                    continue;
                }
                (Err(error), None) => return Err(error.into()),
            };
            // Nodes and browsers look for it where they found it.
            config.tcp_port = server.tcp_addr().port();
            config.web_port = Some(server.web_addr().port());
            tokio::select! {
                stopped = &mut stop => {
                    stopped?;
                    server.tear_down().await;
                    return Ok(ExitCode::SUCCESS);
                }
                prepared = restores.ready() => {
                    server.tear_down().await;
                    kept = restores.put(prepared).await.and_then(|restored| restored.kept);
                }
            }
        }
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
