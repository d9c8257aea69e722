//! The page where nodes join: the window with its count-down, secrets as text and as squares, the digits that a person
//! types, and the button that is to be pressed.

use askama::Template;
use http::StatusCode;
use iot_core::view::{Notice, PressingView, RunView, ShowingView, WindowView};
use iot_proto::Confirm;
use qrcode::{EcLevel, QrCode, render::svg};

use super::shell::{Shell, rendered};
use crate::{Backend, body::Reply, error::WebError, joining::invitation, web::Web, wording::Words};

/// Least width and height of the squares, in pixels.
const QR_SIZE: u32 = 220;

#[derive(Template)]
#[template(path = "joining.html")]
struct JoiningPage {
    shell: Shell,
    heading: &'static str,
    /// What was not done, and what to do.
    refused: Option<(String, &'static str)>,
    window: Option<Window>,
    /// The nodes whose button is to be pressed.
    pressing: Vec<Pressing>,
    /// What became of the last window.
    last: Option<String>,
    /// How many showed digits and went away, in a sentence.
    unfinished: Option<String>,
    news: Vec<News>,
}

struct Window {
    closes: i64,
    closes_words: String,
    secrets: Vec<Secret>,
    no_digits: Option<&'static str>,
    showing: Vec<Showing>,
    /// The nodes that can show nothing, where they may ask.
    unverified: Option<Vec<Run>>,
}

struct Secret {
    text: String,
    invitation: String,
    /// The invitation as squares, as SVG.
    squares: Option<String>,
    /// The node that it has let in.
    taken: Option<String>,
}

struct Showing {
    run: Run,
    /// What it shows, as it says itself.
    shows: &'static str,
}

struct Run {
    session: u64,
    node: String,
    address: String,
    since: String,
}

struct Pressing {
    session: u64,
    node: String,
    address: String,
    until: i64,
    until_words: String,
}

struct News {
    time: String,
    iso: String,
    text: Box<str>,
}

/// `GET /joining`, and what a form there is answered with where it was refused.
///
/// # Errors
/// As the backend's.
pub(crate) async fn joining<B: Backend>(web: &Web<B>, refused: Option<&WebError>) -> Result<Reply, WebError> {
    let (joining, words) = (web.backend.joining().await?, web.words());
    let (unfinished, news) = match (&joining.window, &joining.last) {
        (Some(window), _) => (window.unfinished, window.news.as_slice()),
        (None, Some(last)) => (last.unfinished, last.news.as_slice()),
        (None, None) => (0, [].as_slice()),
    };
    let last = joining.last.as_ref();
    let page = JoiningPage {
        shell: Shell::load(web, "joining").await?,
        heading: if joining.window.is_some() { "Nodes may join" } else { "No node may join" },
        refused: refused.map(|error| (crate::wording::sentence(&error.to_string()), error.advice())),
        unfinished: unfinished_words(unfinished),
        news: news.iter().rev().map(|notice| News::new(notice, &words)).collect(),
        last: last.map(|last| format!("The last window ended {}: {}.", words.time(last.at), last.why)),
        window: joining.window.as_ref().map(|window| Window::new(web, window, &words)),
        pressing: joining.pressing.iter().map(|pressing| Pressing::new(pressing, &words)).collect(),
    };
    let status = refused.map_or(StatusCode::OK, WebError::status);
    Ok(rendered(status, &page))
}

fn unfinished_words(unfinished: u32) -> Option<String> {
    (unfinished > 0).then(|| {
        format!("{unfinished} showed digits and did not finish: someone may be in between. Use a secret.")
    })
}

impl Window {
    fn new<B: Backend>(web: &Web<B>, window: &WindowView, words: &Words) -> Self {
        let secret = |view: &iot_core::view::SecretView| {
            let invitation = invitation(web, &view.secret);
            let squares = view.taken.is_none().then(|| squares(&invitation)).flatten();
            let taken = view.taken.as_ref().map(ToString::to_string);
            Secret { text: view.secret.to_string(), invitation, squares, taken }
        };
        Self {
            closes: window.closes.0,
            closes_words: words.time(window.closes),
            secrets: window.secrets.iter().map(secret).collect(),
            no_digits: window.no_digits,
            showing: window.showing.iter().map(|showing| Showing::new(showing, words)).collect(),
            unverified: window
                .unverified
                .as_ref()
                .map(|all| all.iter().map(|one| Run::new(one, words)).collect()),
        }
    }
}

impl Showing {
    fn new(showing: &ShowingView, words: &Words) -> Self {
        Self {
            run: Run::new(&showing.run, words),
            shows: match showing.confirm {
                Confirm::Digits => "twelve digits",
                Confirm::Button => "six digits, and it has a button",
            },
        }
    }
}

impl Run {
    fn new(run: &RunView, words: &Words) -> Self {
        Self {
            session: run.session.0,
            node: run.node.to_string(),
            address: run.peer.ip().to_string(),
            since: words.time(run.since),
        }
    }
}

impl Pressing {
    fn new(pressing: &PressingView, words: &Words) -> Self {
        Self {
            session: pressing.session.0,
            node: pressing.node.to_string(),
            address: pressing.peer.ip().to_string(),
            until: pressing.until.0,
            until_words: words.time(pressing.until),
        }
    }
}

impl News {
    fn new(notice: &Notice, words: &Words) -> Self {
        Self { time: words.time(notice.at), iso: Words::iso(notice.at), text: notice.text.clone() }
    }
}

/// A text as squares that a camera reads; `None` for one that is too long.
fn squares(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(QR_SIZE, QR_SIZE).build();
    // The declaration before the element belongs into files.
    drawn.find("<svg").and_then(|at| drawn.get(at..)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_one_element_that_can_stand_in_a_page() {
        let drawn = squares("iot1:0000-0000-0000-0000-0000-0000-0000@192.168.137.1:5070").unwrap();
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{drawn:.80}");
        assert!(!drawn.contains("<script") && squares(&"x".repeat(5_000)).is_none());
    }

    #[test]
    fn nobody_is_warned_where_all_finished() {
        assert_eq!(unfinished_words(0), None);
        assert!(unfinished_words(7).unwrap().starts_with("7 showed digits and did not finish"));
    }
}
