//! Pages and API of a running hub, as a script and a browser without script use them.

use std::{fs::File, io, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use ureq::{Agent, RequestBuilder};

/// Longest answer that is waited for; commands may be waited for up to half a minute.
const TIMEOUT: Duration = Duration::from_secs(40);

/// The web server of one hub.
#[derive(Clone, Debug)]
pub struct Api {
    agent: Agent,
    address: SocketAddr,
    base: String,
    /// A header that says in whose name all is asked; nobody's without one.
    name: Option<(&'static str, String)>,
}

impl Api {
    /// The web server at this address.
    pub fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .build();
        Self { agent: config.into(), address, base: format!("http://{address}"), name: None }
    }

    /// The same, in the same name, on connections of its own.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { name: self.name.clone(), ..Self::new(self.address) }
    }

    /// The same, asked in the name of whoever has this token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { name: Some(("Authorization", format!("Bearer {token}"))), ..self }
    }

    /// The same, asked in the name of whoever logs in with this name and password.
    ///
    /// # Errors
    /// When the hub does not let them in.
    pub fn logged_in(self, owner: (&str, &str)) -> Result<Self> {
        self.entered("/login", owner)
    }

    /// The same, asked in the name of whoever claims the hub with this name and password.
    ///
    /// # Errors
    /// When somebody else has claimed it.
    pub fn claimed(self, owner: (&str, &str)) -> Result<Self> {
        self.entered("/claim", owner)
    }

    /// Sends the form of a page that gives a cookie.
    fn entered(self, path: &str, (name, password): (&str, &str)) -> Result<Self> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("Origin", self.base.as_str());
        let answer = request.send_form([("name", name), ("password", password)])?;
        let cookie = answer.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok());
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).map(str::to_owned);
        let cookie = cookie.with_context(|| format!("{path} as {name}: {}", answer.status()))?;
        Ok(Self { name: Some(("Cookie", cookie)), ..self })
    }

    /// The line of a request that says in whose name it is asked, with its end; nothing for nobody.
    pub fn name_line(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |(header, value)| format!("{header}: {value}\r\n"))
    }

    fn named<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.name {
            Some((header, value)) => request.header(*header, value.as_str()),
            None => request,
        }
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
        let mut response = self
            .named(self.agent.get(format!("{}{path}", self.base)))
            .call()
            .with_context(|| path.to_string())?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
    }

    /// Writes what is read at a path into a file, and gives how many bytes it has.
    ///
    /// # Errors
    /// When there is no answer, or another than 200.
    pub fn download(&self, path: &str, to: &Path) -> Result<u64> {
        let mut response = self.named(self.agent.get(format!("{}{path}", self.base))).call()?;
        ensure!(response.status() == 200, "GET {path}: {}", response.status());
        Ok(io::copy(&mut response.body_mut().as_reader(), &mut File::create(to)?)?)
    }

    /// Asks a path with a method and without a body, as a form of the page would: status, and where it leads.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn ask(&self, method: &str, path: &str) -> Result<(u16, String)> {
        let url = format!("{}{path}", self.base);
        let answer = match method {
            "GET" => self.named(self.agent.get(url)).call()?,
            _ => self.named(self.agent.post(url)).header("Origin", self.base.as_str()).send_empty()?,
        };
        let to = answer.headers().get("location").and_then(|to| to.to_str().ok());
        Ok((answer.status().as_u16(), to.unwrap_or_default().to_owned()))
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
        let request = self.named(self.agent.post(format!("{}/api/v1{path}", self.base)));
        let request = request.header("Origin", self.base.as_str());
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
        Ok(self.submit(path, fields)?.0)
    }

    /// As [`form`](Self::form), with the page that comes back.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Result<(u16, String)> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("Origin", self.base.as_str());
        let mut response = self.named(request).send_form(fields.iter().copied())?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
    }

    /// One node; `None` where it is not known.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn node(&self, id: &str) -> Result<Option<Value>> {
        let (status, text) = self.page(&format!("/api/v1/nodes/{id}"))?;
        Ok(if status == 200 { Some(serde_json::from_str(&text)?) } else { None })
    }

    /// Lets a node in, and takes commands to it although it proves nothing.
    ///
    /// # Errors
    /// When it is refused.
    pub fn admit_and_permit(&self, node: &str) -> Result<()> {
        for act in ["admit", "permit"] {
            let (status, answer) = self.post(&format!("/nodes/{node}/{act}"), &json!({}))?;
            ensure!(status == 200, "{act} {node}: {status}: {answer}");
        }
        Ok(())
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
