//! Files: those of the web interface, and those of module kinds. Both come from memory, never from a path
//! that a request names.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use iot_core::catalogue::Catalogue;
use rust_embed::{Embed, EmbeddedFile};

use crate::{
    body::{self, Reply},
    error::WebError,
};

/// The style sheet, the icons and the script.
#[derive(Embed)]
#[folder = "../../web-templates/static/"]
struct Assets;

/// What a module kind's file may do in a browser: be looked at, alone.
const MODULE_FILE_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'";

/// A file of the web interface; only its tag where the browser has it already.
///
/// # Errors
/// [`WebError::NotFound`].
pub(crate) fn asset(path: &str, headers: &HeaderMap) -> Result<Reply, WebError> {
    let file = Assets::get(path).ok_or(WebError::NotFound)?;
    let tag = tag(&file);
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut reply = if known {
        body::reply(StatusCode::NOT_MODIFIED, content_type(path), "")
    } else {
        body::reply(StatusCode::OK, content_type(path), file.data.into_owned())
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        reply.headers_mut().insert(header::ETAG, tag);
    }
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(reply)
}

/// The first half of the file's SHA-256, quoted.
fn tag(file: &EmbeddedFile) -> String {
    use std::fmt::Write as _;
    let mut tag = String::from("\"");
    for byte in file.metadata.sha256_hash().iter().take(16) {
        // Writing to a String cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// A file of a module kind, locked into a sandbox: whoever wrote it may be anyone.
///
/// # Errors
/// [`WebError::Hub`] for an unknown kind, [`WebError::NotFound`] for a file that the kind has not.
pub(crate) fn module_file(catalogue: &Catalogue, kind: &str, path: &str) -> Result<Reply, WebError> {
    let file = catalogue.kind(kind)?.files.get(path).ok_or(WebError::NotFound)?;
    let content_type = content_type(path);
    let mut reply = body::reply(StatusCode::OK, content_type, file.to_vec());
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(MODULE_FILE_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if content_type == UNKNOWN {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    Ok(reply)
}

/// The type of a file that is only downloaded.
const UNKNOWN: &str = "application/octet-stream";

fn content_type(path: &str) -> &'static str {
    let end = path.rsplit_once('.').map_or("", |(_, end)| end);
    match end {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "txt" | "md" | "toml" => "text/plain; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "json" => "application/json",
        _ => UNKNOWN,
    }
}
