//! Where the command line has passphrases from: a terminal, standard input, or a file. Never from its own arguments,
//! which others can see.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use iot_core::people::Passphrase;
use iot_server::seal::passphrase_of;

/// The passphrase for a new backup, where one is wanted.
///
/// # Errors
/// Why there is none.
pub(crate) fn for_backup(file: Option<&Path>, with_key: bool) -> anyhow::Result<Option<Passphrase>> {
    match file {
        Some(file) => Ok(Some(passphrase_of(file)?)),
        None if !with_key => Ok(None),
        None if io::stdin().is_terminal() => {
            let words = rpassword::prompt_password("Passphrase of the backup: ")?;
            let passphrase = Passphrase::new(&words)?;
            if rpassword::prompt_password("Once more: ")? != words {
                bail!("the two passphrases are not the same");
            }
            Ok(Some(passphrase))
        }
        None => {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).context("read the passphrase from standard input")?;
            Ok(Some(Passphrase::new(line.trim_end_matches(['\r', '\n']))?))
        }
    }
}

/// The passphrase of a backup that has the key of the hub `hub`.
///
/// # Errors
/// Why there is none.
pub(crate) fn of_backup(file: Option<&Path>, hub: &str) -> anyhow::Result<Passphrase> {
    match file {
        Some(file) => Ok(passphrase_of(file)?),
        None if io::stdin().is_terminal() => {
            let prompt = format!("Passphrase of the backup of the hub {hub}: ");
            Ok(Passphrase::new(&rpassword::prompt_password(prompt)?)?)
        }
        None => bail!(
            "this backup has the key of the hub {hub} under a passphrase: say --passphrase-file, or --without-key \
             for a hub that its nodes do not know"
        ),
    }
}
