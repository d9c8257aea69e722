//! [`Config`]: how the hub is run. Defaults, then a TOML file, then `IOT_…` variables, then flags; later wins.
//!
//! What was not given stays open here: which address and which web port fit this machine is decided when
//! the server starts, and only where nobody said so.

use core::{net::IpAddr, time::Duration};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use iot_core::{
    Dialling,
    config::{HubConfig, Registration},
};
use iot_proto::{DIAL_PORT, HUB_PORT};
use iot_store::RetentionPolicy;
use serde::Deserialize;
use thiserror::Error;

pub use self::word::{Announce, RegistrationWord, StoreKind, TlsWord, YesNo};
use crate::retention::RetentionLayer;

mod word;

/// Name of the configuration file in the data directory.
pub const FILE_NAME: &str = "iot-hub.toml";

/// How the hub is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What people call this hub.
    pub name: Box<str>,
    /// Where the hub keeps what is its own: the configuration file, `modules/`, the store.
    pub data_dir: PathBuf,
    /// Whether what is stored outlives the process.
    pub store: StoreKind,
    /// For how long readings and roll-ups are kept on disk.
    pub retention: RetentionPolicy,
    /// How often a backup is made, in hours; 0 for never.
    pub backup_every_hours: u16,
    /// How many backups are kept.
    pub backups_kept: u16,
    /// How often the file of the store is looked through while the hub runs, in hours; 0 for never.
    pub check_every_hours: u16,
    /// Most MiB of a backup that is sent to the hub.
    pub max_upload_mib: u32,
    /// Where nodes connect; `None` takes the hotspot's address where this machine has it, else all.
    pub address: Option<IpAddr>,
    /// Port on which nodes connect; 0 takes a free one.
    pub tcp_port: u16,
    /// Where pages are served; `None` follows `address`.
    pub web_address: Option<IpAddr>,
    /// Port on which pages are served; 0 takes a free one. `None` takes 80, or 8080 where 80 is not to be had;
    /// with TLS 443, or 8443.
    pub web_port: Option<u16>,
    /// Whether pages are encrypted on their way.
    pub tls: TlsWord,
    /// The certificate where `tls` is `files`, in PEM, followed by those that vouch for it.
    pub tls_certificate: Option<PathBuf>,
    /// Its key, in PEM.
    pub tls_key: Option<PathBuf>,
    /// Port on which nodes are dialled.
    pub node_port: u16,
    /// Whether nodes on this machine's loopback network are dialled; `None` where only this machine can
    /// reach the hub.
    pub dial_loopback: Option<YesNo>,
    /// Whether a new node must wait for a person.
    pub registration: Registration,
    /// Whether the hub is announced by DNS-SD.
    pub announce: Announce,
    /// Module kinds that are known and not wanted here.
    pub disabled_kinds: Vec<Box<str>>,
    /// Further host names under which the pages may be addressed.
    pub web_hosts: Vec<Box<str>>,
    /// Longest silence asked of a node that keeps its session.
    pub keepalive: Duration,
    /// A command that is not done by then expires.
    pub expires_after: Duration,
    /// Most sessions at one time.
    pub max_sessions: usize,
    /// Most nodes known.
    pub max_nodes: usize,
    /// Most sessions of one address.
    pub max_sessions_per_address: usize,
    /// Most connections of one address on which nobody has said hello.
    pub max_half_open_per_address: usize,
    /// Most plain nodes that people may let in, where registration is not open.
    pub max_plain_nodes: usize,
    /// Messages a second that a session may send.
    pub max_messages_per_s: u32,
    /// Most connections to the pages at one time.
    pub max_web_connections: usize,
    /// Most connections of one address to the pages.
    pub max_web_connections_per_address: usize,
}

impl Default for Config {
    fn default() -> Self {
        let hub = HubConfig::default();
        Self {
            name: hub.name,
            data_dir: PathBuf::from("data"),
            store: StoreKind::Disk,
            retention: RetentionPolicy::default(),
            backup_every_hours: 0,
            backups_kept: 7,
            check_every_hours: 7 * 24,
            max_upload_mib: 4_096,
            address: None,
            tcp_port: HUB_PORT,
            web_address: None,
            web_port: None,
            tls: TlsWord::Off,
            tls_certificate: None,
            tls_key: None,
            node_port: DIAL_PORT,
            dial_loopback: None,
            registration: hub.registration,
            announce: Announce::Yes,
            disabled_kinds: Vec::new(),
            web_hosts: Vec::new(),
            keepalive: hub.keepalive,
            expires_after: hub.expires_after,
            max_sessions: hub.max_sessions,
            max_nodes: hub.max_nodes,
            max_sessions_per_address: hub.max_sessions_per_address,
            max_half_open_per_address: hub.max_half_open_per_address,
            max_plain_nodes: hub.max_plain,
            max_messages_per_s: 500,
            max_web_connections: 256,
            max_web_connections_per_address: 32,
        }
    }
}

