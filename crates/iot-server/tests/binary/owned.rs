//! [`Owned`]: a hub of the real binary with an owner, asked over HTTP as a program of the owner's asks it. How the binary is
//! started is `program.rs`'s.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::program::{Hub, add_owner, said};

/// Long enough for what is sure to come.
const SOON: Duration = Duration::from_mins(1);

/// A hub with an owner and a token, on a data directory of its own.
pub(crate) struct Owned {
    data_dir: TempDir,
    hub: Hub,
    /// Where nodes connect.
    pub(crate) nodes: SocketAddr,
    /// Where its pages are.
    pages: SocketAddr,
    /// What a program of its owner shows.
    pub(crate) token: String,
}

/// Where nodes connect, and where pages are.
fn addresses(hub: &Hub) -> (SocketAddr, SocketAddr) {
    let [nodes, pages] =
        hub.told_all(["tcp_addr", "web_addr"]).map(|address| address.parse().expect("an address"));
    (nodes, pages)
}

impl Owned {
    /// Starts one with this configuration and these arguments.
    pub(crate) fn start(settings: &str, arguments: &[&str]) -> Self {
        let data_dir = tempfile::tempdir().expect("a directory");
        fs::write(data_dir.path().join("iot-hub.toml"), settings).expect("a file");
        add_owner(data_dir.path());
        let token = ["token", "create", "ada", "--label", "suite", "--role", "admin"];
        let token = said(data_dir.path(), &token, "").trim().to_owned();
        let hub = Hub::start(data_dir.path(), arguments);
        let (nodes, pages) = addresses(&hub);
        Self { data_dir, hub, nodes, pages, token }
    }

    /// Kills it and starts it again.
    pub(crate) fn again(self) -> Self {
        let Self { data_dir, hub, token, .. } = self;
        drop(hub);
        let hub = Hub::start(data_dir.path(), &[]);
        let (nodes, pages) = addresses(&hub);
        Self { data_dir, hub, nodes, pages, token }
    }

    /// Begins a request of a body of so many bytes.
    pub(crate) fn begin(&self, head: &str, length: u64) -> TcpStream {
        self.begin_of("application/octet-stream", head, length)
    }

    fn begin_of(&self, content_type: &str, head: &str, length: u64) -> TcpStream {
        let mut stream = TcpStream::connect(self.pages).expect("pages are served");
        let (host, token) = (self.pages, &self.token);
        let head = format!(
            "{head} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
             content-type: {content_type}\r\ncontent-length: {length}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        stream
    }

    /// Asks for something, and gives status and body.
    pub(crate) fn ask(&self, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let length = u64::try_from(body.len()).expect("it fits");
        let mut stream = self.begin(head, length);
        stream.write_all(b"\r\n").and_then(|()| stream.write_all(body)).expect("it reads");
        answer(stream).expect("an answer")
    }

    /// Has something done, and gives status and answer.
    pub(crate) fn post(&self, path: &str, document: &Json) -> (u16, Json) {
        let body = document.to_string();
        let length = u64::try_from(body.len()).expect("it fits");
        let mut stream = self.begin_of("application/json", &format!("POST /api/v1{path}"), length);
        stream.write_all(format!("\r\n{body}").as_bytes()).expect("it reads");
        let (status, body) = answer(stream).expect("an answer");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    /// Asks for something without a body, of a hub that may be starting anew.
    pub(crate) fn try_ask(&self, head: &str) -> Option<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(self.pages).ok()?;
        let (host, token) = (self.pages, &self.token);
        let head = format!(
            "{head} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
             content-length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        answer(stream)
    }

    /// What is told of a hub that may be starting anew, and to whoever it may not know yet.
    pub(crate) fn try_get(&self, path: &str) -> Option<Json> {
        let (status, body) = self.try_ask(&format!("GET /api/v1{path}"))?;
        (status == 200).then(|| serde_json::from_slice(&body).expect("JSON"))
    }

    /// Whether it is the process that was started.
    pub(crate) fn is_running(&mut self) -> bool {
        self.hub.is_running()
    }

    /// How many nodes are online.
    pub(crate) fn online(&self) -> usize {
        let overview = self.get("/overview");
        let online = overview["presence"]["online"].as_u64();
        online.and_then(|count| usize::try_from(count).ok()).expect("a count")
    }

    pub(crate) fn get(&self, path: &str) -> Json {
        let (status, body) = self.ask(&format!("GET /api/v1{path}"), b"");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Sends a backup, and gives status and answer.
    pub(crate) fn send(&self, file: &[u8]) -> (u16, Json) {
        let (status, body) = self.ask("POST /api/v1/backups", file);
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    /// What lies in its data directory.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.data_dir.path()).expect("it can be read").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    pub(crate) fn backups(&self) -> Vec<PathBuf> {
        let directory = fs::read_dir(self.data_dir.path().join("backups"));
        directory.into_iter().flatten().map(|entry| entry.expect("it can be read").path()).collect()
    }

    /// Has it make a backup of this kind, and fetches that.
    pub(crate) fn backup(&self, kind: &Json) -> Vec<u8> {
        assert_eq!(self.post("/backup", kind).0, 202);
        let path = until("the backup is made", || {
            let location = &self.get("/backup")["backups"][0]["location"];
            location.as_str().map(str::to_owned)
        });
        let (status, file) = self.ask(&format!("GET {path}"), b"");
        assert_eq!(status, 200);
        file
    }
}

/// Status and body of an answer, if it comes.
pub(crate) fn answer(mut stream: TcpStream) -> Option<(u16, Vec<u8>)> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let head = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let status = String::from_utf8_lossy(&bytes[..head]).split(' ').nth(1)?.parse().ok()?;
    Some((status, bytes.split_off(head)))
}

/// Waits until something can be told.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < SOON, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
