//! How much each caller may ask in a minute: so many calls, and so many bytes of requests and answers.
//!
//! Two buckets for each caller fill up evenly and hold a minute's worth. A call is refused while one of them is empty, with
//! the time until it is not. Bytes are charged as they move, so the calls under way may take out more than there is: what
//! they owe has to come in first. A stream that owes a whole minute is ended. What failed for a fault of ours costs nothing.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use custody_wire::certificate::Identity;
use tokio::time::Instant;

use super::address::Network;

/// Calls in a minute when nothing else is said: 600,000, so 10,000 a second.
pub const CALLS_DEFAULT: u64 = 600_000;

/// Bytes in a minute when nothing else is said: 16 GiB, so 286 MB a second.
pub const BYTES_DEFAULT: u64 = 16 << 30;

/// The callers that are remembered: 8,192. Each has a name of at most 2 KiB, and some 100 bytes more: 18 MiB.
const ACCOUNTS_MAX: usize = 8_192;

/// What a bucket holds, and the time in which it fills up.
const MINUTE: Duration = Duration::from_mins(1);

/// What callers may ask in a minute; nothing is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Calls.
    pub calls: Option<NonZero<u64>>,
    /// Bytes of requests and answers.
    pub bytes: Option<NonZero<u64>>,
}

/// Whose budget it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Payer {
    /// The first name of a client certificate.
    Known(Identity),
    /// Where someone without a certificate that counts comes from.
    From(Network),
}

/// The accounts of all callers.
pub(super) struct Budgets {
    budget: Budget,
    accounts: Mutex<HashMap<Payer, (Arc<Account>, Instant)>>,
}

/// What one caller has left.
#[derive(Debug)]
pub(super) struct Account {
    budget: Budget,
    spent: Mutex<Spent>,
}

/// When each bucket is full again. What is later than in a minute is owed.
#[derive(Debug, Clone, Copy)]
struct Spent {
    calls_full: Instant,
    bytes_full: Instant,
}

impl Default for Budget {
    fn default() -> Self {
        Self { calls: NonZero::new(CALLS_DEFAULT), bytes: NonZero::new(BYTES_DEFAULT) }
    }
}

impl std::fmt::Display for Payer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(identity) => identity.fmt(f),
            Self::From(network) => network.fmt(f),
        }
    }
}

impl Budgets {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, accounts: Mutex::default() }
    }

    /// Returns the account of a caller. Of too many the half that was used least recently is forgotten: with it goes what
    /// those owed, and they could as well have come from new addresses.
    pub(super) fn of(&self, payer: &Payer, now: Instant) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((account, used)) = accounts.get_mut(payer) {
            *used = now;
            return Arc::clone(account);
        }
        if accounts.len() >= ACCOUNTS_MAX {
            let mut uses: Vec<Instant> = accounts.values().map(|(_, used)| *used).collect();
            let (_, median, _) = uses.select_nth_unstable(ACCOUNTS_MAX / 2);
            let median = *median;
            accounts.retain(|_, (_, used)| *used > median);
        }
        let account = Arc::new(Account::new(self.budget, now));
        accounts.insert(payer.clone(), (Arc::clone(&account), now));
        account
    }
}

impl Account {
    fn new(budget: Budget, now: Instant) -> Self {
        Self { budget, spent: Mutex::new(Spent { calls_full: now, bytes_full: now }) }
    }

    /// Charges a call, or says how long to wait until one is to be had.
    pub(super) fn call(&self, now: Instant) -> Result<(), Duration> {
        let mut spent = self.spent();
        let wait = |full: Instant, cost: Duration| (full + cost).saturating_duration_since(now + MINUTE);
        let call = cost(1, self.budget.calls);
        let waits = [wait(spent.calls_full, call), wait(spent.bytes_full, cost(1, self.budget.bytes))];
        let wait = waits.into_iter().max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        spent.calls_full = spent.calls_full.max(now) + call;
        Ok(())
    }

    /// Charges bytes that moved; false if a whole minute's worth is owed.
    pub(super) fn bytes(&self, bytes: usize, now: Instant) -> bool {
        let mut spent = self.spent();
        let most = now + MINUTE * 2;
        let charged = spent.bytes_full.max(now) + cost(wide(bytes), self.budget.bytes);
        spent.bytes_full = charged.min(most);
        charged < most
    }

