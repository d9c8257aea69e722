//! The rules of the port, held against each store, and against each other under random batches.

use iot_core::{
    CommandState, Series, UnixMillis,
    audit::{AuditEntry, AuditQuery, Deed},
    store::{
        Batch, Bucket, CommandRecord, GapQuery, Pages, ReadingQuery, Record, Resolution, RollupQuery,
        Snapshot,
    },
    view::{CommandFilter, Wanted},
};
use iot_proto::{BootId, CommandId};
use proptest::{collection::vec, prelude::*};

use crate::{
    given::{
        NODES, all_buckets, all_gaps, all_readings, batch, batches, change, command, join, node, report,
    },
    subject::{ENDED, OnDisk, Subject, memory, subjects},
};

fn measured(subject: &dyn Subject, from: i64, to: i64, limit: usize) -> Vec<i64> {
    let series = Series { node: node("a"), module: 0, channel: 1 };
    let query = ReadingQuery { series, from: UnixMillis(from), to: UnixMillis(to), limit };
    let readings = subject.history().readings(&query).unwrap();
    readings.into_iter().map(|reading| reading.measured.0).collect()
}

#[test]
fn late_readings_land_where_they_were_measured() {
    for mut subject in subjects() {
        subject.store().commit(&report("a", 1, &[30, 10])).unwrap();
        subject.store().commit(&report("a", 2, &[20, 30])).unwrap();
        assert_eq!(measured(&*subject, 0, 100, 10), [10, 20, 30, 30]);
        subject.restart();
        assert_eq!(measured(&*subject, 0, 100, 10), [10, 20, 30, 30]);
        let latest = subject.store().load().unwrap().latest;
        assert_eq!(latest[0].1.measured, UnixMillis(30));
        assert_eq!(latest[0].1.arrived, UnixMillis(1_002), "of two with one time, the one that came last");
    }
}

#[test]
fn a_range_has_its_begin_but_not_its_end_and_the_newest_of_it() {
    for mut subject in subjects() {
        subject.store().commit(&report("a", 1, &[10, 20, 30, 40])).unwrap();
        assert_eq!(measured(&*subject, 20, 40, 10), [20, 30]);
        assert_eq!(measured(&*subject, 0, 100, 2), [30, 40]);
        assert!(measured(&*subject, 0, 100, 0).is_empty());
        assert!(measured(&*subject, 50, 10, 2).is_empty(), "a range that is upside down is empty");
    }
}

#[test]
fn the_oldest_commands_that_ended_make_room_and_those_under_way_stay() {
    for mut subject in subjects() {
        for id in 0..20 {
            let state = if id == 3 { CommandState::Accepted } else { CommandState::Done };
            let record = command(id, "a", Wanted::Restart, &[(CommandState::Sent, None), (state, None)]);
            subject.store().commit(&batch(record)).unwrap();
        }
        subject.restart();
        let kept = subject.store().load().unwrap().commands;
        let ids: Vec<_> = kept.iter().map(|command| command.id.0[0]).collect();
        assert_eq!(ids, [3, 15, 16, 17, 18, 19]);
    }
}

