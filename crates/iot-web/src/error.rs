//! [`WebError`]: why a request is not answered as asked, with its status and words. Pages and the API word
//! the same error alike; only the form differs.

use http::StatusCode;
use iot_core::{IotError, people::PeopleError};
use iot_proto::ErrorCode;
use thiserror::Error;

use crate::{
    BackupRefused, RestoreRefused, UploadRefused,
    route::{May, Miss},
};

/// Why a request is not answered as asked.
#[derive(Clone, Debug, PartialEq, Error)]
pub(crate) enum WebError {
    /// The hub refuses it.
    #[error(transparent)]
    Hub(#[from] IotError),
    /// No backup is begun.
    #[error(transparent)]
    Backup(#[from] BackupRefused),
    /// No backup is restored.
    #[error(transparent)]
    Restore(#[from] RestoreRefused),
    /// No backup is taken.
    #[error(transparent)]
    Upload(#[from] UploadRefused),
    /// The rules of who may use the hub refuse it.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// Nobody owns the hub yet.
    #[error("nobody owns this hub yet")]
    Unclaimed,
    /// Nobody is logged in.
    #[error("this is only for people who are logged in, and programs with a token")]
    NotLoggedIn,
    /// What stands in `Authorization` is no token, or one that has ended.
    #[error("the token is not one of this hub, or it has ended")]
    BadToken,
    /// Whoever asks is known and may not.
    #[error("this is for {needs}, and {user} is {role}")]
    Forbidden {
        /// Whom it is for.
        needs: May,
        /// Who asks.
        user: Box<str>,
        /// What they are.
        role: Box<str>,
    },
    /// A change that does not say which page it comes from.
    #[error("the request does not say from which page it comes")]
    NoOrigin,
    /// Too many passwords are being looked at.
    #[error("too many people are logging in at this moment")]
    Busy,
    /// Nothing is at this address.
    #[error("there is nothing at this address")]
    NotFound,
    /// The method is not for this address.
    #[error("this address takes only {allow}")]
    Method {
        /// The methods that it takes.
        allow: &'static str,
    },
    /// The body is longer than the server takes.
    #[error("the body exceeds the limit of {limit} bytes")]
    TooLong {
        /// Most bytes.
        limit: usize,
    },
    /// The body did not come in time.
    #[error("the body took longer than {limit_s} s")]
    TooSlow {
        /// Seconds that it may take.
        limit_s: f32,
    },
    /// The body is of another content type.
    #[error("the body must be {expected}")]
    ContentType {
        /// The type that is taken.
        expected: &'static str,
    },
    /// The body or the query cannot be read.
    #[error("{why}")]
    Malformed {
        /// What is wrong with it.
        why: Box<str>,
    },
    /// A layer in front of the handlers refused the request, or a handler failed.
    #[error("{}", refusal(*status).0)]
    Refused {
        /// How.
        status: StatusCode,
    },
}

impl From<Miss> for WebError {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Nothing => Self::NotFound,
            Miss::Method { allow } => Self::Method { allow },
            Miss::Unknown(error) => Self::Hub(error),
        }
    }
}

impl From<iot_core::catalogue::ValueError> for WebError {
    fn from(error: iot_core::catalogue::ValueError) -> Self {
        Self::Hub(error.into())
    }
}

impl WebError {
    /// A body or query that cannot be read.
    pub(crate) fn malformed(why: impl Into<Box<str>>) -> Self {
        Self::Malformed { why: why.into() }
    }

    /// What could not be made or kept.
    pub(crate) fn unkept(why: &impl ToString) -> Self {
        Self::Hub(IotError::NotStored { why: why.to_string().into() })
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Hub(error) => status_of(error.code()),
            Self::People(error) => status_of_people(error),
            Self::NotLoggedIn | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Unclaimed | Self::Forbidden { .. } | Self::NoOrigin => StatusCode::FORBIDDEN,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Backup(_) => StatusCode::CONFLICT,
            Self::Restore(refused) => refused.status(),
            Self::Upload(refused) => refused.status(),
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::ContentType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::Refused { status } => *status,
        }
    }

    /// The error's number, where the hub gave it one.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        if let Self::Hub(error) = self { Some(error.code()) } else { None }
    }

    /// The error's word in the API.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hub(error) => error.code().word().unwrap_or("unknown"),
            Self::Backup(_) => "no-backup",
            Self::Restore(_) => "no-restore",
            Self::Upload(_) => "no-upload",
            Self::People(_) => "not-allowed",
            Self::Unclaimed => "unclaimed",
            Self::NotLoggedIn => "not-logged-in",
            Self::BadToken => "bad-token",
            Self::Forbidden { .. } => "forbidden",
            Self::NoOrigin => "no-origin",
            Self::Busy => "busy",
            Self::NotFound => "not-found",
            Self::Method { .. } => "method-not-allowed",
            Self::TooLong { .. } => "too-long",
            Self::TooSlow { .. } => "too-slow",
            Self::ContentType { .. } => "content-type",
            Self::Malformed { .. } => "malformed",
            Self::Refused { .. } => "refused",
        }
    }

    /// What a person does about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Hub(error) => error.advice(),
            Self::Backup(refused) => refused.advice(),
            Self::Restore(refused) => refused.advice(),
            Self::Upload(refused) => refused.advice(),
            Self::People(error) => advice_of_people(error),
            Self::Unclaimed => "Open the hub's page and claim it, with the code from its log.",
            Self::NotLoggedIn => "Log in on the page, or send a token: docs/api.md says how to get one.",
            Self::BadToken => "Make another one on the page of your account.",
            Self::Forbidden { .. } => "Ask an admin of this hub.",
            Self::NoOrigin => "Use the page in a browser; a program sends a token.",
            Self::Busy => "Try again in a moment.",
            Self::NotFound => "Go on from the overview, or see docs/api.md for what the API has.",
            Self::Method { .. } => "Use the method that the address takes.",
            Self::TooLong { .. } => "Send less.",
            Self::TooSlow { .. } => "Send the whole body at once.",
            Self::ContentType { .. } => "Set the content type and send the body in that form.",
            Self::Malformed { .. } => "See docs/api.md for what is taken here.",
            Self::Refused { status } => refusal(*status).1,
        }
    }
}

