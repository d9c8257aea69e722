//! A real browser, driven by the WebDriver protocol: what people see and click, with script and styles.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD as STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::{hub::binaries, wait::until};

/// How long the browser may take to start, and for one step.
const START: Duration = Duration::from_secs(30);

/// Switches of the browser: no window, and no connection to anything but the pages.
const SWITCHES: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A running browser with one tab. Killed when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    agent: Agent,
    session: String,
    /// Its profile, thrown away with it.
    profile: TempDir,
}

impl Browser {
    /// Starts a browser.
    ///
    /// # Errors
    /// When browser or driver are not installed or do not start in time.
    pub fn start() -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start chromedriver; on Debian it is in the package chromium-driver")?;
        let profile = TempDir::new()?;
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(START)).build();
        let base = format!("http://127.0.0.1:{port}");
        let mut browser = Self { driver, agent: config.into(), session: base.clone(), profile };
        until("chromedriver answers", START, || Ok(browser.agent.get(format!("{base}/status")).call().ok()))?;
        let mut switches: Vec<_> = SWITCHES.iter().map(ToString::to_string).collect();
        switches.push(format!("--user-data-dir={}", browser.profile.path().display()));
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": switches },
            "goog:loggingPrefs": { "browser": "ALL" } });
        let session = browser.post("/session", &json!({ "capabilities": { "alwaysMatch": wanted } }))?;
        let id = session["sessionId"].as_str().context("a session of the browser")?;
        browser.session = format!("{base}/session/{id}");
        Ok(browser)
    }

    /// Opens a page and waits until it has been loaded.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self, url: &str) -> Result<()> {
        self.post("/url", &json!({ "url": url })).map(drop)
    }

    /// Logs in through the page, and waits until the home of the hub is there.
    ///
    /// # Errors
    /// When the hub does not let them in.
    pub fn log_in(&self, base: &str, (name, password): (&str, &str)) -> Result<()> {
        self.open(&format!("{base}/login"))?;
        // Whoever is logged in already is sent home.
        if self.run("return location.pathname")? != "/login" {
            return Ok(());
        }
        self.enter("[name=name]", name)?;
        self.enter("[name=password]", password)?;
        self.click("button.main")?;
        until("the home of the hub", START, || {
            Ok((self.run("return location.pathname")? == "/").then_some(()))
        })
    }

    /// Types into the first element that fits a selector.
    ///
    /// # Errors
    /// When there is none, or nothing can be typed there.
    pub fn enter(&self, selector: &str, text: &str) -> Result<()> {
        let id = self.find(selector)?;
        self.post(&format!("/element/{id}/value"), &json!({ "text": text })).map(drop)
    }

    /// Gives the page this many pixels.
    ///
    /// # Errors
    /// When the browser does not do so.
    pub fn resize(&self, width: u32, height: u32) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size });
        self.post("/goog/cdp/execute", &command).map(drop)
    }

    /// Keeps what the page looks like as `pictures/NAME.png` beside the programs of the suite, for people to look at.
    ///
    /// # Errors
    /// When the browser draws nothing, or it cannot be written.
    pub fn picture(&self, name: &str) -> Result<()> {
        let mut answer = self.agent.get(format!("{}/screenshot", self.session)).call()?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        let picture = STANDARD.decode(answer["value"].as_str().context("a picture")?)?;
        let directory = binaries()?.join("pictures");
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(name).with_extension("png"), picture).context("write the picture")
    }

    /// Runs a script in the page, and gives what it returns.
    ///
    /// # Errors
    /// When the script fails.
    pub fn run(&self, script: &str) -> Result<Value> {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Clicks where the first element that fits a selector is.
    ///
    /// # Errors
    /// When there is none, or it cannot be clicked.
    pub fn click(&self, selector: &str) -> Result<()> {
        let id = self.find(selector)?;
        self.post(&format!("/element/{id}/click"), &json!({})).map(drop)
    }

    /// What the page's console has said since it was last asked: errors of scripts, and what the content
    /// policy refused.
    ///
    /// # Errors
    /// When the browser does not say.
    pub fn complaints(&self) -> Result<Vec<String>> {
        let log = self.post("/se/log", &json!({ "type": "browser" }))?;
        let lines = log.as_array().cloned().unwrap_or_default();
        Ok(lines.iter().filter_map(|line| Some(line["message"].as_str()?.to_string())).collect())
    }

    fn find(&self, selector: &str) -> Result<String> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }))?;
        let id = found.as_object().and_then(|found| found.values().next()?.as_str());
        Ok(id.with_context(|| format!("no element fits {selector}"))?.to_owned())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.session));
        let mut response = request.content_type("application/json").send(body.to_string())?;
        let status = response.status();
        let mut answer: Value = serde_json::from_str(&response.body_mut().read_to_string()?)?;
        ensure!(status.is_success(), "{path}: {answer}");
        Ok(answer["value"].take())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Both may have ended already; the driver takes the browser with it where it still can.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
