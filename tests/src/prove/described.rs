//! The API held to its own document: schemathesis asks every operation with all that fits and with what does not.
//!
//! It comes from the Python Package Index and knows nothing of the hub but the document. Three ask: the owner with a token,
//! a viewer with one, and nobody. What would end the run is treated apart: nobody restores a backup in the owner's name, and
//! the feed of events, which has no end, is asked for by nobody alone.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use iot_sim::{Fleet, FleetConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::findings::{Findings, Seen};
use crate::{
    hub::HubProcess,
    people::{OWNER, command},
    python,
    wait::until,
};

/// The program and all that it needs, each in the version that this was written with.
const LIBRARIES: &str = include_str!("schemathesis.txt");

/// Answers that may be given to what fits the document: it does not know what there is, nor in which state.
const FITTING: &str = r#""2xx", 401, 403, 404, 409, 422, 429"#;

/// What the owner does not ask: the hub would start anew, or the answer never end.
const APART: [&str; 2] = ["post_backups_name_restore", "get_events"];

/// Operations that are told of each sort of failure.
const TOLD: usize = 4;

/// Seed of all that is made up.
const SEED: &str = "1";

/// How long nodes may take to become known.
const SOON: Duration = Duration::from_secs(30);

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) operations: usize,
    pub(super) requests: u64,
    /// Operations that were answered with success, or begun, at least once.
    reached: usize,
    pub(super) server_errors: u64,
    pub(super) off_schema: u64,
    seen: Seen,
}

impl Described {
    /// Adds it to what a run has found.
    pub(super) fn write(&self, findings: &mut Findings) {
        findings.add(&self.seen);
        findings.tell("operations", self.operations);
        findings.tell("requests", self.requests);
        findings.tell("reached", self.reached);
        // Whoever is refused everywhere finds nothing; a planted fault elsewhere asks nothing.
        if self.reached * 2 < self.operations {
            findings.breach(format!("{} of {} operations were reached", self.reached, self.operations));
        }
        findings.zero("server_errors", self.server_errors);
        findings.zero("off_schema", self.off_schema);
    }

    /// Reads what schemathesis reports of one run.
    fn add(&mut self, who: &str, Run { report, requests }: &Run) -> Result<()> {
        self.requests +=
            report["test_cases"]["generated"].as_u64().context("how many requests there were")?;
        let rates = report["valid_rates"].as_object().context("what was taken")?;
        let taken = |phases: &&Value| {
            let mut phases = phases.as_object().into_iter().flat_map(serde_json::Map::values);
            phases.any(|phase| phase["accepted"].as_u64().is_some_and(|count| count > 0))
        };
        self.reached = self.reached.max(rates.values().filter(taken).count());
        for failure in report["failures"].as_array().context("failures")? {
            let count = failure["count"].as_u64().context("how often it failed")?;
            let is_server = failure["type"] == "ServerError";
            *if is_server { &mut self.server_errors } else { &mut self.off_schema } += count;
            let operations = failure["operations"].as_array().context("where it failed")?;
            let first: Vec<_> = operations.iter().filter_map(Value::as_str).take(TOLD).collect();
            let (what, of) = (&failure["title"], operations.len());
            self.seen.tell(format!("as {who}: {what} at {of} operations: {}", first.join(", ")));
        }
        for request in requests.iter().take(TOLD) {
            self.seen.tell(format!("as {who}: {request}"));
        }
        for error in report["errors"].as_array().context("errors")? {
            self.seen.tell(format!("as {who}: {error}"));
        }
        Ok(())
    }
}

/// What schemathesis says of one run.
struct Run {
    report: Value,
    /// What failed, as somebody can ask it again.
    requests: Vec<String>,
}

/// How the answers reach whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As the hub gives them.
    Straight,
    /// Through somebody who changes them: a key is another one, and what is not found is an error of the server.
    Spoiled,
}

