//! [`CommandRow`]: a command with its whole life as a line of steps, the same on every page.

use askama::Template;
use iot_core::{CommandState, view::CommandView};

use super::terms::Mark;
use crate::{
    door::Rights,
    wording::{self, Words},
};

/// A command in a list.
#[derive(Template)]
#[template(path = "part/command.html")]
pub(super) struct CommandRow {
    id: String,
    href: String,
    title: String,
    /// That of the node, where the page does not say it of all of them.
    mark: Option<Mark>,
    /// Who sent it and until when it is wanted.
    meta: String,
    steps: Vec<LifeStep>,
    cancel: bool,
    /// What went wrong, and what to do.
    cause: Option<(String, &'static str)>,
}

struct LifeStep {
    class: &'static str,
    word: &'static str,
    time: String,
    iso: String,
}

/// What the commands of a list have in common, so that no row says it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    All,
    Node,
    Module,
}

impl CommandRow {
    /// The row of a command.
    pub(super) fn new(command: &CommandView, words: &Words, among: Among, rights: &Rights) -> Self {
        let module = command.module.as_ref();
        let place = module.map(|(index, _)| format!("/modules/{index}")).unwrap_or_default();
        let under_way = command.state.is_under_way();
        let mut meta = format!("by {}", command.author);
        if !command.why.is_empty() {
            meta = format!("{meta}: “{}”", command.why);
        }
        if under_way {
            meta = format!("{meta} · expires {}", words.time(command.expires));
        }
        if command.attempts > 1 {
            meta = format!("{meta} · sent {} times", command.attempts);
        }
        Self {
            id: command.id.to_string(),
            href: format!("/nodes/{}{place}", command.node),
            title: title(command, among),
            mark: Mark::of_target(command).filter(|_| among == Among::All),
            meta,
            steps: steps(command, words),
            cancel: under_way && rights.may(&format!("/commands/{}/cancel", command.id)),
            cause: command.cause().map(|cause| (wording::sentence(&cause.to_string()), cause.advice())),
        }
    }
}

/// What is wanted, and of what: `Pump house, Pump 2: State: On`.
fn title(command: &CommandView, among: Among) -> String {
    let module = command.module.as_ref().map(|(_, title)| &**title);
    match (among, module) {
        (Among::All, Some(module)) => format!("{}, {module}: {}", command.node_title, command.summary),
        (Among::All, None) => format!("{}: {}", command.node_title, command.summary),
        (Among::Node, Some(module)) => format!("{module}: {}", command.summary),
        (Among::Node, None) | (Among::Module, _) => command.summary.to_string(),
    }
}

/// The steps that were, the present one, and those to come.
fn steps(command: &CommandView, words: &Words) -> Vec<LifeStep> {
    let last = command.steps.len().saturating_sub(1);
    let past = command.steps.iter().enumerate().map(|(at, step)| LifeStep {
        class: if at == last { class(step.state) } else { "" },
        word: step.state.word(),
        time: words.time(step.at),
        iso: Words::iso(step.at),
    });
    let to_come: &[CommandState] = match command.state {
        CommandState::Queued => &[CommandState::Sent, CommandState::Accepted, CommandState::Done],
        CommandState::Sent => &[CommandState::Accepted, CommandState::Done],
        CommandState::Accepted => &[CommandState::Done],
        CommandState::Done | CommandState::Failed | CommandState::Expired | CommandState::Cancelled => &[],
    };
    let next = to_come.iter().map(|state| LifeStep {
        class: "next",
        word: state.word(),
        time: String::new(),
        iso: String::new(),
    });
    past.chain(next).collect()
}

fn class(state: CommandState) -> &'static str {
    match state {
        CommandState::Queued | CommandState::Sent | CommandState::Accepted => "at",
        CommandState::Done => "done",
        CommandState::Failed => "fail",
        CommandState::Expired | CommandState::Cancelled => "stop",
    }
}
