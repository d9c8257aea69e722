//! `iot-server join` beside the real binary: a node joins with the secret that it shows, or with digits that are typed
//! into it, and nothing of it is left behind.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Lines, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use iot_node::{
    join::{Join, JoinStep, Randomness},
    runner::{Ends, join, join_with_button, new_key, random},
};
use iot_proto::JoinSecret;
use rcgen::generate_simple_self_signed;

/// The binary on a data directory. It is killed where a test ends before it.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iot-server"));
    command.args(arguments).arg("--data-dir").arg(data_dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A hub with an owner, and where nodes find it.
fn hub(data_dir: &Path, tls: &str) -> (Program, SocketAddr) {
    let mut add = program(data_dir, &["user", "add", "ada", "--role", "admin"]).spawn().expect("the binary");
    writeln!(add.stdin.take().expect("it was asked for"), "correct horse battery").expect("it reads");
    assert!(add.wait().expect("it ends").success());
    let run = ["--log-format", "json", "--address", "127.0.0.1", "--tcp-port", "0", "--web-port", "0"];
    let mut child = program(data_dir, &[&run[..], &["--announce", "no", "--tls", tls]].concat());
    let mut child = child.spawn().expect("the binary is there");
    let mut log = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
    // Nodes and pages are served in either order, and the command asks the page.
    let (mut address, mut has_pages) = (None, false);
    while address.is_none() || !has_pages {
        let line = log.next().expect("the hub starts").expect("text");
        let record: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        address = address.or_else(|| record["tcp_addr"].as_str()?.parse().ok());
        has_pages |= record["url"].is_string();
    }
    // Whoever stops reading a log stops whoever writes it.
    std::thread::spawn(move || log.for_each(drop));
    (Program(child), address.expect("the log says where nodes connect"))
}

/// `iot-server join`, once it shows a secret.
fn joining(data_dir: &Path, tls: &str) -> (Program, ChildStdin, Lines<BufReader<ChildStdout>>, JoinSecret) {
    let mut child = program(data_dir, &["join", "--tls", tls]).spawn().expect("the binary is there");
    let (stdin, stdout) = (child.stdin.take().expect("it was asked for"), child.stdout.take());
    let mut lines = BufReader::new(stdout.expect("it was asked for")).lines();
    let shown = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, secret) = line.split_once("Secret, for one node:")?;
        secret.trim().parse().ok()
    });
    (Program(child), stdin, lines, shown.expect("a secret is shown"))
}

/// What it says until it ends, and whether it has ended well.
fn ends(mut program: Program, lines: Lines<BufReader<ChildStdout>>) -> (Vec<String>, bool) {
    let said = lines.map_while(Result::ok).collect();
    (said, program.0.wait().expect("it ends").success())
}

/// What a node draws for one run.
fn randomness() -> Randomness {
    let drawn =
        || Ok::<_, io::Error>(Randomness { ephemeral: random()?, nonce: random()?, answer: random()? });
    drawn().expect("random bytes")
}

/// Somebody who types the digits that the node shows.
fn types(mut stdin: ChildStdin) -> impl FnMut(JoinStep) -> io::Result<()> {
    move |step| if let JoinStep::Show(digits) = step { writeln!(stdin, "{digits}") } else { Ok(()) }
}

fn said(data_dir: &Path, arguments: &[&str]) -> (String, String) {
    let output = program(data_dir, arguments).output().expect("the binary is there");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

/// Puts a certificate for another name than any of this machine, and its key, where the configuration names them.
fn name_certificate(data_dir: &Path) {
    let made = generate_simple_self_signed(["hub.example".into()]).expect("it can be made");
    let [certificate, key] = ["named.crt", "named.key"].map(|name| data_dir.join(name));
    let named = format!("tls_certificate = '{}'\ntls_key = '{}'\n", certificate.display(), key.display());
    for (path, text) in [
        (&certificate, made.cert.pem()),
        (&key, made.signing_key.serialize_pem()),
        (&data_dir.join("iot-hub.toml"), named),
    ] {
        fs::write(path, text).expect("the directory is there");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        }
    }
}

#[tokio::test]
async fn a_node_joins_with_the_secret_that_is_shown_over_plain_and_encrypted_pages() {
    for tls in ["off", "self-signed", "files"] {
        let data_dir = tempfile::tempdir().unwrap();
        name_certificate(data_dir.path());
        let (_hub, address) = hub(data_dir.path(), tls);
        let (command, _stdin, lines, secret) = joining(data_dir.path(), tls);
        let (tokens, _) = said(data_dir.path(), &["token", "list"]);
        assert!(tokens.contains("operator") && tokens.contains("iot-server join"), "{tokens}");
        let run = Join::with_secret(&new_key().unwrap(), &secret, random().unwrap()).unwrap();
        join(Ends::new(address), run, |_| Ok(())).await.expect("it is let in");
        let (last, is_well) = ends(command, lines);
        assert!(
            is_well && last.iter().any(|line| line.contains("has joined with a secret")),
            "{tls}: {last:?}"
        );
        assert_eq!(said(data_dir.path(), &["token", "list"]).0, "", "the token is gone");
    }
}

#[tokio::test]
async fn a_node_joins_with_digits_that_are_typed() {
    let data_dir = tempfile::tempdir().unwrap();
    let (_hub, address) = hub(data_dir.path(), "off");
    let (command, stdin, lines, _) = joining(data_dir.path(), "off");
    let run = Join::with_code(&new_key().unwrap(), randomness()).unwrap();
    join(Ends::new(address), run, types(stdin)).await.map_err(io::Error::other).expect("it is let in");
    let (last, is_well) = ends(command, lines);
    assert!(is_well && last.iter().any(|line| line.contains("has joined with digits")), "{last:?}");
}

#[tokio::test]
async fn a_node_joins_with_digits_that_are_typed_and_its_button_that_the_command_asks_for() {
    let data_dir = tempfile::tempdir().unwrap();
    let (_hub, address) = hub(data_dir.path(), "off");
    let (command, stdin, mut lines, _) = joining(data_dir.path(), "off");
    let run = Join::with_button(&new_key().unwrap(), randomness()).unwrap();
    let pressed = async || {
        let asks = lines.by_ref().map_while(Result::ok).any(|line| line.contains("Now press the button"));
        asks.then_some(()).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    };
    let joined = join_with_button(Ends::new(address), run, types(stdin), pressed).await;
    joined.map_err(io::Error::other).expect("it is let in");
    let (last, is_well) = ends(command, lines);
    assert!(is_well && last.iter().any(|line| line.contains("has joined with digits")), "{last:?}");
}

#[test]
fn no_other_certificate_is_believed_than_the_one_that_the_configuration_names() {
    let data_dir = tempfile::tempdir().unwrap();
    name_certificate(data_dir.path());
    let (_hub, _) = hub(data_dir.path(), "files");
    name_certificate(data_dir.path());
    let (_, complaint) = said(data_dir.path(), &["join", "--tls", "files"]);
    assert!(complaint.contains("another certificate than its file has"), "{complaint}");
    assert_eq!(said(data_dir.path(), &["token", "list"]).0, "", "the token is gone");
}

#[test]
fn where_no_hub_runs_nothing_is_opened_and_nothing_is_made() {
    let data_dir = tempfile::tempdir().unwrap();
    let elsewhere = data_dir.path().join("none");
    let (_, complaint) = said(&elsewhere, &["join"]);
    assert!(complaint.contains("no hub runs on"), "{complaint}");
    assert!(!elsewhere.exists());
}
