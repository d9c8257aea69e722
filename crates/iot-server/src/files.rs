//! [`Files`]: how many files the process may have open, and what the hub does with them.
//!
//! A session is a file. A hub that runs out of them cannot open its store either, so it takes no more
//! sessions than leave enough for everything else.

use iot_net::DialConfig;
use tracing::{info, warn};

use crate::Config;

/// Files for everything that is neither a session, a delivery nor a page: store, log, runtime, discovery,
/// connections that are being turned away.
const OTHERS: usize = 128;

/// Memory of a session that says little, in KiB: task, socket, and what the hub remembers of it.
const SESSION_KIB: usize = 4;

/// What the process may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// Most files; `None` where the operating system sets no limit.
    most: Option<usize>,
}

impl Files {
    /// Asks the operating system for as many as it gives.
    #[cfg(unix)]
    pub(crate) fn raise() -> Self {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if limit.current != limit.maximum
            && let Err(error) = setrlimit(Resource::Nofile, raised)
        {
            warn!(%error, "the limit of open files stays as it is; raise it with LimitNOFILE or ulimit -n");
        }
        let most = getrlimit(Resource::Nofile).current;
        Self { most: most.and_then(|most| usize::try_from(most).ok()) }
    }

    /// This operating system sets no limit that a hub would come near.
    #[cfg(not(unix))]
    pub(crate) fn raise() -> Self {
        Self { most: None }
    }

    /// Takes as many sessions from the configuration as there are not files for, and says in the log what
    /// they are for.
    ///
    /// # Errors
    /// How many files are needed, where there are not enough for a single session.
    pub(crate) fn fit(self, config: &mut Config) -> Result<(), usize> {
        let dials = DialConfig::default().max_dials;
        let reserve = config.max_web_connections + dials + OTHERS;
        let configured = config.max_sessions;
        if let Some(most) = self.most {
            let left = most.checked_sub(reserve).filter(|left| *left > 0).ok_or(reserve + 1)?;
            config.max_sessions = configured.min(left);
        }
        let (sessions, web) = (config.max_sessions, config.max_web_connections);
        info!(
            files = self.most,
            sessions,
            web,
            dials,
            others = OTHERS,
            memory_mib = sessions * SESSION_KIB / 1024,
            "files and memory of a full hub"
        );
        if sessions < configured {
            warn!(configured, sessions, "fewer sessions than configured: raise LimitNOFILE or ulimit -n");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(most: Option<usize>) -> Result<usize, usize> {
        let mut config = Config::default();
        Files { most }.fit(&mut config).map(|()| config.max_sessions)
    }

    #[test]
    fn no_more_sessions_are_taken_than_leave_files_for_everything_else() {
        assert_eq!(fit(None), Ok(20_000));
        assert_eq!(fit(Some(1_000_000)), Ok(20_000));
        assert_eq!(fit(Some(1_024)), Ok(1_024 - 256 - 128 - 128));
        assert_eq!(fit(Some(513)), Ok(1));
        assert_eq!(fit(Some(512)), Err(513));
    }
}
