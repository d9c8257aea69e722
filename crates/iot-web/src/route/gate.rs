//! [`Gate`]: the paths at which people get in and say who else may: claim, login, users and tokens.

use iot_core::people::UserName;
use matchit::Params;

use super::{Miss, Page, PeopleAct, part::text, table::Takes};

/// Something about who may use the hub.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gate {
    Claim,
    LogIn,
    LogOut,
    Account,
    OwnPassword,
    Tokens,
    RevokeToken,
    People,
    UserRole,
    UserPassword,
    RemoveUser,
}

impl Gate {
    pub(super) fn takes(self) -> Takes {
        match self {
            Self::Claim | Self::LogIn | Self::People => Takes::Both,
            Self::Account => Takes::Get,
            Self::LogOut
            | Self::OwnPassword
            | Self::Tokens
            | Self::RevokeToken
            | Self::UserRole
            | Self::UserPassword
            | Self::RemoveUser => Takes::Post,
        }
    }

    /// What is looked at there.
    pub(super) fn page(self) -> Option<Page> {
        match self {
            Self::Claim => Some(Page::Claim),
            Self::LogIn => Some(Page::LogIn),
            Self::People => Some(Page::People),
            Self::Account => Some(Page::Account),
            Self::LogOut
            | Self::OwnPassword
            | Self::Tokens
            | Self::RevokeToken
            | Self::UserRole
            | Self::UserPassword
            | Self::RemoveUser => None,
        }
    }

    /// What is done there.
    pub(super) fn act(self, params: &Params<'_, '_>) -> Result<PeopleAct, Miss> {
        let user = || UserName::new(&text(params, "user")?).map_err(|_| Miss::Nothing);
        Ok(match self {
            Self::Claim => PeopleAct::Claim,
            Self::LogIn => PeopleAct::LogIn,
            Self::LogOut => PeopleAct::LogOut,
            Self::People => PeopleAct::Add,
            Self::UserRole => PeopleAct::SetRole(user()?),
            Self::UserPassword => PeopleAct::SetPassword(user()?),
            Self::RemoveUser => PeopleAct::Remove(user()?),
            Self::OwnPassword => PeopleAct::SetOwnPassword,
            Self::Tokens => PeopleAct::AddToken,
            Self::RevokeToken => {
                PeopleAct::RevokeToken(text(params, "token")?.parse().map_err(|_| Miss::Nothing)?)
            }
            Self::Account => return Err(Miss::Nothing),
        })
    }
}
