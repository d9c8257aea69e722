//! [`judge`]: whether a run ended as it must, with a planted fault and without. What is a breach is the proof's.

use anyhow::{Result, ensure};

use crate::out;

/// How a run is told whether its planted fault was found; `None` where none was planted.
pub(super) type Found = Option<bool>;

/// Judges a run of a proof by what was broken. `well` is what holds when nothing was.
///
/// # Errors
/// When a promise was broken; with a planted fault, when it was not found.
pub(super) fn judge(proof: &str, found: Found, breaches: &[String], well: &str) -> Result<()> {
    let told = breaches.join("; ");
    if let Some(found) = found {
        ensure!(found, "the planted fault was not found: the proof proves nothing; seen: {told}");
        out::progress(&format!("{proof}: the planted fault was found: {told}"));
    } else {
        ensure!(breaches.is_empty(), "a promise was broken: {told}");
        out::progress(&format!("{proof}: {well}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_is_not_found_and_a_breach_that_was_not_planted_end_without_success() {
        let broken = ["it".to_string()];
        assert!(judge("a", None, &[], "well").is_ok());
        assert!(judge("a", None, &broken, "well").is_err());
        assert!(judge("a", Some(true), &broken, "well").is_ok());
        assert!(judge("a", Some(false), &broken, "well").is_err());
        assert!(judge("a", Some(false), &[], "well").is_err());
    }
}
