//! The words that settings are given in, in the file as on the command line.

use iot_core::config::Registration;
use serde::Deserialize;

/// Yes or no, as it is written in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum YesNo {
    /// It is so.
    Yes,
    /// It is not.
    No,
}

/// Whether the hub is announced on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Announce {
    /// Nodes find it by DNS-SD.
    Yes,
    /// Nodes must know its address.
    No,
}

/// Where the hub keeps nodes, readings and commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In `hub.db` of the data directory: a restart finds everything
    Disk,
    /// In memory, for tests and demonstrations: a restart forgets everything
    Memory,
}

/// Whether the pages are encrypted on their way, and with which certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TlsWord {
    /// Plain HTTP
    Off,
    /// With a certificate that the hub makes once for itself, and whose fingerprint its log shows
    SelfSigned,
    /// With the certificate and the key in the files that `tls_certificate` and `tls_key` name
    Files,
}

/// [`Registration`] as it is written in files and flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationWord {
    /// Every node is admitted at once: for labs and demonstrations
    Open,
    /// A new node waits in the inbox until a person admits it
    Approve,
}

impl From<RegistrationWord> for Registration {
    fn from(word: RegistrationWord) -> Self {
        match word {
            RegistrationWord::Open => Self::Open,
            RegistrationWord::Approve => Self::Approve,
        }
    }
}
