//! One connection: the requests that are open on it, what they wait for, and when it is cut off.
//!
//! A stream that the peer leaves alone cannot be taken back from HTTP/2: what is queued in it stays until the peer reads
//! or the connection ends. So who stands still for too long loses the connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::PATIENCE;
use super::address::Address;
use super::budget::Payer;
use super::messages::StreamMemory;
use super::patience::Patience;
use super::places::{Desk, OfDesks};
use super::portion::Portion;
use super::sight::Recorded;
use super::tls::{Presented, Standing};
use crate::admission::Share;

/// What requests of one connection hold that arrive or are worked on: 128 MiB of the 256 MiB of all, so 64 of 1 MiB, or all
/// 256 that may be open with 256 KiB each.
const ARRIVING_MAX: usize = 128 << 20;

/// The most bytes of answers that wait for one connection: 32 MiB, so one that does not read leaves room for others.
const ANSWERS_MAX: usize = 32 << 20;

/// The most health checks that one connection has open: 4 of the 256 of all. Who watches keeps one for good.
const HEALTH_MAX: usize = 4;

/// The most streams of requests that one connection has open: 4 of the 64 of all.
const STREAMS_MAX: usize = 4;

/// What streams of answers hold for one connection: 128 MiB of the 512 MiB of all, so 14 of entries, or 2 of the largest
/// envelopes.
const MEMORY_MAX: u64 = 128 << 20;

/// The most envelopes under way over the bulk streams of one connection, in bytes: 16 MiB as received, of the 64 MiB of
/// all.
pub(super) const BULK_BYTES: usize = 16 << 20;

/// What answers, and envelopes under way, are counted in: 1 KiB.
pub(super) const UNIT: usize = 1 << 10;

/// A connection may be without a request this many times as long as a peer may stand still: 5 minutes.
const IDLE_TIMES: u32 = 10;

/// Of the time that a peer may stand still, what it has to begin, and what an idle connection has while all places are
/// taken: a third, 10 s.
const HURRY_PART: u32 = 3;

/// Length of what a client sends first (RFC 9113 section 3.4).
pub(super) const PREFACE_LEN: usize = 24;

/// The other end of a connection, shared by the connection and the requests on it.
#[derive(Debug, Clone)]
pub(super) struct Peer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stall: Duration,
    address: Arc<Address>,
    /// Who it is, once TLS has said so.
    standing: OnceLock<Standing>,
    recorded: Recorded,
    arriving: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    health: Arc<Semaphore>,
    checks: Share,
    bulk: Arc<Semaphore>,
    places: OfDesks,
    memory: StreamMemory,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    calls: HashMap<u64, Turn>,
    next: u64,
    /// Since when there is no call.
    idle: Instant,
}

/// Whose turn it is in a call.
#[derive(Debug)]
struct Turn {
    patience: Patience,
    /// Bytes of the answer that are on their way.
    under_way: usize,
    /// Whether the answer goes on with our next message, so that nobody waits for the peer once all is taken.
    ours: bool,
}

/// A request on a connection. It is open until the last byte of its answer is taken.
#[derive(Debug)]
pub(super) struct Call {
    peer: Peer,
    number: u64,
    /// Among all calls that are open.
    _all: OwnedSemaphorePermit,
    /// Among those of its connection.
    _own: Option<OwnedSemaphorePermit>,
}

/// Why a connection is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// It never became an HTTP/2 connection.
    Preface,
    /// Nothing is asked on it.
    Idle,
    /// An answer is not taken.
    Unread,
}

impl Peer {
    pub(super) fn new(stall: Duration, address: Arc<Address>, now: Instant) -> Self {
        let state = State { calls: HashMap::new(), next: 0, idle: now };
        Self(Arc::new(Shared {
            stall,
            address,
            standing: OnceLock::new(),
            recorded: Recorded::default(),
            arriving: Arc::new(Semaphore::new(ARRIVING_MAX / UNIT)),
            answers: Arc::new(Semaphore::new(ANSWERS_MAX / UNIT)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            health: Arc::new(Semaphore::new(HEALTH_MAX)),
            checks: Share::of_connection(),
            bulk: Arc::new(Semaphore::new(BULK_BYTES / UNIT)),
            places: OfDesks::new(Desk::share),
            memory: StreamMemory::of(MEMORY_MAX),
            state: Mutex::new(state),
        }))
    }

    /// Opens a call with its place among all, and one of its connection where there are few. Until it is answered it is our
    /// turn: the request has its own patience.
    pub(super) fn call(&self, all: OwnedSemaphorePermit, own: Option<OwnedSemaphorePermit>) -> Arc<Call> {
        let turn = Turn { patience: Patience::new(self.0.stall), under_way: 0, ours: true };
        let number = self.with(|state| {
            state.next = state.next.wrapping_add(1);
            state.calls.insert(state.next, turn);
            state.next
        });
        Arc::new(Call { peer: self.clone(), number, _all: all, _own: own })
    }

    /// TLS has said who it is. Before that nothing is asked on the connection.
    pub(super) fn shows(&self, standing: Standing) {
        self.0.standing.get_or_init(|| standing);
    }

    /// Returns who it is; none without TLS.
    pub(super) fn presented(&self) -> Option<Arc<Presented>> {
        self.0.standing.get().map(Standing::presented)
    }

    /// What was recorded over it by a caller who may not read.
    pub(super) fn recorded(&self) -> &Recorded {
        &self.0.recorded
    }

    /// Returns whose budget pays for its calls.
    pub(super) fn payer(&self) -> Payer {
        let known = match self.presented().as_deref() {
            Some(Presented::Client(client)) => client.identities().first().cloned(),
            Some(Presented::Nothing | Presented::Refused(_)) | None => None,
        };
        known.map_or(Payer::From(self.0.address.network), Payer::Known)
    }

    /// The places of requests that arrive, in units.
    pub(super) fn arriving(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.arriving)
    }

