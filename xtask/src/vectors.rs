//! `cargo xtask vectors`: holds the wire to its golden vectors, and records the files of a released version.
//!
//! The vectors and their test are in `crates/iot-proto/tests/wire`. The rule that a recorded file never
//! changes is [`tidy::released`](crate::tidy::released).

use xshell::{Shell, cmd};

use crate::{
    exec, out,
    tally::Tally,
    tidy::{Tree, released},
};

/// Options of `cargo xtask vectors`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Record the files of every version that is not recorded yet: from then on they never change.
    #[arg(long)]
    release: bool,
}

/// Checks the vectors, and records them when asked.
///
/// # Errors
/// When the encoder or the decoder departs from a vector, or a released file was changed.
pub(crate) fn run(sh: &Shell, options: &Options) -> anyhow::Result<()> {
    exec::run_tests(&mut Tally::default(), cmd!(sh, "cargo test -p iot-proto --test wire"))?;
    let tree = Tree::read(exec::repository())?;
    released::ensure_unchanged(&tree)?;
    if options.release {
        let (text, added) = released::record(&tree);
        sh.write_file(exec::repository().join(released::RECORD), text)?;
        out::result(&format!("{added} files recorded in {}; commit it", released::RECORD));
    } else {
        out::result("the wire agrees with all its vectors");
    }
    Ok(())
}
