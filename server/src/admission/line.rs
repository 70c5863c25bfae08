//! Who waits to be checked, and whose turn it is: addresses take turns, and in each of them its connections do.
//!
//! So who sends many, or many that are dear to check, holds up himself: a newcomer from elsewhere waits for one check of each
//! address, however long the line is.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

/// Who takes turns with others. Zero is who has no share: the server itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Member(pub(super) u64);

/// Where a caller stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    pub(super) address: Member,
    pub(super) connection: Member,
}

/// What waits: of each connection by its numbers, the oldest first.
#[derive(Debug)]
pub(super) struct Line<T> {
    addresses: Round<Round<BTreeMap<u64, T>>>,
    next: u64,
}

/// One that waits, for who wants it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    standing: Standing,
    number: u64,
}

/// Members with something left, and which of them had the last turn.
#[derive(Debug)]
struct Round<T> {
    members: BTreeMap<Member, T>,
    last: Member,
}

impl<T> Line<T> {
    /// Adds one, behind what its connection has in the line.
    pub(super) fn push(&mut self, standing: Standing, one: T) -> Ticket {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let address = self.addresses.members.entry(standing.address).or_default();
        address.members.entry(standing.connection).or_default().insert(number, one);
        Ticket { standing, number }
    }

    /// Takes the one whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.addresses.turn(|address| {
            let one = address.turn(|connection| {
                let (_, one) = connection.pop_first()?;
                Some((one, connection.is_empty()))
            });
            Some((one?, address.members.is_empty()))
        })
    }

    /// Takes one out of the line, if it still waits.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let Ticket { standing, number } = ticket;
        let address = self.addresses.members.get_mut(&standing.address)?;
        let connection = address.members.get_mut(&standing.connection)?;
        let one = connection.remove(&number);
        if connection.is_empty() {
            address.members.remove(&standing.connection);
        }
        if address.members.is_empty() {
            self.addresses.members.remove(&standing.address);
        }
        one
    }
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { addresses: Round::default(), next: 0 }
    }
}

impl<T> Default for Round<T> {
    fn default() -> Self {
        Self { members: BTreeMap::new(), last: Member::default() }
    }
}

impl<T> Round<T> {
    /// Lets `take` take from the member after the last one, and say whether it has nothing left: then it leaves.
    fn turn<R>(&mut self, take: impl FnOnce(&mut T) -> Option<(R, bool)>) -> Option<R> {
        let after = self.members.range((Excluded(self.last), Unbounded)).next();
        let next = *after.or_else(|| self.members.first_key_value())?.0;
        let (taken, nothing_left) = take(self.members.get_mut(&next)?)?;
        if nothing_left {
            self.members.remove(&next);
        }
        self.last = next;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn standing(address: u64, connection: u64) -> Standing {
        Standing { address: Member(address), connection: Member(connection) }
    }

    #[test]
    fn addresses_take_turns_and_so_do_their_connections() {
        let mut line = Line::default();
        for number in 0..4 {
            line.push(standing(1, 1), ("crowd, first connection", number));
            line.push(standing(1, 2), ("crowd, second connection", number));
        }
        line.push(standing(2, 3), ("newcomer", 0));
        let taken: Vec<_> = std::iter::from_fn(|| line.pop()).collect();
        assert_eq!(
            taken[..5],
            [
                ("crowd, first connection", 0),
                ("newcomer", 0),
                ("crowd, second connection", 0),
                ("crowd, first connection", 1),
                ("crowd, second connection", 1),
            ]
        );
        assert_eq!(taken.len(), 9);
        assert!(line.addresses.members.is_empty(), "who has nothing left is not kept");
    }

    #[test]
    fn who_comes_late_waits_for_one_of_each_address() {
        let mut line = Line::default();
        for number in 0..1_000 {
            line.push(standing(1 + number % 3, number), None);
        }
        line.pop();
        line.push(standing(9, 9), Some("late"));
        let waited = std::iter::from_fn(|| line.pop()).take_while(Option::is_none).count();
        assert!(waited <= 3, "{waited} went before");
    }

    #[test]
    fn who_leaves_is_taken_out_and_nobody_else() {
        let mut line = Line::default();
        let tickets: Vec<_> = (0..4).map(|number| line.push(standing(1, number % 2), number)).collect();
        assert_eq!(line.remove(tickets[2]), Some(2));
        assert_eq!(line.remove(tickets[2]), None, "once");
        assert_eq!(line.remove(tickets[0]), Some(0));
        let taken: Vec<_> = std::iter::from_fn(|| line.pop()).collect();
        assert_eq!(taken, [1, 3]);
        assert_eq!(line.remove(tickets[1]), None, "it had its turn");
        let last = line.push(standing(1, 1), 5);
        assert_eq!(line.remove(last), Some(5));
        assert!(line.addresses.members.is_empty(), "who has nothing left is not kept");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_a_connection_keeps_its_order(
            moves in prop::collection::vec((1_u64..4, 1_u64..4, any::<bool>()), 0..200),
        ) {
            let (mut line, mut expected, mut taken) = (Line::default(), BTreeMap::new(), Vec::new());
            for (number, (address, connection, pops)) in moves.into_iter().enumerate() {
                line.push(standing(address, connection), (address, connection, number));
                expected.entry((address, connection)).or_insert_with(Vec::new).push(number);
                if pops {
                    taken.extend(line.pop());
                }
            }
            taken.extend(std::iter::from_fn(|| line.pop()));
            let mut of_each = BTreeMap::new();
            for (address, connection, number) in taken {
                of_each.entry((address, connection)).or_insert_with(Vec::new).push(number);
            }
            prop_assert_eq!(of_each, expected);
        }
    }
}
