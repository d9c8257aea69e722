//! Ticks: a row of marks, one for each node, whose shape tells its state. Rows by state, and rooms by place.

use iot_core::{
    AdmissionState,
    view::{NodeView, PresenceCounts, PresenceState},
};

use crate::{input::Query, wording};

/// Most ticks in a row.
const TICKS: usize = 14;

/// All states, those that need someone last, where the eye ends.
const STATES: [PresenceState; 6] = [
    PresenceState::Online,
    PresenceState::Connecting,
    PresenceState::Asleep,
    PresenceState::Disabled,
    PresenceState::Overdue,
    PresenceState::Lost,
];

/// The ticks of a row, in a field of 126 by 18.
pub(super) struct Ticks {
    /// For each state its word and the paths of its ticks.
    pub(super) paths: Vec<(&'static str, String)>,
    /// Left edge of the drawing, so that the last tick is at the right.
    pub(super) left: String,
}

impl Ticks {
    fn new(counts: &[(PresenceState, usize)]) -> Self {
        let mut at = 0;
        let mut paths = Vec::new();
        for (state, count) in counts {
            let end = (at + count).min(TICKS);
            let path: String = (at..end).map(|at| tick(*state, at * 9)).collect();
            paths.push((state.word(), path));
            at = end;
        }
        let left = (TICKS - at) * 9;
        Self { paths, left: if left == 0 { "0".into() } else { format!("-{left}") } }
    }
}

/// One tick: a full bar, a low one, a tall one or an empty one.
fn tick(state: PresenceState, x: usize) -> String {
    match state {
        PresenceState::Lost => format!("M{x} 0h6v18h-6z"),
        PresenceState::Asleep => format!("M{x} 11h6v7h-6z"),
        PresenceState::Connecting | PresenceState::Disabled => format!("M{x}.5 3.5h5v14h-5z"),
        PresenceState::Online | PresenceState::Overdue => format!("M{x} 3h6v15h-6z"),
    }
}

/// How many nodes are in a state.
pub(super) struct StateRow {
    pub(super) state: &'static str,
    pub(super) word: String,
    pub(super) count: String,
    pub(super) ticks: Ticks,
}

/// A row for each state that some node is in, those that need someone first.
pub(super) fn by_state(counts: PresenceCounts) -> Vec<StateRow> {
    let PresenceCounts { connecting, online, asleep, overdue, lost, disabled } = counts;
    let rows = [
        (PresenceState::Lost, lost),
        (PresenceState::Overdue, overdue),
        (PresenceState::Connecting, connecting),
        (PresenceState::Asleep, asleep),
        (PresenceState::Online, online),
        (PresenceState::Disabled, disabled),
    ];
    let row = |(state, count): (PresenceState, usize)| StateRow {
        state: state.word(),
        word: wording::capital(state.word()),
        count: wording::count(count, "node", "nodes"),
        ticks: Ticks::new(&[(state, count)]),
    };
    rows.into_iter().filter(|(_, count)| *count > 0).map(row).collect()
}

/// A place with its nodes.
pub(super) struct Room {
    pub(super) name: String,
    pub(super) href: String,
    /// How many nodes are in which state, in words.
    pub(super) count: String,
    pub(super) ticks: Ticks,
}

/// A row for each place that people named, by name; the nodes without a place last.
pub(super) fn rooms(nodes: &[NodeView]) -> Vec<Room> {
    let admitted = || nodes.iter().filter(|node| node.admission == AdmissionState::Admitted);
    let mut places: Vec<&str> =
        admitted().map(|node| &*node.place).filter(|place| !place.is_empty()).collect();
    places.sort_unstable();
    places.dedup();
    if places.is_empty() {
        return Vec::new();
    }
    let elsewhere = admitted().any(|node| node.place.is_empty()).then_some("");
    let room = |place: &str| {
        let there =
            |state| admitted().filter(|node| *node.place == *place && node.presence.state == state).count();
        let counts: Vec<_> =
            STATES.into_iter().map(|state| (state, there(state))).filter(|(_, count)| *count > 0).collect();
        let words: Vec<_> = counts.iter().map(|(state, count)| format!("{count} {}", state.word())).collect();
        let (name, href) = match place {
            "" => ("No place yet".into(), "/nodes".into()),
            place => (place.to_owned(), format!("/nodes?{}", Query::parse(None).with("q", place))),
        };
        Room { name, href, count: words.join(", "), ticks: Ticks::new(&counts) }
    };
    places.into_iter().chain(elsewhere).map(room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stand_at_the_right_and_are_never_more_than_fit() {
        let few = Ticks::new(&[(PresenceState::Online, 2), (PresenceState::Lost, 1)]);
        assert_eq!(few.left, "-99");
        assert_eq!(few.paths[1], ("lost", "M18 0h6v18h-6z".to_owned()));
        let many = Ticks::new(&[(PresenceState::Online, 100), (PresenceState::Lost, 1)]);
        assert_eq!((many.left.as_str(), many.paths[0].1.matches('M').count()), ("0", TICKS));
    }
}