/// The status for what the rules of who may use the hub refuse.
fn status_of_people(error: &PeopleError) -> StatusCode {
    match error {
        PeopleError::WrongCode | PeopleError::CodeMissing => StatusCode::FORBIDDEN,
        PeopleError::WrongPassword => StatusCode::UNAUTHORIZED,
        PeopleError::Wait { .. } => StatusCode::TOO_MANY_REQUESTS,
        PeopleError::UnknownUser { .. } | PeopleError::UnknownToken { .. } => StatusCode::NOT_FOUND,
        PeopleError::Claimed
        | PeopleError::FirstIsAdmin
        | PeopleError::NameTaken { .. }
        | PeopleError::LastAdmin { .. }
        | PeopleError::TooMany { .. } => StatusCode::CONFLICT,
        PeopleError::Name
        | PeopleError::Role
        | PeopleError::Password { .. }
        | PeopleError::Passphrase { .. }
        | PeopleError::Label { .. }
        | PeopleError::Scope { .. }
        | PeopleError::Lifetime { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// What a person does about what the rules of who may use the hub refuse.
fn advice_of_people(error: &PeopleError) -> &'static str {
    match error {
        PeopleError::WrongCode | PeopleError::CodeMissing => {
            "Read the code in the hub's log, or claim the hub at its own machine."
        }
        PeopleError::Claimed => "Log in, or ask its owner for a name and a password.",
        PeopleError::WrongPassword => "Try again; an admin can set another password.",
        PeopleError::Wait { .. } => "Wait; at the hub's own machine there is no pause for the account.",
        PeopleError::LastAdmin { .. } => "Make somebody else an admin first.",
        PeopleError::TooMany { .. } => "Remove some that are not needed.",
        PeopleError::UnknownUser { .. } | PeopleError::UnknownToken { .. } => "Look at the list of today.",
        PeopleError::NameTaken { .. } | PeopleError::Name => "Take another name.",
        PeopleError::Password { .. } | PeopleError::Passphrase { .. } => {
            "Take a longer one, such as four words."
        }
        PeopleError::FirstIsAdmin
        | PeopleError::Role
        | PeopleError::Label { .. }
        | PeopleError::Scope { .. }
        | PeopleError::Lifetime { .. } => "Change it and try again.",
    }
}

/// The status for an error that the hub numbered.
fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::UNKNOWN_NODE
        | ErrorCode::UNKNOWN_COMMAND
        | ErrorCode::UNKNOWN_CHANNEL
        | ErrorCode::KIND_UNSUPPORTED
        | ErrorCode::MODULE_NOT_REGISTERED => StatusCode::NOT_FOUND,
        ErrorCode::NOT_WRITABLE | ErrorCode::WRONG_TYPE | ErrorCode::OUT_OF_RANGE => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ErrorCode::TOO_MANY => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::STOPPING | ErrorCode::NOT_STORED | ErrorCode::TIMED_OUT => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::CONFLICT,
    }
}

/// What a layer's refusal means, and what to do.
fn refusal(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::FORBIDDEN => (
            "the request came from a page of another site",
            "Open this hub's own page in the browser and try there.",
        ),
        StatusCode::MISDIRECTED_REQUEST => (
            "this hub is not known under the name in the address",
            "Use the hub's IP address or its own host name, or add the name to the configuration.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("the body is longer than 65536 bytes", "Send less."),
        StatusCode::SERVICE_UNAVAILABLE => ("the hub took too long to answer", "Try again in a moment."),
        _ => ("something went wrong inside the hub", "See the hub's log, then try again."),
    }
}

#[cfg(test)]
mod tests {
    use iot_core::catalogue::ValueError;

    use super::*;

    #[test]
    fn a_status_says_whether_the_thing_its_state_or_the_value_is_wrong() {
        let name = "level";
        for (error, expected) in [
            (IotError::UnknownNode { node: "x".into() }, 404),
            (IotError::CommandEnded, 409),
            (ValueError::NotWritable { name: name.into() }.into(), 422),
            (ValueError::UnknownChannel { kind: "relay".into(), channel: "9".into() }.into(), 404),
            (IotError::TooMany { what: "commands", limit: 64 }, 429),
            (IotError::Stopping, 503),
        ] {
            assert_eq!(WebError::from(error.clone()).status().as_u16(), expected, "{error}");
        }
    }
}
