//! [`take`]: reads an upload from a request, piece by piece, and hands it on as it comes. A script sends the file alone as
//! the body; a browser sends it as a field of a form, also without any script.
//!
//! No more than a few pieces are held. Whoever sends slowly is waited for as long as it goes on: each piece has the time
//! that any other body has as a whole.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyDataStream, BodyExt as _};
use hyper::body::Incoming;
use multer::{Field, Multipart};
use tokio::time::timeout;
use tower_http::body::Limited;

use super::{Piece, Taking, UploadRefused};
use crate::{
    Backend, BackupFile, MAX_BODY, api,
    body::{self, Reply},
    error::WebError,
    route::Surface,
    web::{Asked, Web},
};

/// So many bytes of an upload must come within the time that any other body has as a whole.
pub const UPLOAD_PIECE: usize = MAX_BODY;

/// The field of the form that has the file.
const FIELD: &str = "backup";

/// What a script says that it sends.
pub(crate) const FILE_TYPES: [&str; 2] = ["application/octet-stream", "application/vnd.sqlite3"];

/// Takes a backup that somebody sends. A form leads on to what restoring it would change.
///
/// # Errors
/// [`WebError::ContentType`], [`WebError::Malformed`] for a form without the file, [`WebError::Upload`].
pub(crate) async fn take<B: Backend>(
    web: &Web<B>,
    surface: Surface,
    asked: &Asked,
    body: Option<Limited<Incoming>>,
) -> Result<Reply, WebError> {
    let mut source = Source::new(surface, asked, body)?;
    match pass_on(web, &mut source, &asked.headers).await {
        Ok(file) => Ok(match surface {
            Surface::Page => body::see_other(&format!("/store/restore/{}", file.name)),
            Surface::Api => api::taken(&file),
        }),
        Err(error) => {
            let is_stalled = matches!(error, WebError::Upload(UploadRefused::Stalled { .. }));
            let sends_nothing = source.is_untouched && waits_for_leave(&asked.headers);
            if !is_stalled && !sends_nothing {
                web.wait();
                // Most programs read no answer before they have sent all.
                let _ = timeout(web.body_within, source.drain()).await;
                web.serve();
            }
            Err(error)
        }
    }
}

async fn pass_on<B: Backend>(
    web: &Web<B>,
    source: &mut Source,
    headers: &HeaderMap,
) -> Result<BackupFile, WebError> {
    let Taking { pieces, taken } = web.backend.take_backup(&web.author(), length(headers))?;
    loop {
        // Each piece is waited for anew: what moves need not make room for others.
        web.wait();
        let piece = timeout(web.body_within, source.piece()).await;
        web.serve();
        let piece = piece.map_err(|_| UploadRefused::Stalled { within: web.body_within })??;
        let is_end = piece.is_none();
        // Why no more is wanted stands in what became of it.
        let is_refused = pieces.send(piece.map_or(Piece::End, Piece::Bytes)).await.is_err();
        if is_end || is_refused {
            return Ok(taken.await.map_err(|_| UploadRefused::Stopping)??);
        }
    }
}

/// How much the request says that it brings.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether whoever sends waits until it is asked to.
fn waits_for_leave(headers: &HeaderMap) -> bool {
    let expected = headers.get(header::EXPECT).map(HeaderValue::as_bytes);
    expected.is_some_and(|expected| expected.eq_ignore_ascii_case(b"100-continue"))
}

/// Where the bytes of a file come from.
struct Source {
    way: Way,
    /// Whether nothing was read yet.
    is_untouched: bool,
}

enum Way {
    Nothing,
    Body(Limited<Incoming>),
    Form(Multipart<'static>),
    Field(Box<Field<'static>>),
}

impl Source {
    fn new(surface: Surface, asked: &Asked, body: Option<Limited<Incoming>>) -> Result<Self, WebError> {
        let Some(body) = body else { return Ok(Self { way: Way::Nothing, is_untouched: true }) };
        let way = match surface {
            Surface::Api => {
                if !FILE_TYPES.iter().any(|of| asked.says(of)) {
                    return Err(WebError::ContentType { expected: FILE_TYPES[0] });
                }
                Way::Body(body)
            }
            Surface::Page => {
                let given = asked.headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok());
                let boundary = multer::parse_boundary(given.unwrap_or_default());
                let expected = "multipart/form-data";
                let boundary = boundary.map_err(|_| WebError::ContentType { expected })?;
                Way::Form(Multipart::new(BodyDataStream::new(body), boundary))
            }
        };
        Ok(Self { way, is_untouched: true })
    }

    /// The next bytes of the file, so many that there are few pieces; `None` behind the last.
    async fn piece(&mut self) -> Result<Option<Bytes>, WebError> {
        let mut piece = BytesMut::new();
        while piece.len() < UPLOAD_PIECE {
            let Some(bytes) = self.next().await? else { break };
            piece.extend_from_slice(&bytes);
        }
        Ok((!piece.is_empty()).then(|| piece.freeze()))
    }

    /// The next bytes, as they come.
    async fn next(&mut self) -> Result<Option<Bytes>, WebError> {
        self.is_untouched = false;
        loop {
            match &mut self.way {
                Way::Nothing => return Ok(None),
                Way::Body(body) => match body.frame().await {
                    Some(frame) => {
                        let frame = frame.map_err(|_| WebError::malformed("the file was cut off"))?;
                        if let Ok(bytes) = frame.into_data() {
                            return Ok(Some(bytes));
                        }
                    }
                    None => return Ok(None),
                },
                Way::Form(form) => {
                    let field = form.next_field().await.map_err(|error| unreadable(&error))?;
                    let field = field.ok_or_else(|| {
                        WebError::malformed(format!("the form has no field {FIELD} with the file"))
                    })?;
                    if field.name() == Some(FIELD) {
                        self.way = Way::Field(Box::new(field));
                    }
                }
                Way::Field(field) => return field.chunk().await.map_err(|error| unreadable(&error)),
            }
        }
    }

    /// Reads what is still sent, and forgets it.
    async fn drain(&mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }
}

fn unreadable(error: &multer::Error) -> WebError {
    WebError::malformed(format!("the form cannot be read: {error}"))
}
