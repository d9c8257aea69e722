//! Backups that are sent to the real binary: from one hub to another one on an empty machine, whose nodes come back by
//! themselves; and all that is refused and leaves nothing.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use iot_sim::{Fleet, FleetConfig, Plan};
use serde_json::Value as Json;
use tempfile::TempDir;

const SOON: Duration = Duration::from_mins(1);

/// A hub on a data directory of its own, with an owner and a token. It is killed when it is dropped.
struct Hub {
    data_dir: TempDir,
    child: Child,
    nodes: SocketAddr,
    pages: SocketAddr,
    token: String,
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command of the binary writes.
fn command(data_dir: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_iot-server"))
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary is there");
    // A command that reads nothing may have ended before this.
    let _ = writeln!(child.stdin.take().expect("it was asked for"), "{input}");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// Starts the binary, and gives where nodes connect and pages are served.
fn start(data_dir: &Path, more: &[&str]) -> (Child, SocketAddr, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_iot-server"))
        .args(["--log-format", "json", "--address", "127.0.0.1", "--tcp-port", "0", "--web-port", "0"])
        .args(["--announce", "no", "--data-dir"])
        .arg(data_dir)
        .args(more)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is there");
    let mut log = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
    let (mut nodes, mut pages) = (None, None);
    for line in log.by_ref().map_while(Result::ok) {
        let record: Json = serde_json::from_str(&line).expect("a line of JSON");
        let address = |name: &str| record[name].as_str().and_then(|text| text.parse::<SocketAddr>().ok());
        nodes = nodes.or_else(|| address("tcp_addr"));
        pages = pages.or_else(|| address("web_addr"));
        if nodes.is_some() && pages.is_some() {
            break;
        }
    }
    // Whoever stops reading a log stops whoever writes it.
    std::thread::spawn(move || log.for_each(drop));
    (child, nodes.expect("the log says it"), pages.expect("the log says it"))
}

impl Hub {
    fn start(settings: &str, more: &[&str]) -> Self {
        let data_dir = tempfile::tempdir().expect("a directory");
        fs::write(data_dir.path().join("iot-hub.toml"), settings).expect("a file");
        command(data_dir.path(), &["user", "add", "ada", "--role", "admin"], "correct horse battery");
        let token = ["token", "create", "ada", "--label", "suite", "--role", "admin"];
        let token = command(data_dir.path(), &token, "");
        let (child, nodes, pages) = start(data_dir.path(), more);
        Self { data_dir, child, nodes, pages, token }
    }

    /// Kills it and starts it again.
    fn again(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        (self.child, self.nodes, self.pages) = start(self.data_dir.path(), &[]);
    }

    /// Begins a request of a body of so many bytes.
    fn begin(&self, head: &str, length: u64) -> TcpStream {
        let mut stream = TcpStream::connect(self.pages).expect("pages are served");
        let (host, token) = (self.pages, &self.token);
        let head = format!(
            "{head} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
             content-type: application/octet-stream\r\ncontent-length: {length}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        stream
    }

    /// Asks for something, and gives status and body.
    fn ask(&self, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let length = u64::try_from(body.len()).expect("it fits");
        let mut stream = self.begin(head, length);
        stream.write_all(b"\r\n").and_then(|()| stream.write_all(body)).expect("it reads");
        answer(stream).expect("an answer")
    }

    /// The status with which a request without a body is answered, by a hub that may be starting anew.
    fn status(&self, head: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(self.pages).ok()?;
        let (host, token) = (self.pages, &self.token);
        let head = format!(
            "{head} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
             content-length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        answer(stream).map(|(status, _)| status)
    }

    fn get(&self, path: &str) -> Json {
        let (status, body) = self.ask(&format!("GET /api/v1{path}"), b"");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Sends a backup, and gives status and answer.
    fn send(&self, file: &[u8]) -> (u16, Json) {
        let (status, body) = self.ask("POST /api/v1/backups", file);
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    fn backups(&self) -> Vec<PathBuf> {
        let directory = fs::read_dir(self.data_dir.path().join("backups"));
        directory.into_iter().flatten().map(|entry| entry.expect("it can be read").path()).collect()
    }

    /// Has it make a backup, and fetches that.
    fn backup(&self) -> Vec<u8> {
        let (status, _) = self.ask("POST /api/v1/backup", b"");
        assert_eq!(status, 202);
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
fn answer(mut stream: TcpStream) -> Option<(u16, Vec<u8>)> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let head = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let status = String::from_utf8_lossy(&bytes[..head]).split(' ').nth(1)?.parse().ok()?;
    Some((status, bytes.split_off(head)))
}

/// Waits until something can be told.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < SOON, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn fleet(hub: SocketAddr) -> Fleet {
    let plan = Plan { rate: 5.0, ..Plan::default() };
    Fleet::start(FleetConfig { plan, ..FleetConfig::new(hub, 3) }).await.expect("nodes start")
}

/// How many nodes are online.
fn online(hub: &Hub) -> usize {
    let overview = hub.get("/overview");
    overview["presence"]["online"].as_u64().and_then(|count| usize::try_from(count).ok()).expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_one_hub_is_sent_to_one_on_an_empty_machine_and_its_nodes_come_back() {
    let first = Hub::start("registration = \"open\"", &[]);
    let nodes = fleet(first.nodes).await;
    until("all have come", || (online(&first) == 3).then_some(()));
    until("they have reported", || (nodes.stats().acknowledged > 20).then_some(()));
    let file = first.backup();
    nodes.stop().await;
    let (told, token) = (first.get("/nodes")["nodes"].clone(), first.token.clone());
    drop(first);

    let mut second = Hub::start("", &[]);
    assert_eq!(second.get("/nodes")["nodes"].as_array().map(Vec::len), Some(0));
    let (status, sent) = second.send(&file);
    assert_eq!(status, 201, "{sent}");
    let location = sent["location"].as_str().expect("its place").to_owned();
    assert_eq!(sent["bytes"], file.len());
    let (_, back) = second.ask(&format!("GET {location}"), b"");
    assert!(back == file, "it is what was sent");
    let audit = second.get("/audit?limit=2");
    let entry = |at: usize| (audit["audit"][at]["deed"].clone(), audit["audit"][at]["by"].clone());
    assert_eq!(entry(0), ("download".into(), "ada (token suite)".into()));
    assert_eq!(entry(1), ("upload".into(), "ada (token suite)".into()));
    let path = location.trim_start_matches("/api/v1");
    let preview = second.get(&format!("{path}/restore"));
    assert_eq!((&preview["then"]["nodes"], &preview["now"]["nodes"]), (&3.into(), &0.into()));
    assert_eq!(preview["let_in"].as_array().map(Vec::len), Some(3), "{preview}");

    assert_eq!(second.status(&format!("POST {location}/restore")), Some(202));
    second.token = token;
    // That token is known to the hub that was restored alone.
    let is_restored = || second.status("GET /api/v1/account").filter(|status| *status == 200);
    until("the hub has started with it", is_restored);
    let known = second.get("/nodes");
    let of = |list: &Json| -> Vec<_> {
        let nodes = list.as_array().expect("nodes").iter();
        nodes.map(|node| (node["id"].clone(), node["admission"].clone())).collect()
    };
    assert_eq!(of(&known["nodes"]), of(&told));
    let nodes = fleet(second.nodes).await;
    until("all are back, and nobody had to let them in", || (online(&second) == 3).then_some(()));
    nodes.stop().await;
}

#[test]
fn what_is_no_whole_backup_is_refused_and_the_page_says_why() {
    let hub = Hub::start("", &[]);
    let file = hub.backup();
    let before = hub.backups();
    let mut damaged = file.clone();
    let middle = damaged.len() / 2;
    damaged[middle..].chunks_mut(4_096).for_each(|page| page.fill(0xA5));
    for (what, bytes, expected) in [
        ("a picture", &[0xFF; 9_000][..], "not made by a hub"),
        ("nothing", b"", "not made by a hub"),
        ("half of one", &file[..middle], "damaged"),
        ("a damaged one", &damaged, "damaged"),
    ] {
        let (status, refused) = hub.send(bytes);
        let message = refused["error"]["message"].as_str().expect("words");
        assert_eq!(status, 422, "{what}: {refused}");
        assert!(message.contains(expected), "{what}: {message}");
        let told = hub.get("/backup");
        assert_eq!(told["upload"]["refused"]["why"], message, "{what}");
        assert_eq!(hub.backups(), before, "{what} leaves nothing");
    }
    assert_eq!(hub.send(&file).0, 201, "the one that was changed is whole");
}

#[test]
fn one_that_does_not_fit_is_refused_before_it_comes() {
    let hub = Hub::start("max_upload_mib = 4294967295", &[]);
    for (length, expected) in [(1 << 51, "507"), (u64::MAX / 2, "413")] {
        let mut stream = hub.begin("POST /api/v1/backups", length);
        stream.write_all(b"expect: 100-continue\r\n\r\n").expect("it reads");
        let (status, body) = answer(stream).expect("an answer");
        assert_eq!(status.to_string(), expected, "{}", String::from_utf8_lossy(&body));
        let refused: Json = serde_json::from_slice(&body).expect("JSON");
        let message = refused["error"]["message"].as_str().expect("words");
        let says = if expected == "507" { "stay free for what nodes report" } else { "exceeds the limit of" };
        assert!(message.contains(says), "{message}");
    }
    assert!(hub.backups().is_empty());
}

#[test]
fn one_that_is_cut_off_leaves_nothing_and_neither_does_a_hub_that_is_killed_meanwhile() {
    let mut hub = Hub::start("", &[]);
    let file = vec![7; 3_000_000];
    let half = |hub: &Hub| {
        let mut stream = hub.begin("POST /api/v1/backups", 3_000_000);
        stream.write_all(b"\r\n").and_then(|()| stream.write_all(&file[..1_500_000])).expect("it reads");
        until("half of it has come", || {
            let percent = hub.get("/backup")["upload"]["under_way"]["percent"].as_u64();
            percent.filter(|percent| *percent > 30)
        });
        assert_eq!(hub.get("/backup")["backups"], Json::Array(Vec::new()), "it is in no list");
        stream
    };
    let stream = half(&hub);
    let part = hub.backups();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&part[0]).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
    }
    assert_eq!(part.len(), 1);
    drop(stream);
    until("the hub knows of it", || hub.get("/backup")["upload"]["under_way"].is_null().then_some(()));
    assert!(hub.backups().is_empty());
    let why = hub.get("/backup")["upload"]["refused"]["why"].clone();
    assert!(why.as_str().is_some_and(|why| why.contains("cut off after")), "{why}");

    let _stream = half(&hub);
    hub.again();
    assert!(hub.backups().is_empty(), "the next start has swept it");
}
