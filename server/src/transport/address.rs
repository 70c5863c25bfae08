//! What all connections of one address may have together: three quarters of what there is, so that whoever fills its part
//! leaves a quarter to others. A connection has less; without this bound a few of them would have all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use super::bounds::{ARRIVED_MAX, STREAMS_MAX};
use super::bulk::{self, UNDER_WAY_BYTES};
use super::messages::{MEMORY_MAX, StreamMemory};
use super::peer::UNIT;
use super::places::{Desk, OfDesks};
use super::recorder::LARGE_UPLOADS_MAX;
use crate::admission::Share;

/// Where a connection comes from. Who has one IPv6 address has 2^64 of them, so those count as one (RFC 6177 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network(IpAddr);

/// What one address may have.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) network: Network,
    /// Its connections.
    pub(super) connections: Arc<Semaphore>,
    /// Bytes that came of requests that arrive or are worked on, in units.
    pub(super) arrived: Arc<Semaphore>,
    /// Bytes of answers that wait, in units.
    pub(super) answers: OfDesks,
    /// Places in the services.
    pub(super) places: OfDesks,
    /// Streams of requests, from their headers on.
    pub(super) streams: Arc<Semaphore>,
    /// Uploads of large envelopes.
    pub(super) uploads: Arc<Semaphore>,
    /// Bulk streams.
    pub(super) bulk_streams: Arc<Semaphore>,
    /// Envelopes that are checked.
    pub(super) checks: Share,
    /// Bytes of envelopes under way over bulk streams, in units.
    pub(super) bulk: Arc<Semaphore>,
    /// What streams of answers hold.
    pub(super) memory: StreamMemory,
}

/// The addresses that connections come from.
#[derive(Debug)]
pub(super) struct Addresses {
    connections: usize,
    /// One for each address with a connection, so at most as many as there are connections.
    known: Mutex<HashMap<Network, Weak<Address>>>,
}

impl Network {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}"),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

impl Addresses {
    /// Bounds the addresses of so many connections.
    pub(super) fn new(connections: usize) -> Self {
        Self { connections, known: Mutex::default() }
    }

    /// Returns what this address may have, the same for all its connections.
    pub(super) fn of(&self, address: IpAddr) -> Arc<Address> {
        let network = Network::of(address);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = known.get(&network).and_then(Weak::upgrade) {
            return address;
        }
        known.retain(|_, address| address.strong_count() > 0);
        let address = Arc::new(Address::new(network, self.connections));
        known.insert(network, Arc::downgrade(&address));
        address
    }
}

impl Address {
    pub(super) fn new(network: Network, connections: usize) -> Self {
        let part = |number: usize| Arc::new(Semaphore::new(three_quarters(number)));
        Self {
            network,
            connections: part(connections),
            arrived: part(ARRIVED_MAX / UNIT),
            answers: OfDesks::new(|desk| three_quarters(desk.answer_bytes() / UNIT)),
            places: OfDesks::new(|desk| three_quarters(desk.places())),
            streams: part(STREAMS_MAX),
            uploads: part(LARGE_UPLOADS_MAX),
            bulk_streams: part(bulk::STREAMS_MAX),
            checks: Share::of_address(),
            bulk: part(UNDER_WAY_BYTES / UNIT),
            memory: StreamMemory::of(MEMORY_MAX / 4 * 3),
        }
    }

    pub(super) fn answers(&self, desk: Desk) -> &Arc<Semaphore> {
        self.answers.of(desk)
    }

    pub(super) fn places(&self, desk: Desk) -> &Arc<Semaphore> {
        self.places.of(desk)
    }
}

const fn three_quarters(number: usize) -> usize {
    number / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
        assert_eq!(
            (network("2001:db8::9").to_string(), network("::ffff:192.0.2.7").to_string()),
            ("2001:db8::/64".to_owned(), "192.0.2.7".to_owned())
        );
    }

    #[test]
    fn connections_of_an_address_share_and_leave_a_quarter() {
        let addresses = Addresses::new(1_024);
        let [one, again, other] =
            ["192.0.2.7", "192.0.2.7", "192.0.2.8"].map(|text| addresses.of(text.parse().unwrap()));
        assert!(Arc::ptr_eq(&one, &again) && !Arc::ptr_eq(&one, &other));
        assert_eq!(one.connections.available_permits(), 768);
        for desk in Desk::ALL {
            assert_eq!(one.places(desk).available_permits() * 4, desk.places() * 3);
            assert_eq!(one.answers(desk).available_permits() * 4 * UNIT, desk.answer_bytes() * 3);
        }
        let places = [&one.streams, &one.bulk_streams, &one.uploads];
        assert_eq!(places.map(|places| places.available_permits()), [48, 12, 6]);
        drop((one, again));
        let _third = addresses.of("192.0.2.9".parse().unwrap());
        assert_eq!(addresses.known.lock().unwrap().len(), 2, "who has no connection is forgotten");
    }
}