/// Commands as a ledger gives them in pages of two.
fn all_commands(subject: &dyn Subject) -> Vec<CommandRecord> {
    let mut all: Vec<CommandRecord> = Vec::new();
    loop {
        let before = all.last().map(|command| command.id);
        let filter = CommandFilter { before, limit: 2, ..CommandFilter::default() };
        let page = subject.chronicle().commands(&filter).unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// Changes as an audit gives them in pages of three.
fn all_changes(subject: &dyn Subject) -> Vec<AuditEntry> {
    let mut all: Vec<AuditEntry> = Vec::new();
    loop {
        let before = all.last().map(|entry| entry.number);
        let query = AuditQuery { before, limit: 3, ..AuditQuery::default() };
        let page = subject.chronicle().audit(&query).unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[test]
fn of_commands_that_ended_the_one_that_ended_first_goes_first_whatever_its_id() {
    for mut subject in subjects() {
        // Each step is as old as the id, but for the last one of the first, which took long.
        for id in (1..=ENDED).chain([0, 9]) {
            let id = u8::try_from(id).unwrap();
            let mut record = command(id, "a", Wanted::Restart, &[(CommandState::Done, None)]);
            if let (0, Record::Command(command)) = (id, &mut record) {
                command.steps[0].at = UnixMillis(8);
            }
            subject.store().commit(&batch(record)).unwrap();
        }
        subject.restart();
        let kept = subject.store().load().unwrap().commands;
        let ids: Vec<_> = kept.iter().map(|command| command.id.0[0]).collect();
        assert_eq!(ids, [0, 3, 4, 5, 9]);
    }
}

#[test]
fn commands_are_found_by_node_module_state_and_id_newest_first() {
    for mut subject in subjects() {
        for (id, of, wanted, state) in [
            (1, "a", Wanted::Restart, CommandState::Queued),
            (2, "a", Wanted::Get { module: 1, channel: 1 }, CommandState::Sent),
            (3, "b", Wanted::Restart, CommandState::Done),
            (4, "a", Wanted::Restart, CommandState::Failed),
        ] {
            subject.store().commit(&batch(command(id, of, wanted, &[(state, None)]))).unwrap();
        }
        let found = |filter: CommandFilter| -> Vec<_> {
            let found = subject.chronicle().commands(&filter).unwrap();
            found.iter().map(|command| command.id.0[0]).collect()
        };
        let all = || CommandFilter { limit: 10, ..CommandFilter::default() };
        assert_eq!(found(all()), [4, 3, 2, 1]);
        assert_eq!(found(CommandFilter { node: Some(node("a")), ..all() }), [4, 2, 1]);
        assert_eq!(found(CommandFilter { node: Some(node("a")), module: Some(1), ..all() }), [2]);
        let states = vec![CommandState::Done, CommandState::Queued];
        assert_eq!(found(CommandFilter { states, ..all() }), [3, 1]);
        let before = Some(CommandId([3; 16]));
        assert_eq!(found(CommandFilter { before, limit: 1, ..all() }), [2]);
        assert_eq!(subject.chronicle().command(CommandId([3; 16])).unwrap().unwrap().node, node("b"));
        assert_eq!(subject.chronicle().command(CommandId([7; 16])).unwrap(), None);
    }
}

#[test]
fn changes_are_numbered_in_their_order_and_found_by_node_deed_author_and_time() {
    for mut subject in subjects() {
        let changes = [
            change("a", Deed::Admit, 10, "at 10.0.0.5", None),
            change("b", Deed::Name, 20, "at 10.0.0.6", None),
            change("a", Deed::Name, 5, "at 10.0.0.5", Some(1)),
        ];
        for record in changes {
            subject.store().commit(&batch(record)).unwrap();
        }
        subject.store().commit(&batch(Record::Gone(node("a")))).unwrap();
        subject.restart();
        let found = |query: AuditQuery| -> Vec<_> {
            let found = subject.chronicle().audit(&AuditQuery { limit: 10, ..query }).unwrap();
            found.iter().map(|entry| entry.number).collect()
        };
        assert_eq!(found(AuditQuery::default()), [3, 2, 1], "a node that is gone keeps its changes");
        assert_eq!(found(AuditQuery { node: Some(node("a")), ..AuditQuery::default() }), [3, 1]);
        assert_eq!(found(AuditQuery { deed: Some(Deed::Name), ..AuditQuery::default() }), [3, 2]);
        assert_eq!(found(AuditQuery { by: Some("ADA AT 10.0.0.5".into()), ..AuditQuery::default() }), [3, 1]);
        let (from, to) = (Some(UnixMillis(10)), Some(UnixMillis(20)));
        assert_eq!(found(AuditQuery { from, to, ..AuditQuery::default() }), [1]);
    }
}

fn moved(from: &str, to: &str, modules: &[u8]) -> Record {
    Record::Replaced { old: node(from), new: node(to), modules: modules.into() }
}

#[test]
fn new_hardware_has_the_history_beside_its_own_readings_and_each_its_own_runs() {
    for journal in [0, 500] {
        let subjects: [Box<dyn Subject>; 2] = [Box::new(memory()), Box::new(OnDisk::new(journal))];
        for mut subject in subjects {
            subject.store().commit(&report("b", 7, &[10, 30])).unwrap();
            subject.store().commit(&report("a", 1, &[20, 40])).unwrap();
            // In one commit with reports of both, before and behind it.
            let batches = vec![
                report("b", 8, &[50]),
                report("a", 2, &[60]),
                batch(moved("b", "a", &[0])),
                report("a", 3, &[15]),
            ];
            subject.store().commit(&join(batches)).unwrap();
            for _ in 0..3 {
                assert_eq!(measured(&*subject, 0, 100, 10), [10, 15, 20, 30, 40, 50, 60]);
                let snapshot = subject.store().load().unwrap();
                let latest: Vec<_> = snapshot.latest.iter().map(|(series, _)| &series.node).collect();
                assert!(!latest.contains(&&node("b")), "{latest:?}");
                assert_eq!(snapshot.latest[0].1.measured, UnixMillis(60));
                let runs = [(node("a"), BootId(1), 3), (node("b"), BootId(1), 8)];
                assert_eq!(snapshot.sequences[..2], runs, "what is stored is known of each hardware");
                subject.restart();
                // Pushes what is in the journal into chunks where there is no room for it.
                subject.store().commit(&report("c", 1, &[1])).unwrap();
            }
        }
    }
}

#[test]
fn what_does_not_move_stays_with_the_old_hardware() {
    for mut subject in subjects() {
        subject.store().commit(&report("a", 1, &[10])).unwrap();
        for (id, wanted) in [(1, Wanted::Restart), (2, Wanted::Get { module: 0, channel: 1 })] {
            subject.store().commit(&batch(command(id, "a", wanted, &[]))).unwrap();
        }
        subject.store().commit(&batch(moved("a", "b", &[1]))).unwrap();
        subject.restart();
        assert_eq!(measured(&*subject, 0, 100, 10), [10]);
        let of: Vec<_> = subject.store().load().unwrap().commands.into_iter().map(|c| c.node).collect();
        assert_eq!(of, [node("b"), node("a")], "what is for the node as a whole moves");
    }
}

#[test]
fn a_batch_that_does_not_fit_itself_is_refused_whole() {
    for mut subject in subjects() {
        let mut bad = report("a", 1, &[10]);
        bad.readings.clear();
        assert!(subject.store().commit(&bad).is_err());
        assert_eq!(subject.store().load().unwrap(), Snapshot::default());
    }
}

#[test]
fn a_node_that_is_gone_and_comes_back_has_no_past() {
    for mut subject in subjects() {
        subject.store().commit(&report("a", 1, &[10])).unwrap();
        subject.store().commit(&batch(Record::Gone(node("a")))).unwrap();
        subject.store().commit(&report("a", 2, &[20])).unwrap();
        subject.restart();
        assert_eq!(measured(&*subject, 0, 100, 10), [20]);
        assert_eq!(subject.store().load().unwrap().sequences, [(node("a"), BootId(1), 2)]);
    }
}

#[test]
fn a_range_of_any_length_is_read_page_by_page() {
    for mut subject in subjects() {
        // Of the second minute there are more readings than a page has.
        let minutes: Vec<_> =
            (0..90).map(|number: usize| [1, 2, 2, 2, 2, 2, 3, 4, 5][number % 9] * 60_000).collect();
        for (sequence, measured) in (1..).zip(minutes.chunks(7)) {
            subject.store().commit(&report("a", sequence, measured)).unwrap();
        }
        let series = Series { node: node("a"), module: 0, channel: 1 };
        let (from, to) = (UnixMillis(60_000), UnixMillis(5 * 60_000));
        let query = ReadingQuery { series, from, to, limit: 4 };
        let pages: Vec<_> = Pages::new(subject.history(), query.clone()).map(Result::unwrap).collect();
        assert!(
            pages.iter().all(|page| page.len() <= 4),
            "{:?}",
            pages.iter().map(Vec::len).collect::<Vec<_>>()
        );
        let all = subject.history().readings(&ReadingQuery { limit: usize::MAX, ..query }).unwrap();
        assert_eq!((pages.concat(), all.len()), (all.clone(), 80));
    }
}

#[test]
fn a_bucket_has_the_readings_of_its_time_whenever_they_came() {
    let (day, hour) = (86_400_000, 3_600_000);
    for mut subject in subjects() {
        // Each half hour of two days, then one of the first day, late.
        let times: Vec<_> = (0..96).map(|half: i64| half * hour / 2 + 5).collect();
        for (sequence, measured) in (1..).zip(times.chunks(5)) {
            subject.store().commit(&report("a", sequence, measured)).unwrap();
            subject.upkeep(3);
        }
        subject.store().commit(&report("a", 99, &[7])).unwrap();
        let rollup = |subject: &dyn Subject, resolution, from, to| {
            let series = Series { node: node("a"), module: 0, channel: 1 };
            let query = RollupQuery { series, resolution, from: UnixMillis(from), to: UnixMillis(to) };
            subject.history().rollup(&query).unwrap()
        };
        let days = rollup(&*subject, Resolution::Day, 0, 2 * day);
        assert_eq!(days.iter().map(|day| day.count).collect::<Vec<_>>(), [49, 48]);
        let hours = rollup(&*subject, Resolution::Hour, 10, 2 * hour);
        let told: Vec<_> = hours.iter().map(|hour| (hour.start.0, hour.count, hour.min, hour.max)).collect();
        assert_eq!(told, [(0, 3, 5.0, 1_800_005.0), (hour, 2, 3_600_005.0, 5_400_005.0)]);
        assert!(rollup(&*subject, Resolution::FiveMinutes, 2 * day, 9 * day).is_empty());
        assert!(rollup(&*subject, Resolution::FiveMinutes, day, 0).is_empty(), "upside down");
    }
}

#[test]
fn gaps_are_told_by_when_the_report_behind_them_came() {
    for mut subject in subjects() {
        for sequence in [1, 2, 4, 5] {
            // `report` says that sequence % 3 are missing, and that it came at 1,000 + sequence.
            subject.store().commit(&report("a", sequence, &[10])).unwrap();
        }
        let (from, to) = (UnixMillis(1_002), UnixMillis(1_005));
        let gaps = subject.history().gaps(&GapQuery { node: node("a"), from, to }).unwrap();
        let told: Vec<_> = gaps.iter().map(|gap| (gap.arrived.0, gap.before, gap.missing)).collect();
        assert_eq!(told, [(1_002, 2, 2), (1_004, 4, 1)]);
    }
}

/// Sums depend on the order in which floats are added, and everything else is the same.
fn are_alike(left: &[Vec<Bucket>], right: &[Vec<Bucket>]) -> bool {
    let is_near = |left: &Bucket, right: &Bucket| {
        let most = left.min.abs().max(left.max.abs()) * f64::from(u32::try_from(left.count).unwrap());
        (left.sum - right.sum).abs() <= most * 1e-9 && Bucket { sum: right.sum, ..*left } == *right
    };
    let pairs = || left.iter().flatten().zip(right.iter().flatten());
    left.iter().map(Vec::len).eq(right.iter().map(Vec::len))
        && pairs().all(|(left, right)| is_near(left, right))
}

/// Many small commits, so that the journal is folded and chunks are merged, packed and filled.
#[test]
fn what_is_folded_is_found_once_and_in_order() {
    let mut subjects = subjects();
    let mut at = 0;
    for sequence in 1..=600 {
        let batch = report_of_all(sequence, &mut at);
        for subject in &mut subjects {
            subject.store().commit(&batch).unwrap();
            subject.upkeep(20);
        }
        if sequence % 150 == 0 {
            for subject in &mut subjects {
                subject.restart();
            }
            let [memory, disk] = &mut subjects;
            assert_eq!(disk.store().load().unwrap(), memory.store().load().unwrap());
            assert!(all_readings(disk.history()) == all_readings(memory.history()));
            for (from, to, limit) in [(0, at, 7), (at / 3, at / 2, 1_000), (at / 2, at, 2_000)] {
                let wanted = measured(&**memory, from, to, limit);
                assert_eq!(measured(&**disk, from, to, limit), wanted);
            }
        }
    }
}

/// A report of each node with readings of which many share a time with others, and some come late.
fn report_of_all(sequence: u32, at: &mut i64) -> Batch {
    let batches = NODES.iter().map(|name| {
        let measured: Vec<_> = (0..20)
            .map(|number| {
                *at += 7;
                if (*at + number) % 11 == 0 { *at - 5_000 } else { *at / 9_000 * 4_000 }
            })
            .collect();
        report(name, sequence, &measured)
    });
    join(batches.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_file_tells_what_memory_tells_whatever_is_stored_and_whenever_it_starts_anew(
        commits in vec((batches(), 0..30_usize, any::<bool>()), 1..30),
        journal in proptest::sample::select(vec![0, 1, 20, 1_000]),
    ) {
        let (mut memory, mut disk) = (memory(), OnDisk::new(journal));
        for (batch, steps, restarts) in commits {
            memory.store().commit(&batch).unwrap();
            disk.store().commit(&batch).unwrap();
            disk.upkeep(steps);
            if restarts {
                disk.restart();
            }
            prop_assert_eq!(disk.store().load().unwrap(), memory.store().load().unwrap());
            // As text, because there a negative zero is not the same as zero.
            let of = |subject: &dyn Subject| format!("{:?}", all_readings(subject.history()));
            prop_assert_eq!(of(&disk), of(&memory));
            prop_assert!(are_alike(&all_buckets(disk.history()), &all_buckets(memory.history())));
            prop_assert_eq!(all_gaps(disk.history()), all_gaps(memory.history()));
            prop_assert_eq!(all_commands(&disk), all_commands(&memory));
            prop_assert_eq!(all_changes(&disk), all_changes(&memory));
        }
    }
}
