//! `iot-server check-config`: what is configured, and what is wrong with it.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use iot_core::config::Registration;
use iot_server::{
    Config,
    config::{Announce, StoreKind, TlsWord, YesNo},
    modules, retention,
};

use crate::{cli::Settings, out};

/// Says what is configured. Fails where a setting or a module kind's folder is wrong.
///
/// # Errors
/// What is wrong with which file or setting.
pub(crate) fn check_config(settings: Settings) -> anyhow::Result<ExitCode> {
    let config = settings.config(Config::default())?;
    for (setting, value) in lines(&config) {
        out::line(&format!("{setting:<32} {value}"));
    }
    for (kind, kept) in &config.retention.kinds {
        out::line(&format!("{:<18} of {kind}: {}", "", retention::words(kept)));
    }
    for ((node, index), kept) in &config.retention.modules {
        out::line(&format!("{:<18} of {node}/{index}: {}", "", retention::words(kept)));
    }
    let (mut catalogue, refused) = modules::load(&config.data_dir);
    for kind in &config.disabled_kinds {
        catalogue.disable(kind).context("setting disabled_kinds")?;
    }
    retention::check_kinds(&config.retention, &catalogue).context("setting retention.kinds")?;
    let (known, disabled) = (catalogue.kinds().count(), config.disabled_kinds.len());
    out::line(&format!("{:<32} {known}, of which {disabled} disabled", "module kinds"));
    for error in &refused {
        out::error(&format!("module kind left out: {error}"));
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Each setting with its value; where none was given, how it is chosen.
fn lines(config: &Config) -> Vec<(&'static str, String)> {
    let or = |given: Option<String>, otherwise: &str| given.unwrap_or_else(|| otherwise.into());
    let never_or = |hours: u16| if hours == 0 { "0, never".into() } else { hours.to_string() };
    let registration = match config.registration {
        Registration::Open => "open",
        Registration::Approve => "approve",
    };
    let announce = match config.announce {
        Announce::Yes => "yes",
        Announce::No => "no",
    };
    let store = match config.store {
        StoreKind::Disk => "disk",
        StoreKind::Memory => "memory",
    };
    let (tls, usual_port) = match config.tls {
        TlsWord::Off => ("off", "80, or else 8080"),
        TlsWord::SelfSigned => ("self-signed", "443, or else 8443"),
        TlsWord::Files => ("files", "443, or else 8443"),
    };
    let file = |path: &Option<PathBuf>| or(path.as_ref().map(|path| path.display().to_string()), "none");
    let dial_loopback = match config.dial_loopback {
        Some(YesNo::Yes) => "yes",
        Some(YesNo::No) => "no",
        None => "yes where the hub listens on a loopback address alone",
    };
    let address = config.address.map(|ip| ip.to_string());
    vec![
        ("name", config.name.to_string()),
        ("data_dir", config.data_dir.display().to_string()),
        ("store", store.into()),
        ("backup_every_hours", never_or(config.backup_every_hours)),
        ("backups_kept", config.backups_kept.to_string()),
        ("check_every_hours", never_or(config.check_every_hours)),
        ("max_upload_mib", config.max_upload_mib.to_string()),
        ("address", or(address, "192.168.137.1 if this machine has it, else all")),
        ("tcp_port", config.tcp_port.to_string()),
        ("web_address", or(config.web_address.map(|ip| ip.to_string()), "as address")),
        ("web_port", or(config.web_port.map(|port| port.to_string()), usual_port)),
        ("tls", tls.into()),
        ("tls_certificate", file(&config.tls_certificate)),
        ("tls_key", file(&config.tls_key)),
        ("node_port", config.node_port.to_string()),
        ("registration", registration.into()),
        ("announce", announce.into()),
        ("web_hosts", config.web_hosts.join(", ")),
        ("keepalive_s", config.keepalive.as_secs().to_string()),
        ("expires_after_s", config.expires_after.as_secs().to_string()),
        ("max_sessions", config.max_sessions.to_string()),
        ("max_nodes", config.max_nodes.to_string()),
        ("max_sessions_per_address", config.max_sessions_per_address.to_string()),
        ("max_half_open_per_address", config.max_half_open_per_address.to_string()),
        ("max_plain_nodes", config.max_plain_nodes.to_string()),
        ("max_messages_per_s", config.max_messages_per_s.to_string()),
        ("max_web_connections", config.max_web_connections.to_string()),
        ("max_web_connections_per_address", config.max_web_connections_per_address.to_string()),
        ("dial_loopback", dial_loopback.into()),
        ("disabled_kinds", config.disabled_kinds.join(", ")),
        ("retention", retention::words(&config.retention.all)),
    ]
}
