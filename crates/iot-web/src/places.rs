//! [`Places`]: room for connections, in all and for each address. A [`Place`] is given back when it is dropped.
//!
//! Nobody waits for room. Where all of it is taken, the connection that has waited longest for its own peer (for
//! a request, its rest, or the next one) goes: whoever asks is soon served and needs its place for an instant.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use iot_core::{Limit, Origin};
use tokio::sync::Notify;

/// Room for connections.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    taken: Arc<Mutex<Taken>>,
    /// A place was given back.
    freed: Arc<Notify>,
    most: usize,
    per_address: usize,
}

/// What is taken of it.
#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_origin: BTreeMap<Origin, usize>,
    /// Connections that wait for their peer, by when that began.
    waiting: BTreeMap<u64, Arc<Notify>>,
    /// Counts the beginnings.
    begun: u64,
}

/// Room for one connection.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    freed: Arc<Notify>,
    origin: Origin,
    gone: Arc<Notify>,
    /// When it began to wait for its peer, where it does.
    since: Mutex<Option<u64>>,
}

impl Places {
    /// Room for so many connections, and for so many of one address.
    pub(crate) fn new(most: usize, per_address: usize) -> Self {
        Self { taken: Arc::default(), freed: Arc::default(), most, per_address }
    }

    /// A place for whoever came from here, and whether another connection had to go for it.
    ///
    /// # Errors
    /// Which limit it would exceed: this address has enough, or nobody waits who could go.
    pub(crate) fn take(&self, origin: Origin) -> Result<(Place, Room), Limit> {
        let mut taken = lock(&self.taken);
        if taken.by_origin.get(&origin).is_some_and(|here| *here >= self.per_address) {
            return Err(Limit::WebConnectionsPerAddress);
        }
        let mut room = Room::Free;
        if taken.all >= self.most {
            let (_, longest) = taken.waiting.pop_first().ok_or(Limit::WebConnections)?;
            longest.notify_one();
            room = Room::Made;
        }
        taken.all += 1;
        *taken.by_origin.entry(origin).or_default() += 1;
        drop(taken);
        let (taken, freed) = (Arc::clone(&self.taken), Arc::clone(&self.freed));
        let place = Place { taken, freed, origin, gone: Arc::default(), since: Mutex::default() };
        place.wait();
        Ok((place, room))
    }

    /// Waits until whoever had to go has gone, so that there is never more than one too many.
    pub(crate) async fn settled(&self) {
        while lock(&self.taken).all > self.most {
            self.freed.notified().await;
        }
    }
}

/// Where the room for a connection came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// There was some.
    Free,
    /// Another connection is told to go.
    Made,
}

impl Place {
    /// The connection waits for its peer from now on.
    pub(crate) fn wait(&self) {
        let mut taken = lock(&self.taken);
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_none() {
            taken.begun += 1;
            let begun = taken.begun;
            taken.waiting.insert(begun, Arc::clone(&self.gone));
            *since = Some(begun);
        }
    }

    /// The connection does not wait for its peer any more, but its peer for an answer.
    pub(crate) fn serve(&self) {
        let mut taken = lock(&self.taken);
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(begun) = since.take() {
            taken.waiting.remove(&begun);
        }
    }

    /// Waits until its room is needed for another.
    pub(crate) async fn gone(&self) {
        self.gone.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.serve();
        let mut taken = lock(&self.taken);
        taken.all -= 1;
        if let Some(count) = taken.by_origin.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                taken.by_origin.remove(&self.origin);
            }
        }
        drop(taken);
        self.freed.notify_one();
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn from(host: u8) -> Origin {
        Origin::of([10, 0, 0, host].into())
    }

    async fn is_told_to_go(place: &Place) -> bool {
        timeout(Duration::from_millis(1), place.gone()).await.is_ok()
    }

    #[tokio::test]
    async fn the_one_that_has_waited_longest_makes_room_and_never_one_that_is_served() {
        let places = Places::new(3, 2);
        let (served, _) = places.take(from(1)).unwrap();
        let (again, _) = places.take(from(1)).unwrap();
        let (third, room) = places.take(from(2)).unwrap();
        assert_eq!(room, Room::Free);
        assert_eq!(places.take(from(1)).unwrap_err(), Limit::WebConnectionsPerAddress);
        served.serve();
        again.serve();
        again.wait();
        let (fourth, room) = places.take(from(3)).unwrap();
        assert_eq!(room, Room::Made);
        assert!(is_told_to_go(&third).await, "it waits since it came");
        assert!(!is_told_to_go(&again).await && !is_told_to_go(&served).await);
        let settled = timeout(Duration::from_millis(1), places.settled()).await;
        assert!(settled.is_err(), "there is one too many");
        drop(third);
        places.settled().await;
        again.serve();
        fourth.serve();
        assert_eq!(places.take(from(4)).unwrap_err(), Limit::WebConnections, "all of them are served");
        drop(served);
        assert_eq!(places.take(from(4)).unwrap().1, Room::Free);
    }
}
