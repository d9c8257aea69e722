//! [`Upload`]: a backup that somebody sends to the hub over a socket, a part of it before the disk is full and the rest
//! afterwards.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::api::Api;

/// Longest wait for the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A backup that is on its way.
#[derive(Debug)]
pub(super) struct Upload {
    stream: TcpStream,
}

impl Upload {
    /// Says that so many bytes will come.
    ///
    /// # Errors
    /// When the hub cannot be reached.
    pub(super) fn announce(api: &Api, bytes: usize) -> Result<Self> {
        let mut stream = TcpStream::connect(api.address()).context("the pages")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "POST /api/v1/backups HTTP/1.1\r\nhost: {}\r\norigin: {}\r\n{}connection: close\r\n\
             content-type: application/octet-stream\r\ncontent-length: {bytes}\r\n\r\n",
            api.address(),
            api.base(),
            api.name_line()
        )?;
        Ok(Self { stream })
    }

    /// Sends some of them.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        // A hub that has refused it may not read what comes then. What it says tells why.
        let _ = self.stream.write_all(bytes);
    }

    /// What the hub answers: the status and the text.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn answer(mut self) -> Result<(u16, String)> {
        let mut text = String::new();
        self.stream.read_to_string(&mut text).context("the answer to an upload")?;
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.with_context(|| format!("a status: {text:?}"))?, text))
    }
}
