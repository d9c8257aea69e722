//! `iot-server run`: the hub, until it is told to stop, over all its starts.

use core::pin::pin;
use std::process::ExitCode;

use iot_server::{Config, IotServer, Replaced, Restores};
use tracing::info;

use crate::{cli::Settings, logging};

/// Runs the hub until Ctrl-C or SIGTERM, and starts it again on a backup that was restored on its page.
///
/// # Errors
/// What is wrong with the configuration, or why the hub cannot start.
pub(crate) fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    logging::start(settings.log_format);
    let config = settings.config(Config::default())?;
    runtime()?.block_on(async {
        let restores = Restores::default();
        let server = IotServer::builder().config(config.clone()).restores(&restores).start().await?;
        until_stopped(server, config, &restores).await?.tear_down().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Lets a hub run until Ctrl-C or SIGTERM, and starts it again on each backup that is restored on its page. Gives the
/// one that runs by then, to be torn down.
///
/// # Errors
/// Why the hub does not start again, neither on a backup nor on what that replaced.
pub(crate) async fn until_stopped(
    mut server: IotServer,
    mut config: Config,
    restores: &Restores,
) -> anyhow::Result<IotServer> {
    // Nodes and browsers look for it where they found it.
    config.tcp_port = server.tcp_addr().port();
    config.web_port = Some(server.web_addr().port());
    let mut stop = pin!(stop_signal());
    loop {
        tokio::select! {
            stopped = &mut stop => {
                stopped?;
                return Ok(server);
            }
            ready = restores.ready() => {
                server.tear_down().await;
                let replaced = restores.put(ready).await;
                server = start_again(&config, restores, replaced).await?;
            }
        }
    }
}

/// Starts a hub whose store may have been replaced; what was there before counts again where the hub does not start.
async fn start_again(
    config: &Config,
    restores: &Restores,
    replaced: Option<Replaced>,
) -> anyhow::Result<IotServer> {
    let start = || IotServer::builder().config(config.clone()).restores(restores).start();
    match (start().await, replaced) {
        (Err(error), Some(replaced)) if replaced.store.is_some() => {
            restores.undo(config, &replaced, &error.to_string())?;
            Ok(start().await?)
        }
        (started, _) => Ok(started?),
    }
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
