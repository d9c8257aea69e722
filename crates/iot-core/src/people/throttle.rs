//! [`Throttle`]: how often a password may be tried, for each account and for each address; [`Allowance`]: how many
//! refusals are kept, so that nobody fills the audit with them.
//!
//! Tries are counted where they come from and where they go to. The pause of an address holds up only that
//! address. The pause of an account, which somebody far away can cause, does not hold up whoever has logged in to
//! it from the same address before, or sits at the hub's own machine: nobody locks the owner out.

use alloc::collections::BTreeMap;
use core::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use super::UserName;
use crate::Instant;

/// Tries of a password that may fail before there is a pause.
pub const FREE_TRIES: u32 = 5;

/// The first pause; each further failure doubles it, up to the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);

/// After this time without a failure all is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(15);

/// Accounts and addresses that are remembered at most. Of more, the one that failed longest ago is forgotten.
const REMEMBERED: usize = 4_096;

/// How long to wait before the next try is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub Duration);

/// Whether the account's pause counts for whoever tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known of them.
    Stranger,
    /// They have logged in to the account from there before, or sit at the hub's own machine.
    Familiar,
}

/// What failed of late.
#[derive(Debug, Default)]
pub struct Throttle {
    accounts: BTreeMap<UserName, Failures>,
    addresses: BTreeMap<IpAddr, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// When the next try is looked at.
    fn pause_ends(self) -> Instant {
        let Some(beyond) = self.count.checked_sub(FREE_TRIES) else { return Instant(0) };
        let pause = FIRST.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
        self.last + pause.min(LONGEST)
    }

    fn is_forgotten(self, now: Instant) -> bool {
        now.since(self.last) >= FORGOTTEN
    }
}

impl Throttle {
    /// Whether a try is looked at now. It counts as failed until [`succeeded`](Self::succeeded) is told, so that
    /// many at one time are not all looked at.
    ///
    /// # Errors
    /// [`Wait`].
    pub fn attempt(
        &mut self,
        now: Instant,
        (account, standing): (&UserName, Standing),
        address: IpAddr,
    ) -> Result<(), Wait> {
        let address = network(address);
        let of_account = self.accounts.get(account).filter(|_| standing == Standing::Stranger);
        let failures = [of_account, self.addresses.get(&address)];
        let known = failures.into_iter().flatten().filter(|failures| !failures.is_forgotten(now));
        if let Some(ends) = known.map(|failures| failures.pause_ends()).max().filter(|ends| *ends > now) {
            return Err(Wait(ends.since(now)));
        }
        count(&mut self.addresses, address, now);
        if standing == Standing::Stranger {
            count(&mut self.accounts, account.clone(), now);
        }
        Ok(())
    }

    /// The try was right.
    pub fn succeeded(&mut self, account: &UserName, address: IpAddr) {
        self.accounts.remove(account);
        self.addresses.remove(&network(address));
    }
}

/// Refusals that are kept in a minute.
const KEPT: u32 = 60;

/// How many refusals may still be kept.
#[derive(Debug, Default)]
pub struct Allowance {
    minute: u64,
    taken: u32,
    left_out: u64,
}