/// Asks every operation of a hub of its own, so many examples of each in the owner's name.
///
/// # Errors
/// When hub or schemathesis cannot be run.
pub(super) fn every_operation(examples: u32, way: Way) -> Result<Described> {
    let directory = TempDir::new()?;
    let hub = HubProcess::start(directory.path(), &["--registration", "open"])?;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let fleet = runtime.block_on(Fleet::start(FleetConfig::new(hub.tcp, 4)))?;
    let nodes: Vec<_> = fleet.nodes().iter().map(|node| node.id.clone()).collect();
    until("all nodes are known", SOON, || {
        Ok((nodes.iter().all(|node| matches!(hub.api.node(node), Ok(Some(_))))).then_some(()))
    })?;
    let document = hub.api.get("/openapi.json")?;
    let mut described = Described { operations: operations(&document), ..Described::default() };
    let tool = Tool::new(directory.path(), &document, &nodes)?;
    let at = match way {
        Way::Straight => hub.api.address(),
        Way::Spoiled => spoiler(hub.api.address())?,
    };
    command(directory.path(), &["user", "add", "vera", "--role", "viewer"], OWNER.1)?;
    let token = |user, role| {
        command(directory.path(), &["token", "create", user, "--label", "schemathesis", "--role", role], "")
    };
    let (owner, viewer) = (token(OWNER.0, "admin")?, token("vera", "viewer")?);
    let few = examples.div_ceil(5).max(2);
    described.add("the owner", &tool.run(at, Some(&owner), "coverage,fuzzing", examples, &APART)?)?;
    described.add("a viewer", &tool.run(at, Some(&viewer), "fuzzing", few, &APART[1..])?)?;
    described.add("nobody", &tool.run(at, None, "fuzzing", few, &[])?)?;
    ensure!(matches!(hub.api.page("/healthz")?, (200, _)), "the hub is well after that");
    runtime.block_on(fleet.stop());
    Ok(described)
}

/// How many operations a document has.
fn operations(document: &Value) -> usize {
    let paths = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    paths.filter_map(Value::as_object).map(serde_json::Map::len).sum()
}

/// Schemathesis with a document.
struct Tool<'a> {
    programs: PathBuf,
    directory: &'a Path,
}

impl<'a> Tool<'a> {
    /// Sets it up, and writes down for it what the hub says of itself.
    fn new(directory: &'a Path, document: &Value, nodes: &[String]) -> Result<Self> {
        let libraries: Vec<_> = LIBRARIES.lines().collect();
        let programs = python::with("schemathesis", &libraries)?;
        fs::write(directory.join("openapi.json"), strict(document.clone(), nodes).to_string())?;
        let bodies = format!("[{FITTING}, 400]");
        let settings = format!(
            "[checks.positive_data_acceptance]\nexpected-statuses = [{FITTING}]\n\
             [[operations]]\ninclude-method = \"POST\"\n\
             checks.positive_data_acceptance.expected-statuses = {bodies}\n\
             [[operations]]\ninclude-operation-id = \"get_rollups\"\n\
             checks.positive_data_acceptance.expected-statuses = {bodies}\n"
        );
        fs::write(directory.join("schemathesis.toml"), settings)?;
        Ok(Self { programs, directory })
    }

    /// Asks all operations but these in these phases, and gives the report.
    fn run(
        &self,
        at: SocketAddr,
        token: Option<&str>,
        phases: &str,
        examples: u32,
        but: &[&str],
    ) -> Result<Run> {
        let report = self.directory.join("report.json");
        let mut command = Command::new(self.programs.join("schemathesis"));
        command.current_dir(self.directory).args(["run", "openapi.json", "--url", &format!("http://{at}")]);
        command.args(["--seed", SEED, "--max-examples", &examples.to_string()]);
        command.args(["--phases", phases, "--no-shrink", "--continue-on-failure"]);
        command.args(["--generation-database", "none", "--request-timeout", "20", "--warnings", "off"]);
        command.args(["--report", "json", "--report-json-path"]).arg(&report);
        for id in but {
            command.args(["--exclude-operation-id", id]);
        }
        if let Some(token) = token {
            command.args(["--header", &format!("Authorization: Bearer {}", token.trim())]);
        }
        // A report of the run before must not be taken for this one's.
        let _ = fs::remove_file(&report);
        let output = command.output().context("start schemathesis")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let report = fs::read_to_string(&report).with_context(|| format!("schemathesis: {said}"))?;
        let requests =
            said.lines().map(str::trim).filter(|line| line.starts_with("curl ")).map(str::to_owned);
        Ok(Run { report: serde_json::from_str(&report)?, requests: requests.collect() })
    }
}