impl Config {
    /// What of it steers the core of a hub at this address. `seed` is where the core's randomness begins.
    pub(crate) fn hub(&self, address: IpAddr, seed: u64) -> HubConfig {
        HubConfig {
            name: self.name.clone(),
            registration: self.registration,
            node_port: self.node_port,
            dialling: self.dialling(address),
            keepalive: self.keepalive,
            expires_after: self.expires_after,
            max_sessions: self.max_sessions,
            max_nodes: self.max_nodes,
            max_sessions_per_address: self.max_sessions_per_address,
            max_half_open_per_address: self.max_half_open_per_address,
            max_plain: self.max_plain_nodes,
            seed,
            ..HubConfig::default()
        }
    }

    /// Which addresses a hub at this address dials.
    fn dialling(&self, address: IpAddr) -> Dialling {
        let otherwise = if address.is_loopback() { YesNo::Yes } else { YesNo::No };
        match self.dial_loopback.unwrap_or(otherwise) {
            YesNo::Yes => Dialling::LoopbackToo,
            YesNo::No => Dialling::Network,
        }
    }

    /// Overlays what a layer says.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a value that is out of its range, naming the setting.
    pub fn overlay(&mut self, layer: Layer) -> Result<(), ConfigError> {
        set(&mut self.name, layer.name);
        set(&mut self.data_dir, layer.data_dir);
        set(&mut self.store, layer.store);
        if let Some(retention) = layer.retention {
            self.retention = retention.over(&self.retention);
        }
        set(&mut self.backup_every_hours, layer.backup_every_hours);
        set(&mut self.backups_kept, layer.backups_kept);
        set(&mut self.check_every_hours, layer.check_every_hours);
        set(&mut self.max_upload_mib, layer.max_upload_mib);
        self.address = layer.address.or(self.address);
        set(&mut self.tcp_port, layer.tcp_port);
        self.web_address = layer.web_address.or(self.web_address);
        self.web_port = layer.web_port.or(self.web_port);
        set(&mut self.tls, layer.tls);
        self.tls_certificate = layer.tls_certificate.or_else(|| self.tls_certificate.take());
        self.tls_key = layer.tls_key.or_else(|| self.tls_key.take());
        set(&mut self.node_port, layer.node_port);
        set(&mut self.registration, layer.registration.map(Registration::from));
        set(&mut self.announce, layer.announce);
        set(&mut self.disabled_kinds, layer.disabled_kinds);
        set(&mut self.web_hosts, layer.web_hosts);
        set(&mut self.keepalive, layer.keepalive_s.map(|s| Duration::from_secs(s.into())));
        set(&mut self.expires_after, layer.expires_after_s.map(|s| Duration::from_secs(s.into())));
        set(&mut self.max_sessions, layer.max_sessions);
        set(&mut self.max_nodes, layer.max_nodes);
        self.dial_loopback = layer.dial_loopback.or(self.dial_loopback);
        set(&mut self.max_sessions_per_address, layer.max_sessions_per_address);
        set(&mut self.max_half_open_per_address, layer.max_half_open_per_address);
        set(&mut self.max_plain_nodes, layer.max_plain_nodes);
        set(&mut self.max_messages_per_s, layer.max_messages_per_s);
        set(&mut self.max_web_connections, layer.max_web_connections);
        set(&mut self.max_web_connections_per_address, layer.max_web_connections_per_address);
        self.check()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |setting, why: String| Err(ConfigError::Value { setting, why });
        if self.name.is_empty() || self.name.len() > 64 || self.name.chars().any(char::is_control) {
            return refuse("name", "takes 1 to 64 bytes without control characters".into());
        }
        if self.node_port == 0 {
            return refuse("node_port", "takes 1 to 65535: nodes must know it".into());
        }
        if !(5..=3600).contains(&self.keepalive.as_secs()) {
            return refuse("keepalive_s", format!("takes 5 to 3600, not {}", self.keepalive.as_secs()));
        }
        for (setting, file) in [("tls_certificate", &self.tls_certificate), ("tls_key", &self.tls_key)] {
            if self.tls == TlsWord::Files && file.is_none() {
                return refuse(setting, "must name a file where tls is files".into());
            }
        }
        for (setting, value) in [
            ("max_sessions", self.max_sessions),
            ("max_sessions_per_address", self.max_sessions_per_address),
            ("max_half_open_per_address", self.max_half_open_per_address),
            ("max_plain_nodes", self.max_plain_nodes),
            ("max_web_connections", self.max_web_connections),
            ("max_web_connections_per_address", self.max_web_connections_per_address),
        ] {
            if value == 0 {
                return refuse(setting, "takes at least 1".into());
            }
        }
        let numbers =
            [("max_messages_per_s", self.max_messages_per_s), ("max_upload_mib", self.max_upload_mib)];
        if let Some((setting, _)) = numbers.into_iter().find(|(_, value)| *value == 0) {
            return refuse(setting, "takes at least 1".into());
        }
        if self.backups_kept == 0 {
            return refuse("backups_kept", "takes 1 to 65535".into());
        }
        if self.expires_after.is_zero() {
            return refuse("expires_after_s", "takes at least 1".into());
        }
        Ok(())
    }
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

/// What one layer (a file, or variables and flags) says. What it leaves out stays as it was.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the setting of Config with its name")]
pub struct Layer {
    pub name: Option<Box<str>>,
    pub data_dir: Option<PathBuf>,
    pub store: Option<StoreKind>,
    pub retention: Option<RetentionLayer>,
    pub backup_every_hours: Option<u16>,
    pub backups_kept: Option<u16>,
    pub check_every_hours: Option<u16>,
    pub max_upload_mib: Option<u32>,
    pub address: Option<IpAddr>,
    pub tcp_port: Option<u16>,
    pub web_address: Option<IpAddr>,
    pub web_port: Option<u16>,
    pub tls: Option<TlsWord>,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub node_port: Option<u16>,
    pub registration: Option<RegistrationWord>,
    pub announce: Option<Announce>,
    pub disabled_kinds: Option<Vec<Box<str>>>,
    pub web_hosts: Option<Vec<Box<str>>>,
    pub keepalive_s: Option<u32>,
    pub expires_after_s: Option<u32>,
    pub max_sessions: Option<usize>,
    pub max_nodes: Option<usize>,
    pub dial_loopback: Option<YesNo>,
    pub max_sessions_per_address: Option<usize>,
    pub max_half_open_per_address: Option<usize>,
    pub max_plain_nodes: Option<usize>,
    pub max_messages_per_s: Option<u32>,
    pub max_web_connections: Option<usize>,
    pub max_web_connections_per_address: Option<usize>,
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is not TOML, has an unknown key, or a value of the wrong type.
    #[error("{}: {key}{what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The key, followed by a colon, where it is known.
        key: String,
        /// What is wrong, with the line.
        what: String,
    },
    /// A value is out of its range.
    #[error("setting {setting} {why}")]
    Value {
        /// The setting as it is named in the file.
        setting: &'static str,
        /// What it takes.
        why: String,
    },
}