impl Allowance {
    /// Whether another refusal is kept now; and how many were left out before it, which its record then tells.
    pub fn take(&mut self, now: Instant) -> Option<u64> {
        let minute = now.0 / 60_000;
        if minute != self.minute {
            (self.minute, self.taken) = (minute, 0);
        }
        if self.taken == KEPT {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.taken += 1;
        Some(core::mem::take(&mut self.left_out))
    }
}

/// One more failure; where too many are remembered, the oldest goes.
fn count<K: Ord + Clone>(failures: &mut BTreeMap<K, Failures>, key: K, now: Instant) {
    if failures.len() >= REMEMBERED && !failures.contains_key(&key) {
        let oldest = failures.iter().min_by_key(|(_, failures)| failures.last).map(|(key, _)| key.clone());
        oldest.and_then(|oldest| failures.remove(&oldest));
    }
    let entry = failures.entry(key).or_insert(Failures { count: 0, last: now });
    if entry.is_forgotten(now) {
        entry.count = 0;
    }
    *entry = Failures { count: entry.count.saturating_add(1), last: now };
}

/// What stands for an address: of IPv6 its first half, since one subscriber has all of the second.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    fn ada() -> UserName {
        UserName::new("ada").unwrap()
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0A00_0000 + number).into()
    }

    /// Fails as often as it may until `to`, a try a second from ever new addresses.
    fn attacked(throttle: &mut Throttle, to: u64) -> u32 {
        let tries = (0..to).filter(|second| {
            let from = address(u32::try_from(*second).unwrap() + 100);
            throttle.attempt(Instant(second * 1_000), (&ada(), Standing::Stranger), from).is_ok()
        });
        u32::try_from(tries.count()).unwrap()
    }

    #[test]
    fn an_address_waits_longer_and_longer_and_a_minute_at_most() {
        let mut throttle = Throttle::default();
        let mut now = Instant(0);
        for _ in 0..FREE_TRIES {
            throttle.attempt(now, (&ada(), Standing::Familiar), address(1)).unwrap();
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let pause = Duration::from_secs(seconds);
            let refused = throttle.attempt(now, (&ada(), Standing::Familiar), address(1));
            assert_eq!(refused, Err(Wait(pause)));
            now = now + pause;
            throttle.attempt(now, (&ada(), Standing::Familiar), address(1)).unwrap();
        }
        now = now + FORGOTTEN;
        for _ in 0..FREE_TRIES {
            throttle.attempt(now, (&ada(), Standing::Familiar), address(1)).unwrap();
        }
    }

    #[test]
    fn an_account_that_is_attacked_from_everywhere_is_tried_about_once_a_minute() {
        let mut throttle = Throttle::default();
        let tries = attacked(&mut throttle, 86_400);
        assert!((1_400..1_500).contains(&tries), "{tries} tries in a day");
    }

    #[test]
    fn nobody_who_is_familiar_is_locked_out_by_others() {
        let mut throttle = Throttle::default();
        attacked(&mut throttle, 600);
        let now = Instant(600_000);
        assert!(throttle.attempt(now, (&ada(), Standing::Stranger), address(1)).is_err());
        throttle.attempt(now, (&ada(), Standing::Familiar), address(2)).unwrap();
        throttle.succeeded(&ada(), address(2));
        throttle.attempt(now, (&ada(), Standing::Stranger), address(1)).unwrap();
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address_and_memory_is_bounded() {
        let mut throttle = Throttle::default();
        for number in 0..10_000 {
            let from: IpAddr = Ipv6Addr::from_bits(0x2001_0db8 << 96 | number).into();
            let name = UserName::new(&alloc::format!("u{number}")).unwrap();
            let _ = throttle.attempt(Instant(0), (&name, Standing::Stranger), from);
            let _ = throttle.attempt(
                Instant(0),
                (&name, Standing::Stranger),
                address(u32::try_from(number).unwrap()),
            );
        }
        let of_network = throttle.addresses.iter().find(|(address, _)| address.is_ipv6()).unwrap();
        assert_eq!(of_network.1.count, FREE_TRIES);
        assert!(throttle.addresses.len() <= REMEMBERED && throttle.accounts.len() <= REMEMBERED);
    }

    #[test]
    fn sixty_refusals_a_minute_are_kept_and_the_next_one_tells_of_the_others() {
        let mut allowance = Allowance::default();
        for _ in 0..KEPT {
            assert_eq!(allowance.take(Instant(1)), Some(0));
        }
        for _ in 0..9 {
            assert_eq!(allowance.take(Instant(59_999)), None);
        }
        assert_eq!(allowance.take(Instant(60_000)), Some(9));
        assert_eq!(allowance.take(Instant(60_001)), Some(0));
    }
}
