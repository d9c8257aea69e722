//! The table of all limits: what each is by default, which setting changes it, and what happens beyond.
//!
//! `docs/limits.md` shows it to people and is held to it by a test here.

use core::fmt::Write as _;
use core::time::Duration;

use iot_core::{
    Limit, MAX_JOINING, MAX_SECRETS, MAX_TAGS, MAX_UNVERIFIED,
    config::HubConfig,
    people::{FREE_TRIES, MAX_LOGINS, MAX_TOKENS, MAX_USERS},
};
use iot_net::{DialConfig, LINES_PER_PEER, NetConfig};
use iot_proto::{Limits, MAX_FRAME, MAX_MODULES};
use iot_web::{MAX_BODY, NODE_LISTS, WebConfig};

use crate::{Config, UPLOAD_LEAVES, backend::PAST_WITHIN};

/// One limit, as people read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is limited.
    pub what: &'static str,
    /// Under which word it is counted; `None` where it is not counted.
    pub word: Option<&'static str>,
    /// How much of it there may be, with its unit, where nobody says otherwise.
    pub default: String,
    /// The setting that changes it.
    pub setting: Option<&'static str>,
    /// What becomes of whoever comes beyond.
    pub beyond: &'static str,
}

/// All limits, in the order of the document.
pub fn rows() -> Vec<Row> {
    let named = Limit::ALL.iter().map(|limit| {
        let (default, setting, beyond) = row(*limit);
        Row { what: limit.what(), word: Some(limit.word()), default, setting, beyond }
    });
    let upload = Row {
        what: "bytes of a backup that is sent",
        word: None,
        default: format!("{} MiB", Config::default().max_upload_mib),
        setting: Some("max_upload_mib"),
        beyond: "answered 413",
    };
    let unnamed = unnamed().into_iter().map(|(what, default, beyond)| Row {
        what,
        word: None,
        default,
        setting: None,
        beyond,
    });
    named.chain([upload]).chain(unnamed).collect()
}

/// The limits as a table in Markdown, with the defaults.
pub fn table() -> String {
    let mut table = String::from("| limit | word | default | setting | beyond |\n|---|---|---|---|---|\n");
    for Row { what, word, default, setting, beyond } in rows() {
        let word = word.map_or_else(String::new, |word| format!("`{word}` "));
        let setting = setting.map_or_else(|| "none".into(), |setting| format!("`{setting}`"));
        // Writing to a string never fails.
        let _ = writeln!(table, "| {what} | {word}| {default} | {setting} | {beyond} |");
    }
    table
}

const TOLD: &str = "told `too-many`, closed, asked back later";
const SILENT: &str = "closed without a word";
const LATELY: &str = "whoever was let in lately is let in, others are answered 503";

/// Default, setting, and what happens beyond.
fn row(limit: Limit) -> (String, Option<&'static str>, &'static str) {
    let (config, hub, web) = (Config::default(), HubConfig::default(), WebConfig::default());
    let net = NetConfig::new(([0, 0, 0, 0], 0).into());
    let plain = |value: usize| value.to_string();
    match limit {
        Limit::Sessions => (plain(config.max_sessions), Some("max_sessions"), TOLD),
        Limit::SessionsPerAddress => {
            (plain(config.max_sessions_per_address), Some("max_sessions_per_address"), TOLD)
        }
        Limit::HalfOpen => (plain(hub.max_half_open), None, TOLD),
        Limit::HalfOpenPerAddress => {
            (plain(config.max_half_open_per_address), Some("max_half_open_per_address"), TOLD)
        }
        Limit::Hello => (seconds(hub.hello_within), None, "told `timed-out`, closed"),
        Limit::Connections => {
            (plain(net.server.max_connections), Some("max_sessions"), "waits in the operating system's queue")
        }
        Limit::ConnectionsPerAddress => {
            (plain(net.server.max_connections_per_address), Some("max_sessions_per_address"), SILENT)
        }
        Limit::Messages => (
            config.max_messages_per_s.to_string(),
            Some("max_messages_per_s"),
            "told `too-many`, read more slowly; nothing is lost",
        ),
        Limit::Unread => (format!("{} KiB", net.server.outbox_limit / 1024), None, "told `too-many`, closed"),
        Limit::Nodes => (plain(config.max_nodes), Some("max_nodes"), TOLD),
        Limit::Waiting => (plain(hub.max_waiting), None, TOLD),
        Limit::WaitingPerAddress => (plain(hub.max_waiting_per_address), None, TOLD),
        Limit::Plain => (
            plain(config.max_plain_nodes),
            Some("max_plain_nodes"),
            "whoever lets one more in is told `too-many`",
        ),
        Limit::Modules => (MAX_MODULES.to_string(), None, "told `too-many`"),
        Limit::Queued => (plain(hub.max_queued), None, "whoever commands is told `too-many`"),
        Limit::Dials => (plain(DialConfig::default().max_waiting), None, "tried again later"),
        Limit::LogLines => {
            (format!("{LINES_PER_PEER} a minute"), None, "left out; the log says how many were")
        }
        Limit::WebConnections => (
            plain(web.max_connections),
            Some("max_web_connections"),
            "the one that waits longest for its peer is closed",
        ),
        Limit::WebConnectionsPerAddress => (
            plain(web.max_connections_per_address),
            Some("max_web_connections_per_address"),
            "answered 503, closed",
        ),
    }
}

