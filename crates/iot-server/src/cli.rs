//! The command line: what can be said, with help. Settings are the same for all tasks.

use core::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use iot_core::{NodeId, UnixMillis, people::Role};
use iot_server::{
    Config,
    config::{Announce, FILE_NAME, Layer, RegistrationWord, StoreKind, TlsWord},
};
use iot_web::rows;

/// How the audit names whoever sits at the command line.
pub(crate) const AUTHOR: &str = "the command line";

/// A hub for IoT nodes: nodes connect on port 5070, people open its page.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) task: Option<Task>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

const EXAMPLES: &str = "\
Examples:
  iot-server                                 run the hub; new nodes wait in the inbox on its page
  iot-server demo                            a hub with ten simulated nodes, for a first look
  iot-server --data-dir /var/lib/iot-hub --web-port 8080
  iot-server check-config                    what is configured, and what is wrong with it
  iot-server backup /mnt/usb/hub.db --with-key
                                             a backup, while the hub runs, with its key under a passphrase
  iot-server user add ada --role admin       somebody who may use the hub; asks for the password
  iot-server token create ada --label backup --days 365
  iot-server join                            let a node join the hub that runs here
  iot-server export readings.csv --node plain:porch --from 2026-11-01T00:00:00Z
  iot-server kinds show relay --json         a module kind, for programs
  source <(iot-server completions bash)      complete this command line";

/// What to do.
#[derive(Debug, Default, Subcommand)]
pub(crate) enum Task {
    /// Run the hub (what happens when no command is given)
    #[default]
    Run,
    /// Run a hub with simulated nodes, for a first look; it keeps nothing unless --store disk is given
    Demo(DemoOptions),
    /// Say what is configured and what is wrong with it; changes nothing
    CheckConfig,
    /// Copy the store into one file, while the hub runs or not, and verify the copy
    Backup(BackupOptions),
    /// Look through all of the store, or of a backup; changes nothing
    Verify(VerifyOptions),
    /// Put a backup in the place of the store, while no hub runs
    Restore(RestoreOptions),
    /// Write readings as CSV or JSON lines, while the hub runs or not
    Export(ExportOptions),
    /// Add readings from a file that export wrote, while no hub runs; those that are there already are left alone
    Import(ImportOptions),
    /// Say who may use the hub, while it runs or not
    #[command(subcommand)]
    User(UserTask),
    /// Say which programs may use the hub, while it runs or not
    #[command(subcommand)]
    Token(TokenTask),
    /// Let a node join the hub that runs on this machine: with a secret that is shown here, or with digits
    Join(JoinOptions),
    /// Show the module kinds that this hub supports
    #[command(subcommand)]
    Kinds(KindsTask),
    /// Print what makes a shell complete this command line
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How the demonstration looks.
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Simulated nodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) nodes: u32,
}

/// How a node joins.
#[derive(Debug, Args)]
pub(crate) struct JoinOptions {
    /// For how long, in minutes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=15))]
    pub(crate) minutes: u32,
}

/// Which backup.
#[derive(Debug, Args)]
pub(crate) struct BackupOptions {
    /// The file of the backup
    pub(crate) file: PathBuf,
    /// Replace a file that is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Take the hub's key along, under a passphrase that is asked for, or is the first line of standard input
    #[arg(long)]
    pub(crate) with_key: bool,
    /// Take the hub's key along, under the passphrase in the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "with_key")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which backup, and whether the hub's key comes with it.
#[derive(Debug, Args)]
pub(crate) struct RestoreOptions {
    /// The file of the backup
    pub(crate) file: PathBuf,
    /// Replace a store and a key that are there already; both are kept beside the new ones
    #[arg(long)]
    pub(crate) force: bool,
    /// Put the hub's key back too, with the passphrase in the first line of this file; else it is asked for
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Leave the hub's key in the backup
    #[arg(long, conflicts_with = "passphrase_file")]
    pub(crate) without_key: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which file to look through.
#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// The file of a backup [default: the store in the data directory]
    pub(crate) file: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which readings to write where.
#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// The file; standard output without it
    pub(crate) file: Option<PathBuf>,
    /// How a reading stands on its line [default: by the file's name, else csv]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatWord>,
    /// Only of this node, such as `plain:porch`
    #[arg(long, value_parser = node_id)]
    pub(crate) node: Option<NodeId>,
    /// Only of modules with this index
    #[arg(long)]
    pub(crate) module: Option<u8>,
    /// Only of properties and events with this number
    #[arg(long)]
    pub(crate) channel: Option<u8>,
    /// Measured at this time or later: RFC 3339, or milliseconds since 1970
    #[arg(long, value_parser = rows::time)]
    pub(crate) from: Option<UnixMillis>,
    /// Measured before this time
    #[arg(long, value_parser = rows::time)]
    pub(crate) to: Option<UnixMillis>,
}

/// Which file to add readings from.
#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// The file
    pub(crate) file: PathBuf,
    /// How a reading stands on its line [default: by the file's name, else csv]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatWord>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a reading stands on its line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FormatWord {
    /// Comma-separated, for spreadsheets
    Csv,
    /// One JSON object a line, for programs
    Jsonl,
}

