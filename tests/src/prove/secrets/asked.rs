//! [`Asked`]: requests as they are, byte for byte, and every answer to them with its head.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// How long the hub may take over an answer.
const SOON: Duration = Duration::from_secs(40);

/// A hub that is asked, with all that it has answered.
#[derive(Debug)]
pub(super) struct Asked {
    address: SocketAddr,
    /// What was asked, and the answer with its head.
    pub(super) answers: Vec<(String, Vec<u8>)>,
}

impl Asked {
    /// A hub whose pages are here.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, answers: Vec::new() }
    }

    /// Sends a request with these lines in its head, and gives the answer as text.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) fn ask(&mut self, method: &str, path: &str, lines: &str, body: &str) -> Result<String> {
        let (host, length) = (self.address, body.len());
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(SOON))?;
        // The older version is answered in one piece.
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {host}\r\nOrigin: http://{host}\r\n\
             Content-Length: {length}\r\n{lines}\r\n{body}"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).with_context(|| format!("{method} {path}"))?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        self.answers.push((format!("the answer to {method} {}", path.escape_debug()), answer));
        Ok(text)
    }

    /// Sends a form in the name of whoever has this line in the head.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) fn form(&mut self, path: &str, name: &str, fields: &[(&str, &str)]) -> Result<String> {
        let encoded = |text: &str| percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
        let pairs: Vec<_> =
            fields.iter().map(|(field, value)| format!("{}={}", encoded(field), encoded(value))).collect();
        let lines = format!("{name}Content-Type: application/x-www-form-urlencoded\r\n");
        self.ask("POST", path, &lines, &pairs.join("&"))
    }

    /// Sends a form that is to be done: answered with a page or the way to one.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) fn done(&mut self, path: &str, name: &str, fields: &[(&str, &str)]) -> Result<String> {
        let answer = self.form(path, name, fields)?;
        let status = answer.get(9..12).unwrap_or_default();
        ensure!(matches!(status, "200" | "303"), "{path}: {status}");
        Ok(answer)
    }

    /// The last answer shows a secret to the one whom it is for: once is taken out of it, and a second time is found.
    pub(super) fn shown_once(&mut self, secret: &str) {
        if let Some((_, answer)) = self.answers.last_mut() {
            let text = String::from_utf8_lossy(answer).replacen(secret, "", 1);
            *answer = text.into_bytes();
        }
    }
}

/// The hexadecimal digits of an answer that follow on this text, 64 of them.
///
/// # Errors
/// When there are none.
pub(super) fn digits_after(answer: &str, before: &str) -> Result<String> {
    let all = answer.split(before).skip(1).map(|rest| rest.chars().take(64).collect::<String>());
    let digits = |text: &String| text.len() == 64 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    all.into_iter().find(digits).with_context(|| format!("nothing was handed out after {before}"))
}
