//! What silence comes to mean, and when.

use super::*;

const KEEPALIVE: Duration = Duration::from_secs(20);

fn at(seconds: u64) -> Now {
    Now { instant: Instant(seconds * 1000), wall: UnixMillis(i64::try_from(seconds).unwrap() * 1000) }
}

fn states(tracker: &mut PresenceTracker, seconds: &[u64]) -> std::vec::Vec<PresenceState> {
    seconds
        .iter()
        .map(|second| {
            tracker.evaluate(at(*second));
            tracker.state
        })
        .collect()
}

#[test]
fn a_silent_session_is_overdue_at_one_and_a_half_and_lost_at_four_and_a_half_keepalives() {
    use PresenceState::{Lost, Online, Overdue};
    let mut tracker = PresenceTracker::new(UnixMillis(0));
    assert_eq!(tracker.session(at(0), KEEPALIVE, None), Change::To(Online));
    assert_eq!(tracker.deadline(), Some(at(30).instant));
    assert_eq!(states(&mut tracker, &[29, 30, 89, 90]), [Online, Overdue, Overdue, Lost]);
    assert_eq!(tracker.view(at(90)).reason, PresenceReason::Silent { for_s: 90 });
    assert_eq!(tracker.deadline(), None);
}

#[test]
fn a_sleeper_is_asleep_then_overdue_then_lost_and_never_online() {
    use PresenceState::{Asleep, Lost, Online, Overdue};
    let mut tracker = PresenceTracker::new(UnixMillis(0));
    tracker.session(at(0), KEEPALIVE, None);
    tracker.sleep(at(10), at(12).instant, Duration::from_hours(1));
    assert_eq!(
        states(&mut tracker, &[11, 12, 5411, 5412, 9011, 9012]),
        [Online, Asleep, Asleep, Overdue, Overdue, Lost]
    );
    assert_eq!(tracker.view(at(9012)).reason, PresenceReason::DidNotWake);
}

#[test]
fn a_cut_connection_is_overdue_at_once_and_lost_when_the_keepalives_are_over() {
    let mut tracker = PresenceTracker::new(UnixMillis(0));
    tracker.session(at(0), KEEPALIVE, None);
    assert_eq!(tracker.ended(at(5), Reason::Cut), Change::To(PresenceState::Overdue));
    assert_eq!(tracker.deadline(), Some(at(90).instant));
    assert_eq!(states(&mut tracker, &[89, 90]), [PresenceState::Overdue, PresenceState::Lost]);
    assert_eq!(tracker.view(at(90)).reason, PresenceReason::Cut);
    assert_eq!(tracker.session(at(91), KEEPALIVE, None), Change::To(PresenceState::Online));
}

#[test]
fn whoever_was_overdue_and_is_heard_is_online_again() {
    let mut tracker = PresenceTracker::new(UnixMillis(0));
    tracker.session(at(0), KEEPALIVE, None);
    tracker.evaluate(at(40));
    assert_eq!(tracker.heard(at(41), Sign::Life), Change::To(PresenceState::Online));
    assert_eq!(tracker.view(at(41)).since, at(41).wall);
}

#[test]
fn no_sleep_is_so_short_that_waking_from_it_is_overdue_at_once() {
    use PresenceState::{Asleep, Lost, Online, Overdue};
    let mut tracker = PresenceTracker::new(UnixMillis(0));
    tracker.session(at(0), KEEPALIVE, None);
    tracker.sleep(at(0), at(2).instant, Duration::ZERO);
    assert_eq!(states(&mut tracker, &[1, 2, 31, 32, 52]), [Online, Asleep, Asleep, Overdue, Lost]);
}

#[test]
fn a_node_that_is_lost_stays_lost_when_its_session_then_ends() {
    let mut tracker = PresenceTracker::new(UnixMillis(0));
    tracker.session(at(0), KEEPALIVE, None);
    tracker.evaluate(at(90));
    assert_eq!(tracker.ended(at(90), Reason::Cut), Change::None);
    assert_eq!(tracker.view(at(90)).reason, PresenceReason::Silent { for_s: 90 });
    assert_eq!(tracker.deadline(), None);
}

#[test]
fn a_late_answer_does_not_wake_a_sleeper_and_its_own_word_does() {
    let mut tracker = PresenceTracker::new(UnixMillis(0));
    tracker.session(at(0), KEEPALIVE, None);
    tracker.sleep(at(0), at(2).instant, Duration::from_hours(1));
    tracker.evaluate(at(2));
    assert_eq!(tracker.heard(at(3), Sign::Life), Change::None);
    assert!(!tracker.hears(at(3)));
    assert_eq!(tracker.heard(at(4), Sign::Awake), Change::To(PresenceState::Online));
    assert_eq!(tracker.deadline(), Some(at(34).instant));
}