    /// Gives back what a call cost.
    pub(super) fn refund(&self, bytes: u64) {
        let mut spent = self.spent();
        let less = |full: Instant, cost: Duration| full.checked_sub(cost).unwrap_or(full);
        spent.calls_full = less(spent.calls_full, cost(1, self.budget.calls));
        spent.bytes_full = less(spent.bytes_full, cost(bytes, self.budget.bytes));
    }

    fn spent(&self) -> std::sync::MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns in what time so many come in.
fn cost(number: u64, a_minute: Option<NonZero<u64>>) -> Duration {
    let Some(a_minute) = a_minute else { return Duration::ZERO };
    let nanos = MINUTE.as_nanos().saturating_mul(number.into()) / u128::from(a_minute.get());
    // A century is as good as for ever, and no time overflows by it.
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(Duration::from_hours(24 * 36_525))
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(calls: u64, bytes: u64) -> (Account, Instant) {
        let now = Instant::now();
        (Account::new(Budget { calls: NonZero::new(calls), bytes: NonZero::new(bytes) }, now), now)
    }

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_minutes_calls_are_there_at_once_and_come_back_evenly() {
        let (account, now) = account(60, 0);
        for _ in 0..60 {
            account.call(now).unwrap();
        }
        assert_eq!(account.call(now), Err(seconds(1)));
        account.call(now + seconds(1)).unwrap();
        assert_eq!(account.call(now + seconds(1)), Err(seconds(1)));
        let later = now + seconds(3_600);
        let granted = (0..100).filter(|_| account.call(later).is_ok()).count();
        assert_eq!(granted, 60, "an hour saves up no more than a minute's worth");
    }

    #[test]
    fn bytes_that_are_owed_come_in_before_the_next_call() {
        let (account, now) = account(0, 600);
        assert!(account.bytes(599, now));
        account.call(now).unwrap();
        assert!(account.bytes(301, now));
        assert_eq!(
            account.call(now),
            Err(Duration::from_millis(30_100)),
            "300 are owed, and one must be there"
        );
        account.call(now + Duration::from_millis(30_100)).unwrap();
    }

    #[test]
    fn nobody_owes_more_than_a_minute_and_who_owes_that_is_ended() {
        let (account, now) = account(0, 600);
        assert!(account.bytes(1_199, now));
        assert!(!account.bytes(1, now) && !account.bytes(usize::MAX, now));
        let wait = account.call(now).unwrap_err();
        assert!(wait > seconds(60) && wait < seconds(61), "{wait:?}");
    }

    #[test]
    fn what_is_given_back_was_never_spent() {
        let (account, now) = account(2, 100);
        account.call(now).unwrap();
        for _ in 0..1_000 {
            account.call(now).unwrap();
            account.bytes(60, now);
            account.refund(60);
        }
        account.call(now).unwrap();
        assert!(account.call(now).is_err());
    }

    #[test]
    fn nothing_is_no_limit() {
        let (account, now) = account(0, 0);
        for _ in 0..1_000 {
            account.call(now).unwrap();
            assert!(account.bytes(usize::MAX, now));
        }
    }

    #[test]
    fn each_caller_has_its_own_and_the_oldest_are_forgotten() {
        let budgets = Budgets::new(Budget { calls: NonZero::new(1), bytes: None });
        let payer = |number: usize| Payer::Known(Identity::Dns(format!("c{number}.example.com")));
        let start = Instant::now();
        let at = |number: usize| start + Duration::from_micros(wide(number));
        for number in 0..ACCOUNTS_MAX * 3 {
            budgets.of(&payer(number), at(number)).call(at(number)).unwrap();
            let others = budgets.accounts.lock().unwrap().len();
            assert!(others <= ACCOUNTS_MAX, "{others}");
        }
        let last = ACCOUNTS_MAX * 3 - 1;
        assert!(budgets.of(&payer(last), at(last)).call(at(last)).is_err(), "it is remembered");
        assert!(budgets.of(&payer(0), at(last)).call(at(last)).is_ok(), "it was forgotten");
    }
}
