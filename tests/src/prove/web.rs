//! `prove web`: no page of another site changes anything, no name runs as a script, no path leaves its folder, and every
//! operation of the API answers as its document says.
//!
//! The real binary and a real browser, in which the owner is logged in. A page on another port and one on another
//! address try to change things with the owner's cookie; the port is the harder one, since cookies know no ports.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use iot_proto::Capabilities;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    described::{self, Described, Way},
    findings::Findings,
    frame::Frame,
};
use crate::{browser::Browser, hand_node::HandNode, hub::HubProcess, people::OWNER, wait::until};

/// How long a page of the other site may take over its tries.
const SOON: Duration = Duration::from_mins(1);

/// What a name says that wants to be a script; `#` stands for a number.
const PAYLOADS: [&str; 10] = [
    "<script>window.pwned=#</script>",
    "<img src=x onerror=window.pwned=#>",
    "\"><svg onload=window.pwned=#>",
    "' autofocus onfocus=window.pwned=# x='",
    "</title><script>window.pwned=#</script>",
    "</textarea><script>window.pwned=#</script>",
    "javascript:window.pwned=#",
    "{{window.pwned=#}}${window.pwned=#}",
    "--><script>window.pwned=#</script>",
    "<iframe srcdoc='<script>parent.pwned=#</script>'>",
];

/// Paths that want to leave their folder.
const PATHS: [&str; 14] = [
    "/static/../hub.db",
    "/static/%2e%2e/hub.db",
    "/static/..%2fhub.db",
    "/static/..%5chub.db",
    "/static//etc/passwd",
    "/static/%00hub.css",
    "/static/....//hub.db",
    "/modules/../hub.db",
    "/modules/relay/../../../hub.db",
    "/modules/relay/%2e%2e/%2e%2e/hub.db",
    "/modules/relay/..%2f..%2fhub.db",
    "/modules/%2e%2e/hub.db",
    "/api/v1/backups/..%2fhub.db",
    "/api/v1/backups/%2e%2e%2fhub.db",
];

/// How often.
#[derive(Clone, Copy, Debug, Args)]
pub struct Options {
    /// Rounds of tries from each of the two other sites; each round has ten
    #[arg(long, default_value_t = 12)]
    rounds: u32,
    /// Nodes whose six names each are a script
    #[arg(long, default_value_t = 170)]
    nodes: u32,
    /// Examples of each operation of the API, in the owner's name
    #[arg(long, default_value_t = 60)]
    examples: u32,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The tries come from the hub's own page, and the names stand on a page that does not escape them
    OwnPage,
    /// Answers of the API have another key on their way, and what is not found becomes an error of the server
    Spoiled,
}

#[derive(Debug, Default)]
struct Figures {
    tries: u32,
    changes: usize,
    names: u32,
    pages: u32,
    scripts_run: u32,
    paths: usize,
    paths_left: usize,
}

/// Runs the proof and judges it. With a planted fault it does only what must find it.
///
/// # Errors
/// When hub, browser or schemathesis cannot be run, a promise is broken, or a planted fault was not found.
pub fn run(options: &Options) -> Result<()> {
    let plant = options.frame.plant;
    let mut figures = Figures::default();
    if plant != Some(Plant::Spoiled) {
        pages(options, &mut figures)?;
    }
    let described = match plant {
        Some(Plant::OwnPage) => Described::default(),
        Some(Plant::Spoiled) => described::every_operation(options.examples, Way::Spoiled)?,
        None => described::every_operation(options.examples, Way::Straight)?,
    };
    let Figures { tries, changes, names, pages, scripts_run, paths, paths_left } = figures;
    let mut findings = Findings::default();
    findings.tell("tries", tries);
    findings.zero("changes", changes);
    findings.tell("names", names);
    findings.tell("pages", pages);
    findings.zero("scripts_run", scripts_run);
    findings.tell("paths", paths);
    findings.zero("paths_left", paths_left);
    described.write(&mut findings);
    options.frame.conclude(
        "web",
        findings,
        |plant| match plant {
            Plant::OwnPage => changes > 0 && scripts_run > 0,
            Plant::Spoiled => described.server_errors > 0 && described.off_schema > 0,
        },
        "nothing was changed from other sites, no name ran, no path left its folder, and the API answered as it says",
    )
}

/// What other sites, names and paths come to.
fn pages(options: &Options, figures: &mut Figures) -> Result<()> {
    let directory = TempDir::new()?;
    let hub = HubProcess::start(directory.path(), &["--registration", "open"])?;
    let browser = Browser::start()?;
    browser.log_in(hub.api.base(), OWNER)?;
    other_sites(options, &hub, &browser, figures)?;
    names(options, &hub, &browser, figures)?;
    paths(&hub, figures)
}

/// Pages of other sites send forms and requests with the owner's cookie.
fn other_sites(options: &Options, hub: &HubProcess, browser: &Browser, figures: &mut Figures) -> Result<()> {
    let (_target, _) = HandNode::hello(hub.tcp, "target", 1, 0, Capabilities::KEEPS_SESSION)?;
    let before = changes(hub)?;
    let script = tries(hub.api.base(), options.rounds);
    if options.frame.is_planted() {
        attack(browser, hub.api.base(), &script)?;
        figures.tries += options.rounds * 10;
    } else {
        for address in ["127.0.0.1", "127.0.0.2"] {
            let site = site(address, "<title>other</title>".to_owned())?;
            attack(browser, &format!("http://{site}"), &script)?;
            figures.tries += options.rounds * 10;
        }
    }
    figures.changes = changes(hub)?.saturating_sub(before);
    Ok(())
}