/// The document as this proof needs it: an answer may have no key that is not described, half of what is asked is about
/// something that there is, and nothing waits for a command to end.
fn strict(mut document: Value, nodes: &[String]) -> Value {
    for schema in members(&mut document["components"]["schemas"]) {
        if schema.get("additionalProperties").is_none() {
            schema["unevaluatedProperties"] = false.into();
        }
    }
    for operation in members(&mut document["paths"]).flat_map(members) {
        let Some(parameters) = operation["parameters"].as_array_mut() else { continue };
        parameters.retain(|parameter| parameter["name"] != "wait");
        for parameter in parameters {
            let known = match parameter["name"].as_str() {
                Some("node" | "by") => json!(nodes),
                Some("kind") => json!(["relay"]),
                Some("channel") => json!(["on", "temperature", "1"]),
                Some("module") => json!([0]),
                _ => continue,
            };
            parameter["schema"] = json!({ "anyOf": [{ "enum": known }, parameter["schema"]] });
        }
    }
    document
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(|object| object.values_mut())
}

/// Somebody between the hub and whoever asks it, who changes what is answered.
fn spoiler(hub: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let at = listener.local_addr()?;
    thread::spawn(move || {
        for asking in listener.incoming().flatten() {
            let Ok(answering) = TcpStream::connect(hub) else { return };
            let (Ok(from), Ok(to)) = (asking.try_clone(), answering.try_clone()) else { return };
            thread::spawn(move || pass(from, to, &[]));
            thread::spawn(move || pass(answering, asking, &SPOILED));
        }
    });
    Ok(at)
}

/// What stands in answers, and what takes its place; both are of one length.
const SPOILED: [(&[u8], &[u8]); 2] = [(b"HTTP/1.1 404", b"HTTP/1.1 500"), (b"\"title\":", b"\"tilte\":")];

/// Passes on what comes, until one of both ends.
fn pass(mut from: TcpStream, mut to: TcpStream, changes: &[(&[u8], &[u8])]) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        let Some(piece) = piece.get_mut(..read) else { return };
        for (word, other) in changes {
            let found: Vec<_> = piece
                .windows(word.len())
                .enumerate()
                .filter(|(_, seen)| seen == word)
                .map(|(at, _)| at)
                .collect();
            for at in found {
                if let Some(place) = piece.get_mut(at..at + other.len()) {
                    place.copy_from_slice(other);
                }
            }
        }
        if to.write_all(piece).is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_errors_of_the_server_apart() {
        let failure = |kind: &str, count: u64| json!({ "type": kind, "title": kind, "count": count, "operations": ["GET /x"] });
        let failures = [failure("ServerError", 2), failure("JsonSchemaError", 3)];
        let rates =
            json!({ "GET /x": { "fuzzing": { "accepted": 1 } }, "GET /y": { "fuzzing": { "accepted": 0 } } });
        let cases = json!({ "generated": 7 });
        let report = json!({ "test_cases": cases, "failures": failures, "errors": [], "valid_rates": rates });
        let mut described = Described::default();
        let run = |report| Run { report, requests: vec!["curl x".to_owned()] };
        described.add("nobody", &run(report)).unwrap();
        assert_eq!(described.reached, 1);
        assert_eq!((described.requests, described.server_errors, described.off_schema), (7, 2, 3));
        assert!(
            described.seen.to_string().contains("as nobody: \"ServerError\" at 1 operations: GET /x"),
            "{}",
            described.seen
        );
        assert!(described.add("nobody", &run(json!({}))).is_err(), "what is no report is told");
    }

    #[test]
    fn an_answer_may_have_no_key_that_is_not_described() {
        let parameters = json!([{ "name": "wait" }, { "name": "kind", "schema": {} }]);
        let document = json!({
            "components": { "schemas": { "Node": { "type": "object" } } },
            "paths": { "/x": { "get": { "parameters": parameters } } },
        });
        let strict = strict(document, &[]);
        assert_eq!(strict["components"]["schemas"]["Node"]["unevaluatedProperties"], false);
        let parameters = &strict["paths"]["/x"]["get"]["parameters"];
        assert_eq!(parameters[0]["schema"]["anyOf"][0]["enum"][0], "relay");
        assert!(parameters[1].is_null());
    }
}
