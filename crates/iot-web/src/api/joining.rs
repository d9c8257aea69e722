//! The window for joining in the API. Secrets stand only in the answer to whoever had them made.

use http::StatusCode;
use iot_core::{
    NodeId,
    view::{EndedView, PressingView, RunView, SecretView, ShowingView, WindowView},
};
use iot_proto::Confirm;
use schemars::JsonSchema;
use serde::Serialize;

use super::Happened;
use crate::{
    Backend,
    body::{self, Reply},
    error::WebError,
    web::Web,
    word::Time,
};

/// Whether nodes may join, and who does.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Joining<'a> {
    /// `null` where nodes may not join.
    window: Option<Window<'a>>,
    /// The nodes whose digits were typed: press the button of each now.
    pressing: Vec<Pressing<'a>>,
    /// What became of the last window.
    last: Option<Ended<'a>>,
}

/// The time in which nodes may join.
#[derive(Serialize, JsonSchema)]
struct Window<'a> {
    opened_by: &'a str,
    closes: Time,
    secrets: Vec<GivenSecret<'a>>,
    /// Why nobody joins with digits any more.
    no_digits: Option<&'static str>,
    /// The nodes that show digits; the digits themselves are only on the nodes.
    showing: Vec<Showing<'a>>,
    /// The nodes that can show nothing and wait for an admin; `null` where no admin lets such nodes ask.
    unverified: Option<Vec<Run<'a>>>,
    /// How many showed digits and went away: someone may be in between.
    unfinished: u32,
    news: Vec<Happened<'a>>,
}

/// A secret that lets one node in.
#[derive(Serialize, JsonSchema)]
struct GivenSecret<'a> {
    /// The node that it has let in.
    taken: Option<&'a str>,
}

/// A node that shows digits.
#[derive(Serialize, JsonSchema)]
struct Showing<'a> {
    #[serde(flatten)]
    run: Run<'a>,
    /// As whoever is at the address says: compare it with the node before you.
    shows: Shows,
}

/// A node that joins.
#[derive(Serialize, JsonSchema)]
struct Run<'a> {
    session: u64,
    node: &'a str,
    address: String,
    since: Time,
}

/// What a node shows that joins.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Shows {
    /// Twelve digits.
    TwelveDigits,
    /// Six digits, and it has a button.
    SixDigitsAndButton,
}

/// A node whose button is to be pressed.
#[derive(Serialize, JsonSchema)]
struct Pressing<'a> {
    session: u64,
    node: &'a str,
    address: String,
    /// Until when a press is waited for.
    until: Time,
}

/// A window that is closed.
#[derive(Serialize, JsonSchema)]
struct Ended<'a> {
    why: &'a str,
    at: Time,
    unfinished: u32,
    news: Vec<Happened<'a>>,
}

impl<'a> From<&'a WindowView> for Window<'a> {
    fn from(window: &'a WindowView) -> Self {
        Self {
            opened_by: &window.opened_by,
            closes: window.closes.into(),
            secrets: window.secrets.iter().map(GivenSecret::from).collect(),
            no_digits: window.no_digits,
            showing: window.showing.iter().map(Showing::from).collect(),
            unverified: window.unverified.as_ref().map(|all| all.iter().map(Run::from).collect()),
            unfinished: window.unfinished,
            news: window.news.iter().map(Happened::from).collect(),
        }
    }
}

impl<'a> From<&'a SecretView> for GivenSecret<'a> {
    fn from(secret: &'a SecretView) -> Self {
        Self { taken: secret.taken.as_ref().map(NodeId::as_str) }
    }
}

impl<'a> From<&'a ShowingView> for Showing<'a> {
    fn from(showing: &'a ShowingView) -> Self {
        Self { run: (&showing.run).into(), shows: showing.confirm.into() }
    }
}

impl<'a> From<&'a RunView> for Run<'a> {
    fn from(run: &'a RunView) -> Self {
        Self {
            session: run.session.0,
            node: run.node.as_str(),
            address: run.peer.to_string(),
            since: run.since.into(),
        }
    }
}

impl From<Confirm> for Shows {
    fn from(confirm: Confirm) -> Self {
        match confirm {
            Confirm::Digits => Self::TwelveDigits,
            Confirm::Button => Self::SixDigitsAndButton,
        }
    }
}

impl<'a> From<&'a PressingView> for Pressing<'a> {
    fn from(pressing: &'a PressingView) -> Self {
        Self {
            session: pressing.session.0,
            node: pressing.node.as_str(),
            address: pressing.peer.to_string(),
            until: pressing.until.into(),
        }
    }
}

impl<'a> From<&'a EndedView> for Ended<'a> {
    fn from(last: &'a EndedView) -> Self {
        Self {
            why: &last.why,
            at: last.at.into(),
            unfinished: last.unfinished,
            news: last.news.iter().map(Happened::from).collect(),
        }
    }
}

/// `GET /api/v1/joining`.
///
/// # Errors
/// As the backend's.
pub(crate) async fn joining<B: Backend>(web: &Web<B>) -> Result<Reply, WebError> {
    let joining = web.backend.joining().await?;
    let document = Joining {
        window: joining.window.as_ref().map(Window::from),
        pressing: joining.pressing.iter().map(Pressing::from).collect(),
        last: joining.last.as_ref().map(Ended::from),
    };
    Ok(body::json(StatusCode::OK, &document))
}
