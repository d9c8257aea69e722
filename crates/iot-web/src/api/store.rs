//! The store: whether it takes what it is given, whether its file is whole, and its backups.

use std::{io::Read as _, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, channel::Channel};
use serde_json::{Value as Json, json};

use crate::{
    Backend, BackupData, CheckView, Found, StoreView,
    api::restore,
    body::{self, BodyError, Reply},
    error::WebError,
    web::Web,
};

/// Bytes of a backup that are read at once, and pieces that may wait for a slow reader.
const PIECE: u64 = 64 * 1024;
const PIECES: usize = 4;

/// `GET /api/v1/store`.
pub(crate) fn store<B: Backend>(web: &Web<B>) -> Reply {
    let store = web.store();
    body::json(
        StatusCode::OK,
        &json!({ "file": store.file, "refuses": refuses(&store), "check": check(&store.check), "restore": restore::view(&store.restore) }),
    )
}

/// `GET /healthz`: healthy is a hub that answers, stores, and has found no damage.
///
/// # Errors
/// As the backend's.
pub(crate) async fn health<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    web.backend.overview().await?;
    let store = web.store();
    let damage = damage(&store);
    Ok(if store.refuses.is_some() {
        let document = json!({ "status": "not-storing", "refuses": refuses(&store) });
        body::json(StatusCode::SERVICE_UNAVAILABLE, &document)
    } else if damage.is_some() {
        body::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "damaged", "damage": damage }))
    } else {
        body::json(StatusCode::OK, &json!({ "status": "ok" }))
    })
}

/// `GET /api/v1/backup`.
pub(crate) fn backups<B: Backend>(web: &Web<B>) -> Reply {
    let backups = web.store().backups;
    let kept = backups.kept.iter().map(|file| {
        json!({ "name": file.name, "at": file.at.0, "bytes": file.bytes, "location": location(&file.name) })
    });
    let failed = backups.failed.as_ref().map(|(at, why)| json!({ "at": at.0, "why": why }));
    body::json(
        StatusCode::OK,
        &json!({
            "percent": backups.percent,
            "failed": failed,
            "every_hours": hours(backups.every),
            "keep": backups.keep,
            "backups": kept.collect::<Vec<_>>(),
        }),
    )
}

/// A backup has been begun, and will lie there.
pub(crate) fn begun(name: &str) -> Reply {
    let location = location(name);
    let mut reply = body::json(StatusCode::ACCEPTED, &json!({ "backup": name, "location": location }));
    if let Ok(location) = HeaderValue::from_str(&location) {
        reply.headers_mut().insert(header::LOCATION, location);
    }
    reply
}

/// `GET /api/v1/backups/{name}`, piece by piece.
///
/// # Errors
/// [`WebError::NotFound`].
pub(crate) async fn backup_file<B: Backend>(web: &Web<B>, name: &str) -> Result<Reply, WebError> {
    let BackupData { mut file, bytes } = web.backend.backup(name).await.ok_or(WebError::NotFound)?;
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

fn refuses(store: &StoreView) -> Option<Json> {
    store.refuses.as_ref().map(|refuses| json!({ "why": refuses.why, "since": refuses.since.0 }))
}

fn damage(store: &StoreView) -> Option<&str> {
    match &store.check.last.as_ref()?.found {
        Found::Damage(what) => Some(what),
        Found::Whole | Found::Nothing(_) => None,
    }
}

fn check(check: &CheckView) -> Json {
    let last = check.last.as_ref().map(|last| {
        let (found, why) = match &last.found {
            Found::Whole => ("whole", None),
            Found::Damage(what) => ("damage", Some(what)),
            Found::Nothing(why) => ("nothing", Some(why)),
        };
        json!({ "at": last.at.0, "found": found, "why": why })
    });
    json!({ "percent": check.percent, "last": last, "every_hours": hours(check.every) })
}

fn hours(every: Option<Duration>) -> Option<u64> {
    every.map(|every| every.as_secs() / 3600)
}