/// What the audit has of changes: refusals and log ins change nothing.
fn changes(hub: &HubProcess) -> Result<usize> {
    let audit = hub.api.get("/audit?limit=1000")?;
    let all = audit["audit"].as_array().context("changes")?;
    let is_change = |change: &&Value| !matches!(change["deed"].as_str(), Some("refuse" | "log-in"));
    Ok(all.iter().filter(is_change).count())
}

/// A script that tries to change things in every way in which a page can send something, ten in a round.
fn tries(base: &str, rounds: u32) -> String {
    format!(
        "window.left = 1; (async () => {{
           const send = (path, type, body) => fetch('{base}' + path, {{ method: 'POST', mode: 'no-cors',
             credentials: 'include', headers: {{ 'Content-Type': type }}, body }}).catch(() => 0);
           const form = 'application/x-www-form-urlencoded', plain = 'text/plain';
           for (let round = 0; round < {rounds}; round++) {{
             const node = '/nodes/plain:target/';
             await send(node + 'name', form, 'title=Taken' + round + '&place=');
             await send(node + 'tags', form, 'tags=t' + round);
             await send(node + 'identify', form, '');
             await send(node + 'disable', form, 'why=taken');
             await send('/people', form, 'name=eve' + round + '&role=admin&password=correct+horse');
             await send('/account/tokens', form, 'label=x&role=admin&days=30');
             await send('/api/v1' + node + 'name', plain, '{{\"title\":\"Taken\"}}');
             await send('/api/v1' + node + 'identify', 'application/json', '{{}}');
             navigator.sendBeacon('{base}' + node + 'name', new URLSearchParams({{ title: 'Beacon' + round }}));
             const frame = document.createElement('iframe'); frame.name = 'f' + round; document.body.append(frame);
             const sent = document.createElement('form'); sent.method = 'post'; sent.target = frame.name;
             sent.action = '{base}' + node + 'name'; sent.innerHTML = '<input name=title value=Form' + round + '>';
             document.body.append(sent); sent.submit();
             await new Promise((done) => {{ frame.onload = done; setTimeout(done, 500); }});
           }}
           window.left = 0;
         }})();"
    )
}

/// Runs the tries on a page of this site, and waits until all are through.
fn attack(browser: &Browser, site: &str, script: &str) -> Result<()> {
    browser.open(site)?;
    browser.run(script)?;
    until("all tries are through", SOON, || Ok((browser.run("return window.left")? == 0).then_some(())))
}

/// A site that answers everything with one page.
fn site(address: &str, page: String) -> Result<SocketAddr> {
    let listener = TcpListener::bind((address, 0))?;
    let at = listener.local_addr()?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close";
            // A browser that is gone needs no answer.
            let _ = stream.read(&mut asked);
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
        }
    });
    Ok(at)
}

/// Everything that can be called something is called a script, and all pages that show it are opened.
fn names(options: &Options, hub: &HubProcess, browser: &Browser, figures: &mut Figures) -> Result<()> {
    let mut payload = || {
        figures.names += 1;
        let form = PAYLOADS.iter().cycle().nth(usize::try_from(figures.names).unwrap_or(0));
        form.map_or_else(String::new, |form| form.replace('#', &figures.names.to_string()))
    };
    let mut paths = ["/", "/nodes", "/commands", "/audit", "/inbox", "/people"].map(str::to_owned).to_vec();
    let mut all = String::new();
    for number in 0..options.nodes {
        let name = format!("named-{number}");
        let (mut node, _) = HandNode::hello(hub.tcp, &name, 1, 0, Capabilities::KEEPS_SESSION)?;
        let module = payload();
        node.register("relay", 1, &module)?;
        let [title, place, tag, given, why] = std::array::from_fn(|_| payload());
        let path = format!("/nodes/plain:{name}");
        for (of, body) in [
            (format!("{path}/name"), json!({ "title": title, "place": place, "why": why })),
            (format!("{path}/modules/0/name"), json!({ "title": given })),
        ] {
            let (status, answer) = hub.api.post(&of, &body)?;
            ensure!(status == 200, "{of}: {status} {answer}");
        }
        // A tag is a short word: what is none is refused, and said again on the page of the refusal.
        hub.api.form(&format!("{path}/tags"), &[("tags", &tag)])?;
        all.extend([title, place, module]);
        paths.extend([path.clone(), format!("{path}/modules/0"), format!("/audit?node=plain:{name}")]);
    }
    let bases = match options.frame.plant {
        Some(Plant::OwnPage | Plant::Spoiled) => vec![format!("http://{}", site("127.0.0.1", all)?)],
        None => paths.iter().map(|path| format!("{}{path}", hub.api.base())).collect(),
    };
    for address in bases {
        browser.open(&address)?;
        figures.pages += 1;
        figures.scripts_run += u32::from(!browser.run("return window.pwned")?.is_null());
    }
    Ok(())
}

/// Asks for paths as they are, which no client library would do.
fn paths(hub: &HubProcess, figures: &mut Figures) -> Result<()> {
    for path in PATHS {
        let mut stream = TcpStream::connect(hub.api.address())?;
        let (host, name) = (hub.api.address(), hub.api.name_line());
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{name}Connection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        figures.paths += 1;
        figures.paths_left += usize::from(answer.starts_with(b"HTTP/1.1 200"));
    }
    Ok(())
}
