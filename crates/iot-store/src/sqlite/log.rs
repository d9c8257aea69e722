//! The write-ahead log as it lies on disk: whether commits that were synced can no longer be read.
//!
//! SQLite ends the log at the first frame whose checksum is not right. Where the power failed during the last commit
//! that is its end. Where a bit has turned over earlier it would silently drop every commit behind it. Each commit
//! is synced before the next one begins, so after a frame that is broken by a power cut there is at most one commit.
//! Two of them, with checksums that follow from each other, show damage. A bit in the last two commits of a log
//! cannot be told from a power cut, and one in its head not from a head that was written in part.

use super::fault::Fault;

/// Bytes of the head of a log, and of each of its frames.
const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;

/// Says of a log whether synced commits in it are damaged.
pub(crate) fn check(log: &[u8]) -> Result<(), Fault> {
    let Some((head, frames)) = log.split_at_checked(HEAD) else { return Ok(()) };
    let big_endian = word(head, 0) & 1 == 1;
    let sum = sum((0, 0), &head[..24], big_endian);
    let page = usize::try_from(word(head, 8)).unwrap_or(0);
    if sum != (word(head, 24), word(head, 28)) || page == 0 {
        // As a write of the head leaves it that failed half way, when a log begins anew that was copied into the file.
        return Ok(());
    }
    let mut seed = sum;
    let mut is_broken = false;
    let mut commits = 0;
    for frame in frames.chunks_exact(FRAME_HEAD + page) {
        let is_of_this_log = frame[8..16] == head[16..24];
        let stored = (word(frame, 16), word(frame, 20));
        let follows = is_of_this_log
            && stored
                == self::sum(self::sum(seed, &frame[..8], big_endian), &frame[FRAME_HEAD..], big_endian);
        if !follows {
            is_broken = true;
            commits = 0;
        }
        // The page may be damaged and the checksum beside it right: what follows then follows from that.
        seed = stored;
        commits += u32::from(is_of_this_log && word(frame, 4) != 0);
        if is_broken && commits >= 2 {
            return Err(Fault::Unreadable("its write-ahead log is damaged before its end".into()));
        }
    }
    Ok(())
}

/// The big-endian word at a place.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// SQLite's checksum of a multiple of eight bytes, going on from another one.
fn sum((mut first, mut second): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let of = |bytes: &[u8]| if big_endian { word(bytes, 0) } else { word(bytes, 0).swap_bytes() };
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

    /// A log of so many commits, each of one page or more.
    fn log(commits: u32) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL").unwrap();
        db.execute_batch("CREATE TABLE a (b)").unwrap();
        for number in 1..commits {
            db.execute("INSERT INTO a VALUES (?)", [number]).unwrap();
        }
        std::fs::read(directory.path().join("a.db-wal")).unwrap()
    }

    #[test]
    fn a_log_is_whole_wherever_it_is_cut_off_and_whatever_becomes_of_its_last_commit() {
        let log = log(9);
        for end in (0..log.len()).step_by(97) {
            check(&log[..end]).unwrap();
        }
        for at in (log.len() - 4_000..log.len()).step_by(61) {
            let mut torn = log.clone();
            torn[at] ^= 1;
            check(&torn).unwrap();
        }
    }

    #[test]
    fn a_bit_that_turned_over_before_the_last_two_commits_is_found() {
        let log = log(9);
        let last_two = 2 * (FRAME_HEAD + 4_096);
        for at in (HEAD..log.len() - last_two).step_by(53) {
            let mut damaged = log.clone();
            damaged[at] ^= 1;
            assert!(check(&damaged).is_err(), "byte {at}");
        }
    }
}
