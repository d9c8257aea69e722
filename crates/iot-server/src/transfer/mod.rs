//! Readings out of a store and into one, as lines of a file. How a line looks is `iot_web::rows`'; here is
//! which readings go over, and what is done with those that are there already.
//!
//! Neither way holds more than a few thousand readings at a time, however long the file is.

mod export;
mod import;

pub use export::{ExportError, Selection, export};
pub use import::{ImportError, Imported, import};

/// Readings that are held at a time.
const PAGE: usize = 4_096;

#[cfg(test)]
mod tests {
    use iot_core::{
        NodeId, Series, UnixMillis,
        store::{Batch, Record, Store as _, StoredReading},
    };
    use iot_proto::{BootId, Finite, OwnedValue};
    use iot_store::{SqliteHistory, SqliteStore};
    use iot_web::rows::{Format, RowReader, RowWriter};

    use super::*;

    fn exported(history: &SqliteHistory, format: Format, selection: &Selection) -> Vec<u8> {
        let mut file = Vec::new();
        let mut rows = RowWriter::new(format, &mut file).unwrap();
        export(history, selection, &mut rows, &mut |_| {}).unwrap();
        drop(rows);
        file
    }

    fn everything() -> Selection {
        let (from, to) = (UnixMillis(i64::MIN), UnixMillis(i64::MAX));
        Selection { node: None, module: None, channel: None, from, to }
    }

    /// Two nodes with a number, a switch and a text each; some late, some twice the same, more than a page.
    fn fill(store: &mut SqliteStore) {
        for sequence in 1..=40_u32 {
            for node in ["plain:a", "plain:b"] {
                let node = NodeId::parse(node).unwrap();
                let measured = |at: i64| UnixMillis(i64::from(sequence) * 1_000 - (at % 7) * 3_000);
                let reading = |at: i64| {
                    let (channel, value) = match at % 3 {
                        0 => (1, OwnedValue::Float(Finite::new(20.0 + f64::from(sequence) / 10.0).unwrap())),
                        1 => (2, OwnedValue::Bool(at % 2 == 0)),
                        _ => (3, OwnedValue::Text(format!("text, {at}\n\"{sequence}\"").into())),
                    };
                    StoredReading { module: 0, channel, measured: measured(at), value }
                };
                let readings: Vec<_> = (0..200).map(reading).collect();
                let (boot, arrived) = (BootId(1), UnixMillis(i64::from(sequence) * 1_000 + 40));
                let count = readings.len();
                let records = vec![Record::Report {
                    node,
                    boot,
                    sequence,
                    reports: 1,
                    gap: 0,
                    arrived,
                    readings: count,
                }];
                store.commit(&Batch { records, readings }).unwrap();
            }
        }
    }

    #[test]
    fn what_was_exported_imports_to_the_same_and_a_second_time_adds_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, history) = SqliteStore::open(&directory.path().join("from.db")).unwrap();
        fill(&mut store);
        for format in [Format::Csv, Format::JsonLines] {
            let file = exported(&history, format, &everything());
            let to = directory.path().join(format.extension());
            let (mut other, other_history) = SqliteStore::open(&to).unwrap();
            let mut read = || {
                let mut rows = RowReader::new(format, &*file);
                import(&mut other, &other_history, &mut rows, &mut |_| {}).unwrap()
            };
            let first = read();
            assert_eq!((first.added, first.present), (16_000, 0));
            assert_eq!(exported(&other_history, format, &everything()), file, "{format:?}");
            let second = read();
            assert_eq!((second.added, second.present), (0, 16_000));
            assert_eq!(exported(&other_history, format, &everything()), file, "{format:?}");
        }
    }

    #[test]
    fn what_is_exported_can_be_chosen() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, history) = SqliteStore::open(&directory.path().join("hub.db")).unwrap();
        fill(&mut store);
        let lines = |selection: &Selection| {
            exported(&history, Format::JsonLines, selection).split(|byte| *byte == b'\n').count() - 1
        };
        let node = NodeId::parse("plain:b");
        assert_eq!(lines(&Selection { node: node.clone(), ..everything() }), 8_000);
        let channel = Selection { node, module: Some(0), channel: Some(2), ..everything() };
        assert_eq!(lines(&channel), 40 * 67);
        let second = Selection { from: UnixMillis(5_000), to: UnixMillis(5_001), ..channel };
        let found = exported(&history, Format::JsonLines, &second);
        let mut rows = RowReader::new(Format::JsonLines, &*found);
        let (_, row) = rows.read().unwrap().unwrap();
        let series = Series { node: NodeId::parse("plain:b").unwrap(), module: 0, channel: 2 };
        assert_eq!((row.series, row.reading.measured), (series, UnixMillis(5_000)));
        assert_eq!(lines(&Selection { node: NodeId::parse("plain:c"), ..everything() }), 0);
    }

    #[test]
    fn a_line_that_is_no_reading_ends_an_import_with_its_number_and_what_came_before_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, history) = SqliteStore::open(&directory.path().join("hub.db")).unwrap();
        let good = r#"{"node":"plain:a","module":0,"channel":1,"measured":5,"arrived":6,"value":7}"#;
        let file = format!("{good}\nnonsense\n");
        let mut rows = RowReader::new(Format::JsonLines, file.as_bytes());
        let error = import(&mut store, &history, &mut rows, &mut |_| {}).unwrap_err();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
        assert_eq!(exported(&history, Format::JsonLines, &everything()), format!("{good}\n").into_bytes());
    }
}
