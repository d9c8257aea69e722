//! The store: whether it takes what it is given, whether its file is whole, and its backups.

use std::{io::Read as _, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, channel::Channel};
use iot_core::people::Change;
use iot_proto::UnixMillis;
use schemars::JsonSchema;
use serde::Serialize;

use super::restore::{Begun, Restore};
use crate::{
    Backend, BackupData, BackupFile, CheckView, Found, Refuses, StoreView, UploadView, Uploading,
    body::{self, BodyError, Reply},
    error::WebError,
    web::Web,
    word::Time,
};

/// Bytes of a backup that are read at once, and pieces that may wait for a slow reader.
const PIECE: u64 = 64 * 1024;
const PIECES: usize = 4;

/// Whether everything is being stored, and whether the file was found whole.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Store<'a> {
    /// `null` where everything is kept in memory.
    file: Option<&'a str>,
    /// `null` while everything is being stored.
    refuses: Option<Refusing<'a>>,
    check: Check<'a>,
    restore: Restore<'a>,
}

/// The store does not take what it is given.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Refusing<'a> {
    why: &'a str,
    since: Time,
}

/// The looks through the file.
#[derive(Serialize, JsonSchema)]
struct Check<'a> {
    /// How much of the one under way is done.
    percent: Option<u8>,
    last: Option<Look<'a>>,
    every_hours: Option<u64>,
}

/// A look through the file.
#[derive(Serialize, JsonSchema)]
struct Look<'a> {
    at: Time,
    found: LookFound,
    /// What is damaged, or why the file could not be looked through.
    why: Option<&'a str>,
}

/// What a look through the file found.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum LookFound {
    Whole,
    Damage,
    /// The file could not be looked through.
    Nothing,
}

/// Whether the hub answers, stores, and has found no damage.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub(crate) enum Health<'a> {
    Ok,
    NotStoring { refuses: Refusing<'a> },
    Damaged { damage: &'a str },
}

/// The backups that the hub keeps, newest first, and the one under way.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KeptBackups<'a> {
    /// How much of the one under way is done.
    percent: Option<u8>,
    failed: Option<Failure<'a>>,
    every_hours: Option<u64>,
    /// How many are kept.
    keep: usize,
    upload: Upload<'a>,
    backups: Vec<Backup<'a>>,
}

/// Backups that people send.
#[derive(Serialize, JsonSchema)]
struct Upload<'a> {
    under_way: Option<Sent>,
    refused: Option<Failure<'a>>,
    /// Bytes that one may have.
    most_bytes: u64,
}

/// A backup that is being sent.
#[derive(Serialize, JsonSchema)]
struct Sent {
    /// How much of it has come; `null` where nobody said how much there is.
    percent: Option<u8>,
    /// Whether all of it has come and is being looked through.
    checking: bool,
}

/// A backup.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Backup<'a> {
    name: &'a str,
    /// When it was begun; of one that was sent, when the last thing happened that it knows of.
    at: Time,
    bytes: u64,
    location: String,
}

/// What failed the last time.
#[derive(Serialize, JsonSchema)]
pub(super) struct Failure<'a> {
    at: Time,
    why: &'a str,
}

impl<'a> From<&'a (UnixMillis, Box<str>)> for Failure<'a> {
    fn from((at, why): &'a (UnixMillis, Box<str>)) -> Self {
        Self { at: (*at).into(), why }
    }
}

impl<'a> From<&'a Refuses> for Refusing<'a> {
    fn from(refuses: &'a Refuses) -> Self {
        Self { why: &refuses.why, since: refuses.since.into() }
    }
}

impl<'a> From<&'a CheckView> for Check<'a> {
    fn from(check: &'a CheckView) -> Self {
        let last = check.last.as_ref().map(|last| {
            let (found, why) = match &last.found {
                Found::Whole => (LookFound::Whole, None),
                Found::Damage(what) => (LookFound::Damage, Some(&**what)),
                Found::Nothing(why) => (LookFound::Nothing, Some(&**why)),
            };
            Look { at: last.at.into(), found, why }
        });
        Self { percent: check.percent, last, every_hours: hours(check.every) }
    }
}

impl<'a> From<&'a BackupFile> for Backup<'a> {
    fn from(file: &'a BackupFile) -> Self {
        Self { name: &file.name, at: file.at.into(), bytes: file.bytes, location: location(&file.name) }
    }
}

