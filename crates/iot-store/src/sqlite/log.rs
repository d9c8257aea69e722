//! The write-ahead log as it lies on disk: whether commits that were synced can no longer be read.
//!
//! SQLite ends the log at the first frame whose checksum is not right. Where a write was not finished that is its
//! end. Where a bit has turned over earlier it would silently drop every commit behind it.
//!
//! Behind an end may lie zeros that make room, and whatever failed or unfinished writes left: frames of earlier logs,
//! which have other salts, and frames of commits that failed and were written over, of which each follows from the end.
//! What cannot lie there is a commit and a frame that follows from it: SQLite writes on behind a commit only once that is synced, and never
//! again before it. Where such a pair is found, what lay before it was whole once and is not any more.
//!
//! That nothing is found shows little: a log that lost its end, or a bit in its last commits, looks like a power cut.

use super::fault::Fault;

/// Bytes of the head of a log, of the head of each of its frames, and of a page.
const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
const PAGE: usize = 4_096;

/// How a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// As it should, or there is no log.
    Right,
    /// With a head that was written in part, by a log that took the place of one that lies in the file by now.
    Half,
}

/// Says of a log whether synced commits in it are damaged.
pub(crate) fn check(log: &[u8]) -> Result<Beginning, Fault> {
    let Some((head, frames)) = log.split_at_checked(HEAD) else { return Ok(Beginning::Right) };
    let is_right = sum_at(head, 24) == sum_of(head);
    let mut frames = frames.chunks_exact(FRAME_HEAD + PAGE).peekable();
    let salts = if is_right { Some(&head[16..24]) } else { frames.peek().map(|first| &first[8..16]) };
    let Some(salts) = salts else { return Ok(Beginning::Half) };
    if !is_right && may_be_half(head, salts) {
        return Ok(Beginning::Half);
    }
    let (mut seed, mut has_ended, mut commit) = (sum_at(head, 24), !is_right, None);
    for frame in frames {
        let order = Order::of(head);
        let own = sum(sum(seed, &frame[..8], order), &frame[FRAME_HEAD..], order);
        // Where the page is damaged the checksum beside it is right, and what follows then follows from that.
        seed = sum_at(frame, 16);
        let follows = frame[8..16] == *salts && own == seed;
        has_ended |= !follows;
        if follows && commit.is_some_and(|commit| !is_copy(frame, commit)) && has_ended {
            return Err(Fault::Unreadable("its write-ahead log is damaged before its end".into()));
        }
        commit = (follows && word(frame, 4) != 0).then_some(frame);
    }
    Ok(if is_right { Beginning::Right } else { Beginning::Half })
}

/// Whether a head whose checksum is not right may be a new one, written in part over that of the log whose frames
/// have these salts. Each log counts one more than the one before.
fn may_be_half(head: &[u8], salts: &[u8]) -> bool {
    let with = |count: u32| sum_of(&[&head[..12], &count.to_be_bytes(), salts].concat());
    let (count, stored) = (word(head, 12), sum_at(head, 24));
    if head[16..24] == *salts { stored == with(count.wrapping_sub(1)) } else { stored != with(count) }
}

/// Where a disk may tear what lies around a write, SQLite fills the sector with copies of the commit's last frame.
fn is_copy(frame: &[u8], commit: &[u8]) -> bool {
    frame[..8] == commit[..8] && frame[FRAME_HEAD..] == commit[FRAME_HEAD..]
}

/// The order of bytes in which a log is summed up.
#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn of(head: &[u8]) -> Self {
        if word(head, 0) & 1 == 1 { Self::Big } else { Self::Little }
    }
}

/// The big-endian word at a place.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// The checksum that is written at a place.
fn sum_at(bytes: &[u8], at: usize) -> (u32, u32) {
    (word(bytes, at), word(bytes, at + 4))
}

/// The checksum of a head.
fn sum_of(head: &[u8]) -> (u32, u32) {
    sum((0, 0), &head[..24], Order::of(head))
}

/// SQLite's checksum of a multiple of eight bytes, going on from another one.
fn sum((mut first, mut second): (u32, u32), bytes: &[u8], order: Order) -> (u32, u32) {
    let of = |bytes: &[u8]| match order {
        Order::Big => word(bytes, 0),
        Order::Little => word(bytes, 0).swap_bytes(),
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(of(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(of(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    const FRAME: usize = FRAME_HEAD + PAGE;

    /// A log of so many commits: that of the table has two pages, those of rows one, and the last one has eight.
    fn log(commits: u32) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE a (b)").unwrap();
        for number in 2..commits {
            db.execute("INSERT INTO a VALUES (?)", [number]).unwrap();
        }
        db.execute("INSERT INTO a VALUES (zeroblob(26000))", []).unwrap();
        std::fs::read(directory.path().join("a.db-wal")).unwrap()
    }

    /// What a restart of the log leaves of which only so many bytes were written.
    fn restarted(log: &[u8], written: usize) -> Vec<u8> {
        let mut head = log[..24].to_vec();
        head[12..16].copy_from_slice(&(word(log, 12) + 1).to_be_bytes());
        head[16..20].copy_from_slice(&(word(log, 16) + 1).to_be_bytes());
        head[20..24].copy_from_slice(&[7; 4]);
        let (first, second) = sum_of(&head);
        head.extend([first.to_be_bytes(), second.to_be_bytes()].concat());
        [&head[..written], &log[written..]].concat()
    }

    #[test]
    fn a_log_is_well_wherever_it_is_cut_off_and_whatever_becomes_of_its_last_commit() {
        let log = log(9);
        for end in (0..log.len()).step_by(97) {
            check(&log[..end]).unwrap();
        }
        for at in (log.len() - 8 * FRAME..log.len()).step_by(61) {
            let mut torn = log.clone();
            torn[at] ^= 1;
            assert_eq!(check(&torn).unwrap(), Beginning::Right, "byte {at}");
        }
    }

    #[test]
    fn a_commit_that_is_torn_over_one_that_failed_is_no_damage() {
        let mut log = log(9);
        let first = log.len() - 8 * FRAME;
        // Page and mark of a commit of one page, with the checksum of the frame that lay there.
        log[first..first + 8].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0, 9]);
        check(&log).unwrap();
    }

    #[test]
    fn a_head_that_was_written_in_part_is_told_and_is_no_damage() {
        let log = log(9);
        let whole = restarted(&log, HEAD);
        for written in 0..=HEAD {
            let restarted = restarted(&log, written);
            // What is not written yet may be as it was: the first bytes always, the last ones by chance.
            let is_whole = restarted == log || restarted == whole;
            let expected = if is_whole { Beginning::Right } else { Beginning::Half };
            assert_eq!(check(&restarted).unwrap(), expected, "{written} bytes");
        }
    }

    #[test]
    fn a_bit_that_turned_over_before_the_last_two_commits_is_found() {
        let log = log(9);
        // The last one of one page, and the first frame of the one behind it.
        let behind = log.len() - 9 * FRAME;
        for at in (HEAD..behind).step_by(53) {
            let mut damaged = log.clone();
            damaged[at] ^= 1;
            assert!(check(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_bit_that_turned_over_in_the_head_is_found_unless_it_makes_it_the_next_one() {
        let log = log(9);
        let missed = (0..HEAD * 8).filter(|bit| {
            let mut damaged = log.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            check(&damaged).is_ok()
        });
        // The first says in which order bytes are summed up, the second counts logs.
        assert_eq!(missed.collect::<Vec<_>>(), [24, 120]);
    }
}