/// Limits that are not counted, since reaching them is no sign of anything but a broken peer.
fn unnamed() -> [(&'static str, String, &'static str); 24] {
    let (web, dial, hub) = (WebConfig::default(), DialConfig::default(), HubConfig::default());
    let slow = "closed";
    [
        (
            "bytes of a frame before hello",
            Limits::UNTIL_AGREED.frame.to_string(),
            "told `frame-too-long`, closed",
        ),
        ("bytes of a frame after hello", MAX_FRAME.to_string(), "told `frame-too-long`, closed"),
        ("deliveries under way", dial.max_dials.to_string(), "wait for their turn"),
        (
            "time of a delivery, from its turn",
            seconds(hub.dial_within + hub.answer_within),
            "tried again later",
        ),
        ("attempts at one address", "1 a second".into(), "wait"),
        ("time for the TLS handshake of a page", seconds(web.head_within), slow),
        ("time for the head of a request", seconds(web.head_within), slow),
        ("time for the body of a request", seconds(web.body_within), "answered 408, closed"),
        ("time in which a reader must take something", seconds(web.read_within), slow),
        ("time in which the store must tell who asks", seconds(web.people_within), LATELY),
        ("time in which the store must tell the past", seconds(PAST_WITHIN), "answered 503"),
        ("bytes of the body of a request", format!("{} KiB", MAX_BODY / 1024), "answered 413"),
        ("backups that are sent at one time", "1".into(), "answered 409"),
        (
            "time for each 64 KiB of a backup that is sent",
            seconds(web.body_within),
            "answered 408, closed; nothing of it is left",
        ),
        (
            "bytes that such a backup leaves free on the disk",
            format!("{} MiB", UPLOAD_LEAVES / 1024 / 1024),
            "answered 507; nothing of it is left",
        ),
        ("users", MAX_USERS.to_string(), "no more are added"),
        ("tokens of one user", MAX_TOKENS.to_string(), "no more are made"),
        ("logins of one user", MAX_LOGINS.to_string(), "the one that was used least lately ends"),
        (
            "wrong passwords in a row",
            FREE_TRIES.to_string(),
            "told to wait: 1 s, and each time twice as long up to 60 s",
        ),
        ("tags of one node", MAX_TAGS.to_string(), "whoever tags is told `too-many`"),
        ("secrets of one window", MAX_SECRETS.to_string(), "whoever wants one more is told `too-many`"),
        ("nodes that join with digits at one time", MAX_JOINING.to_string(), "refused, asked back later"),
        ("nodes that wait for an admin unverified", MAX_UNVERIFIED.to_string(), "refused"),
        ("lists of nodes held for answers", NODE_LISTS.to_string(), "wait for their turn"),
    ]
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

#[cfg(test)]
mod tests {
    use iot_core::IotError;
    use iot_proto::Label;

    use super::*;

    #[test]
    fn the_document_has_the_table_of_the_code() {
        let document = include_str!("../../../docs/limits.md");
        let table = table();
        for row in table.lines() {
            assert!(
                document.lines().any(|line| line == row),
                "docs/limits.md has no line\n{row}\nthe table is\n{table}"
            );
        }
        let rows = document.lines().filter(|line| line.starts_with('|')).count();
        assert_eq!(rows, table.lines().count(), "docs/limits.md has a row that the code does not have");
    }

    #[test]
    fn what_a_node_is_told_fits_a_frame_with_its_number() {
        for row in rows().iter().filter(|row| row.word.is_some() && row.beyond.contains("too-many")) {
            let limit = row.default.parse().unwrap_or(256 * 1024);
            let text = IotError::TooMany { what: row.what, limit }.to_string();
            assert_eq!(Label::clipped(&text).as_str(), text, "it would end in the middle");
        }
    }

    #[test]
    fn what_the_configuration_says_by_default_is_what_the_parts_take_by_default() {
        let (config, net, web) =
            (Config::default(), NetConfig::new(([0, 0, 0, 0], 0).into()), WebConfig::default());
        assert_eq!(config.max_messages_per_s, net.max_messages_per_s);
        assert_eq!(config.max_web_connections, web.max_connections);
        assert_eq!(config.max_web_connections_per_address, web.max_connections_per_address);
    }
}