impl<'a> From<&'a UploadView> for Upload<'a> {
    fn from(UploadView { under_way, refused, most }: &'a UploadView) -> Self {
        let under_way = under_way.map(|uploading| match uploading {
            Uploading::Coming(percent) => Sent { percent, checking: false },
            Uploading::Checking => Sent { percent: Some(100), checking: true },
        });
        Self { under_way, refused: refused.as_ref().map(Failure::from), most_bytes: *most }
    }
}

/// `GET /api/v1/store`.
pub(crate) fn store<B: Backend>(web: &Web<B>) -> Reply {
    let store = web.store();
    let document = Store {
        file: store.file.as_deref(),
        refuses: store.refuses.as_ref().map(Refusing::from),
        check: Check::from(&store.check),
        restore: Restore::from(&store.restore),
    };
    body::json(StatusCode::OK, &document)
}

/// `GET /healthz`: healthy is a hub that answers, stores, and has found no damage.
///
/// # Errors
/// As the backend's.
pub(crate) async fn health<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    web.backend.overview().await?;
    let store = web.store();
    let (status, health) = match (&store.refuses, damage(&store)) {
        (Some(refuses), _) => {
            (StatusCode::SERVICE_UNAVAILABLE, Health::NotStoring { refuses: refuses.into() })
        }
        (None, Some(damage)) => (StatusCode::SERVICE_UNAVAILABLE, Health::Damaged { damage }),
        (None, None) => (StatusCode::OK, Health::Ok),
    };
    Ok(body::json(status, &health))
}

/// `GET /api/v1/backup`.
pub(crate) fn backups<B: Backend>(web: &Web<B>) -> Reply {
    let backups = web.store().backups;
    let document = KeptBackups {
        percent: backups.percent,
        failed: backups.failed.as_ref().map(Failure::from),
        every_hours: hours(backups.every),
        keep: backups.keep,
        upload: Upload::from(&backups.upload),
        backups: backups.kept.iter().map(Backup::from).collect(),
    };
    body::json(StatusCode::OK, &document)
}

/// A backup has been begun, and will lie there.
pub(crate) fn begun(name: &str) -> Reply {
    let location = location(name);
    at(&location, body::json(StatusCode::ACCEPTED, &Begun { backup: name, location: &location }))
}

/// A backup has been taken, and lies there.
pub(crate) fn taken(file: &BackupFile) -> Reply {
    at(&location(&file.name), body::json(StatusCode::CREATED, &Backup::from(file)))
}

/// An answer that leads to this place.
fn at(location: &str, mut reply: Reply) -> Reply {
    if let Ok(location) = HeaderValue::from_str(location) {
        reply.headers_mut().insert(header::LOCATION, location);
    }
    reply
}

/// `GET /api/v1/backups/{name}`, piece by piece. Nobody has it before that stands in the audit.
///
/// # Errors
/// [`WebError::NotFound`]; as the store's.
pub(crate) async fn backup_file<B: Backend>(web: &Web<B>, name: &str) -> Result<Reply, WebError> {
    let BackupData { mut file, bytes } = web.backend.backup(name).await.ok_or(WebError::NotFound)?;
    web.door.change(Change::Download { name: name.into() }, &web.author(), web.now()).await?;
    let (mut sender, channel) = Channel::<Bytes, BodyError>::new(PIECES);
    let mut stopping = web.stopping.clone();
    tokio::spawn(async move {
        loop {
            // Reading the disk must not hold up other answers.
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = Vec::new();
                let result = (&mut file).take(PIECE).read_to_end(&mut piece);
                (file, result.map(|_| piece))
            });
            let Ok((given_back, piece)) = read.await else { return };
            file = given_back;
            let sent = match piece {
                Ok(piece) if piece.is_empty() => return,
                Ok(piece) => tokio::select! {
                    sent = sender.send_data(piece.into()) => sent.is_ok(),
                    _ = stopping.changed() => false,
                },
                Err(error) => {
                    // The reader must not take what it has for all.
                    sender.abort(error.into());
                    return;
                }
            };
            if !sent {
                return;
            }
        }
    });
    let mut reply = body::reply(StatusCode::OK, "application/vnd.sqlite3", "");
    *reply.body_mut() = channel.boxed_unsync();
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_LENGTH, bytes.into());
    // Names have neither quotes nor anything else that would need care.
    if let Ok(attached) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, attached);
    }
    Ok(reply)
}

fn location(name: &str) -> String {
    format!("/api/v1/backups/{name}")
}

fn damage(store: &StoreView) -> Option<&str> {
    match &store.check.last.as_ref()?.found {
        Found::Damage(what) => Some(what),
        Found::Whole | Found::Nothing(_) => None,
    }
}

fn hours(every: Option<Duration>) -> Option<u64> {
    every.map(|every| every.as_secs() / 3600)
}
