//! Pages and API of a running hub, as a script and a browser without script use them.

use std::{fs::File, io, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use ureq::Agent;

/// Longest answer that is waited for; commands may be waited for up to half a minute.
const TIMEOUT: Duration = Duration::from_secs(40);

/// The web server of one hub.
#[derive(Clone, Debug)]
pub struct Api {
    agent: Agent,
    address: SocketAddr,
    base: String,
}

impl Api {
    /// The web server at this address.
    pub fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .build();
        Self { agent: config.into(), address, base: format!("http://{address}") }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How its addresses begin.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A page, or anything else that is read: status and text.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn page(&self, path: &str) -> Result<(u16, String)> {
        let mut response =
            self.agent.get(format!("{}{path}", self.base)).call().with_context(|| path.to_string())?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
    }

    /// Writes what is read at a path into a file, and gives how many bytes it has.
    ///
    /// # Errors
    /// When there is no answer, or another than 200.
    pub fn download(&self, path: &str, to: &Path) -> Result<u64> {
        let mut response = self.agent.get(format!("{}{path}", self.base)).call()?;
        ensure!(response.status() == 200, "GET {path}: {}", response.status());
        Ok(io::copy(&mut response.body_mut().as_reader(), &mut File::create(to)?)?)
    }

    /// What the API says at a path below `/api/v1`.
    ///
    /// # Errors
    /// When there is no answer, or another than 200.
    pub fn get(&self, path: &str) -> Result<Value> {
        let (status, text) = self.page(&format!("/api/v1{path}"))?;
        ensure!(status == 200, "GET {path}: {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("GET {path}: {text}"))
    }

    /// Posts JSON to a path below `/api/v1`: status and answer.
    ///
    /// # Errors
    /// When there is no answer, or none in JSON.
    pub fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let request = self.agent.post(format!("{}/api/v1{path}", self.base));
        let mut response = request.content_type("application/json").send(body.to_string())?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string()?;
        let answer = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).context(text)? };
        Ok((status, answer))
    }

    /// Sends a form as a browser without script does, and gives the status.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Result<u16> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("Origin", self.base.as_str());
        Ok(request.send_form(fields.iter().copied())?.status().as_u16())
    }

    /// One node; `None` where it is not known.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn node(&self, id: &str) -> Result<Option<Value>> {
        let (status, text) = self.page(&format!("/api/v1/nodes/{id}"))?;
        Ok(if status == 200 { Some(serde_json::from_str(&text)?) } else { None })
    }

    /// Sets a property and waits until the command has ended: the command.
    ///
    /// # Errors
    /// When it is refused.
    pub fn set(&self, node: &str, module: u8, property: &str, value: &Value) -> Result<Value> {
        let path = format!("/nodes/{node}/modules/{module}/properties/{property}?wait=20");
        let (status, answer) = self.post(&path, &json!({ "value": value }))?;
        ensure!((200..300).contains(&status), "POST {path}: {status}: {answer}");
        Ok(answer)
    }
}