impl Layer {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError::Read`], [`ConfigError::File`].
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let file = |key: String, what: String| ConfigError::File { path: path.into(), key, what };
        let document = toml::Deserializer::parse(&text)
            .map_err(|error| file(String::new(), error.to_string().trim_end().into()))?;
        serde_path_to_error::deserialize(document).map_err(|error| {
            let key = error.path().to_string();
            let key = if key == "." { String::new() } else { format!("{key}: ") };
            file(key, error.inner().to_string().trim_end().into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        fs::write(&path, text).unwrap();
        let mut config = Config::default();
        config.overlay(Layer::from_file(&path)?)?;
        Ok(config)
    }

    #[test]
    fn defaults_are_those_of_the_original() {
        let config = Config::default();
        assert_eq!((config.tcp_port, config.node_port, config.web_port), (5070, 1234, None));
        assert_eq!(config.registration, Registration::Approve);
    }

    #[test]
    fn a_later_layer_wins_and_what_it_leaves_out_stays() {
        let mut config = read("name = \"Lindenhof\"\ntcp_port = 6000\nregistration = \"open\"").unwrap();
        config.overlay(Layer { tcp_port: Some(7000), ..Layer::default() }).unwrap();
        assert_eq!(&*config.name, "Lindenhof");
        assert_eq!((config.tcp_port, config.registration), (7000, Registration::Open));
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_with_key_and_line() {
        for (text, parts) in [
            ("tcp_prot = 1", ["tcp_prot", "line 1"]),
            ("name = \"a\"\ntcp_port = \"x\"", ["tcp_port", "line 2"]),
            ("tcp_port = 70000", ["tcp_port", "line 1"]),
            ("name = ", ["iot-hub.toml", "line 1"]),
            ("registration = \"maybe\"", ["registration", "line 1"]),
            ("store = \"tape\"", ["store", "line 1"]),
            ("[retention]\nall.readings = 0", ["retention.all.readings", "1 to 65535"]),
            ("backups_kept = 0", ["backups_kept", "1 to 65535"]),
            ("keepalive_s = 1", ["keepalive_s", "5 to 3600"]),
            ("name = \"\"", ["name", "1 to 64"]),
            ("tls = \"files\"\ntls_key = \"a\"", ["tls_certificate", "must name a file"]),
            ("tls = \"on\"", ["tls", "self-signed"]),
        ] {
            let error = read(text).unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "{text}: {error}");
            }
        }
    }
}