impl From<FormatWord> for rows::Format {
    fn from(word: FormatWord) -> Self {
        match word {
            FormatWord::Csv => Self::Csv,
            FormatWord::Jsonl => Self::JsonLines,
        }
    }
}

fn node_id(text: &str) -> Result<NodeId, String> {
    NodeId::parse(text).ok_or_else(|| format!("{text:?} is no id of a node"))
}

/// What to do about users. Passwords are typed, or read from standard input: never from the command line.
#[derive(Debug, Subcommand)]
pub(crate) enum UserTask {
    /// Add a user; the first one is an admin, and owns the hub
    Add {
        /// What they are called: small letters, digits, dots, dashes
        name: String,
        /// What they may do
        #[arg(long, value_enum, default_value_t)]
        role: RoleWord,
    },
    /// All users, a line each
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a user, with all logins and tokens
    Remove {
        /// Their name
        name: String,
    },
    /// Give a user another password; all logins end
    Password {
        /// Their name
        name: String,
    },
}

/// What to do about tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenTask {
    /// Make a token and print it, this once
    Create {
        /// In whose name it acts
        user: String,
        /// What it is for
        #[arg(long)]
        label: String,
        /// What it may do, at most what its user may
        #[arg(long, value_enum, default_value_t)]
        role: RoleWord,
        /// After how many days it ends
        #[arg(long, default_value_t = 90)]
        days: u16,
    },
    /// All tokens, a line each
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a token no more
    Revoke {
        /// Its number
        number: u64,
    },
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum RoleWord {
    /// Look
    #[default]
    Viewer,
    /// Look, command, admit and name
    Operator,
    /// All of it, and say who may use the hub
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Viewer => Self::Viewer,
            RoleWord::Operator => Self::Operator,
            RoleWord::Admin => Self::Admin,
        }
    }
}

/// What to show of the module kinds.
#[derive(Debug, Subcommand)]
pub(crate) enum KindsTask {
    /// All kinds, a line each
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// One kind with its properties, actions and events
    Show {
        /// Its name, such as `relay`
        kind: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Settings; most may also stand in the configuration file, under their names with `_` for `-`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings (flags win over variables, those over the configuration file)")]
pub(crate) struct Settings {
    /// Configuration file [default: iot-hub.toml in the data directory, if it is there]
    #[arg(long, global = true, env = "IOT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the hub keeps what is its own [default: data]
    #[arg(long, global = true, env = "IOT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where nodes, readings and commands are kept [default: disk; of a demo: memory]
    #[arg(long, global = true, env = "IOT_STORE", value_enum)]
    store: Option<StoreKind>,
    /// Address on which nodes connect [default: 192.168.137.1 if this machine has it, else all]
    #[arg(long, global = true, env = "IOT_ADDRESS", value_name = "IP")]
    address: Option<IpAddr>,
    /// Port on which nodes connect; 0 takes a free one [default: 5070]
    #[arg(long, global = true, env = "IOT_TCP_PORT", value_name = "PORT")]
    tcp_port: Option<u16>,
    /// Address of the pages [default: as --address]
    #[arg(long, global = true, env = "IOT_WEB_ADDRESS", value_name = "IP")]
    web_address: Option<IpAddr>,
    /// Port of the pages; 0 takes a free one [default: 80, or else 8080; with TLS 443, or else 8443]
    #[arg(long, global = true, env = "IOT_WEB_PORT", value_name = "PORT")]
    web_port: Option<u16>,
    /// Whether the pages are encrypted on their way [default: off]
    #[arg(long, global = true, env = "IOT_TLS", value_enum)]
    tls: Option<TlsWord>,
    /// Port on which nodes are dialled [default: 1234]
    #[arg(long, global = true, env = "IOT_NODE_PORT", value_name = "PORT")]
    node_port: Option<u16>,
    /// Whether a new node must wait for a person [default: approve]
    #[arg(long, global = true, env = "IOT_REGISTRATION", value_enum)]
    registration: Option<RegistrationWord>,
    /// Whether the hub is announced by DNS-SD [default: yes]
    #[arg(long, global = true, env = "IOT_ANNOUNCE", value_enum)]
    announce: Option<Announce>,
    /// How the log is written; what is in it is said by `IOT_LOG`, such as `debug`
    #[arg(long, global = true, env = "IOT_LOG_FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object a line
    Json,
}

impl Settings {
    /// Puts all layers together over `defaults`.
    ///
    /// # Errors
    /// What is wrong with which file or setting.
    pub(crate) fn config(self, defaults: Config) -> anyhow::Result<Config> {
        let mut config = defaults;
        let in_data_dir = self.data_dir.as_ref().unwrap_or(&config.data_dir).join(FILE_NAME);
        // A file that was asked for must be there; the usual one need not.
        let file = self.config.or_else(|| in_data_dir.exists().then_some(in_data_dir));
        if let Some(file) = file {
            config.overlay(Layer::from_file(&file)?)?;
        }
        config.overlay(Layer {
            data_dir: self.data_dir,
            store: self.store,
            address: self.address,
            tcp_port: self.tcp_port,
            web_address: self.web_address,
            web_port: self.web_port,
            tls: self.tls,
            node_port: self.node_port,
            registration: self.registration,
            announce: self.announce,
            ..Layer::default()
        })?;
        Ok(config)
    }
}