    /// The places of what came of requests, in units: those of its address, and `all`.
    pub(super) fn arrived(&self, all: &Arc<Semaphore>) -> Portion {
        Portion::new(&self.0.address.arrived, all)
    }

    /// The places of answers that wait, in units.
    pub(super) fn answers(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.answers)
    }

    /// The places of answers of a service that were made, in units: those of its address, and `all`.
    pub(super) fn answered(&self, desk: Desk, all: &Arc<Semaphore>) -> Portion {
        Portion::new(self.0.address.answers(desk), all)
    }

    /// Waits until an answer of so many bytes may wait for the connection; none if that is not soon. Meanwhile the request
    /// holds what all share.
    pub(super) async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let room = self.answers().acquire_many_owned(answer_units(bytes));
        tokio::time::timeout(PATIENCE, room).await.ok()?.ok()
    }

    /// Takes the room for an answer of so many bytes if it is there.
    pub(super) fn room_now(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.answers().try_acquire_many_owned(answer_units(bytes)).ok()
    }

    /// Its own places in a service.
    pub(super) fn places(&self, desk: Desk) -> Arc<Semaphore> {
        Arc::clone(self.0.places.of(desk))
    }

    /// The places in a service of its address, and `all`.
    pub(super) fn placed(&self, desk: Desk, all: &Arc<Semaphore>) -> Portion {
        Portion::new(self.0.address.places(desk), all)
    }

    /// What its envelopes may have of the line of those that are checked, and those of its address.
    pub(super) fn checks(&self) -> [&Share; 2] {
        [&self.0.checks, &self.0.address.checks]
    }

    /// The turns of health checks.
    pub(super) fn health(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.health)
    }

    /// The turns of streams of requests.
    pub(super) fn streams(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.streams)
    }

    /// The places of streams of requests whose header is here: those of its address, and `all`.
    pub(super) fn opened(&self, all: &Arc<Semaphore>) -> Portion {
        Portion::new(&self.0.address.streams, all)
    }

    /// The places of bulk streams: those of its address, and `all`.
    pub(super) fn bulk_streams(&self, all: &Arc<Semaphore>) -> Portion {
        Portion::new(&self.0.address.bulk_streams, all)
    }

    /// The places of uploads: those of its address, and `all`.
    pub(super) fn uploads(&self, all: &Arc<Semaphore>) -> Portion {
        Portion::new(&self.0.address.uploads, all)
    }

    /// The places of envelopes under way over bulk streams, in units.
    pub(super) fn bulk(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.bulk)
    }

    /// The places of envelopes under way over bulk streams, in units: those of its address, and `all`.
    pub(super) fn bulk_of_all(&self, all: &Arc<Semaphore>) -> Portion {
        Portion::new(&self.0.address.bulk, all)
    }

    /// What its streams of answers may hold, and those of its address.
    pub(super) fn memory(&self) -> [&StreamMemory; 2] {
        [&self.0.memory, &self.0.address.memory]
    }

    pub(super) fn stall(&self) -> Duration {
        self.0.stall
    }

    /// Says whether the connection is to be cut off: it was made at `made`, and so many bytes came since.
    pub(super) fn overdue(&self, made: Instant, read: usize, crowded: bool, now: Instant) -> Option<Overdue> {
        let (stall, hurry) = (self.0.stall, self.0.stall / HURRY_PART);
        if read < PREFACE_LEN {
            return (now >= made + hurry).then_some(Overdue::Preface);
        }
        self.with(|state| {
            if state.calls.is_empty() {
                let idle = if crowded { hurry } else { stall * IDLE_TIMES };
                return (now >= state.idle + idle).then_some(Overdue::Idle);
            }
            let over = |turn: &Turn| turn.patience.ends().is_some_and(|end| now >= end);
            state.calls.values().any(over).then_some(Overdue::Unread)
        })
    }

    /// Says whether more than one answer may be waited for: several calls are open, or envelopes of a bulk stream are under way.
    pub(super) fn awaits_several(&self) -> bool {
        self.0.bulk.available_permits() < BULK_BYTES / UNIT || self.with(|state| state.calls.len() > 1)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Call {
    pub(super) const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// So many bytes of the answer are on their way.
    pub(super) fn sent(&self, bytes: usize) {
        self.turn(|turn, now| {
            turn.under_way = turn.under_way.saturating_add(bytes);
            turn.ours = false;
            turn.patience.wait(now);
        });
    }

    /// The peer took so many bytes of it.
    pub(super) fn taken(&self, bytes: usize) {
        self.turn(|turn, now| {
            turn.under_way = turn.under_way.saturating_sub(bytes);
            turn.patience.moved(bytes, now);
            if turn.ours && turn.under_way == 0 {
                turn.patience.rest(now);
            }
        });
    }

    /// The answer goes on when we have more of it.
    pub(super) fn ours(&self) {
        self.turn(|turn, now| {
            turn.ours = true;
            if turn.under_way == 0 {
                turn.patience.rest(now);
            }
        });
    }

    fn turn(&self, act: impl FnOnce(&mut Turn, Instant)) {
        let now = Instant::now();
        self.peer.with(|state| {
            if let Some(turn) = state.calls.get_mut(&self.number) {
                act(turn, now);
            }
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let now = Instant::now();
        self.peer.with(|state| {
            state.calls.remove(&self.number);
            state.idle = now;
        });
    }
}

/// What an answer of so many bytes is counted as: at most all that its connection has.
fn answer_units(bytes: usize) -> u32 {
    u32::try_from(bytes.min(ANSWERS_MAX).div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::address::Network;

    const STALL: Duration = Duration::from_secs(30);

    fn peer(now: Instant) -> Peer {
        let network = Network::of(std::net::IpAddr::from([192, 0, 2, 7]));
        Peer::new(STALL, Arc::new(Address::new(network, 1_024)), now)
    }

    fn place() -> OwnedSemaphorePermit {
        Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap()
    }

    fn overdue(peer: &Peer, after: u64, crowded: bool) -> Option<Overdue> {
        let now = Instant::now();
        peer.overdue(now, PREFACE_LEN, crowded, now + Duration::from_secs(after))
    }

    #[test]
    fn a_connection_that_never_begins_is_cut_off() {
        let now = Instant::now();
        let peer = peer(now);
        let at = |seconds, read| peer.overdue(now, read, false, now + Duration::from_secs(seconds));
        assert_eq!((at(9, 0), at(10, 0)), (None, Some(Overdue::Preface)));
        assert_eq!(at(10, PREFACE_LEN - 1), Some(Overdue::Preface));
        assert_eq!(at(10, PREFACE_LEN), None);
    }

    #[test]
    fn an_idle_connection_is_cut_off_sooner_when_others_wait() {
        let peer = peer(Instant::now());
        assert_eq!((overdue(&peer, 290, false), overdue(&peer, 310, false)), (None, Some(Overdue::Idle)));
        assert_eq!((overdue(&peer, 9, true), overdue(&peer, 11, true)), (None, Some(Overdue::Idle)));
        let call = peer.call(place(), None);
        assert_eq!(overdue(&peer, 1_000, true), None, "a call that we work on");
        drop(call);
        assert_eq!(overdue(&peer, 9, true), None, "it was not idle before");
    }

    #[test]
    fn several_answers_are_awaited_by_several_calls_and_by_a_bulk_stream() {
        let peer = peer(Instant::now());
        let one = peer.call(place(), None);
        assert!(!peer.awaits_several());
        let other = peer.call(place(), None);
        assert!(peer.awaits_several());
        drop((one, other));
        let envelope = peer.bulk().try_acquire_many_owned(4).unwrap();
        assert!(peer.awaits_several());
        drop(envelope);
        assert!(!peer.awaits_several());
    }

    #[test]
    fn an_answer_that_is_not_taken_ends_the_connection() {
        let peer = peer(Instant::now());
        let call = peer.call(place(), None);
        call.sent(100_000);
        call.ours();
        assert_eq!((overdue(&peer, 29, false), overdue(&peer, 31, false)), (None, Some(Overdue::Unread)));
        call.taken(100_000);
        assert_eq!(overdue(&peer, 1_000, false), None, "all is taken, and the next message is ours to make");
        call.sent(10);
        assert_eq!(overdue(&peer, 31, false), Some(Overdue::Unread));
    }
}
