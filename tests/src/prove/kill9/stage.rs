//! [`Stage`]: whether the hub is up, and where. Nodes and people wait here for it to come back.

use std::{
    net::SocketAddr,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::api::Api;

/// Where a hub that is up is found.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Counts the hub's lives from 1.
    pub(super) life: u32,
    /// Where nodes connect.
    pub(super) tcp: SocketAddr,
    /// Where people and scripts command.
    pub(super) api: Api,
}

#[derive(Debug)]
enum Scene {
    Down,
    Up(Place),
    Over,
}

/// What nodes and people know of the hub.
#[derive(Debug)]
pub(super) struct Stage {
    scene: Mutex<Scene>,
    changed: Condvar,
    resting: AtomicBool,
}

impl Stage {
    /// Nothing is up yet.
    pub(super) fn new() -> Self {
        Self { scene: Mutex::new(Scene::Down), changed: Condvar::new(), resting: AtomicBool::new(false) }
    }

    /// The hub serves.
    pub(super) fn up(&self, place: Place) {
        self.set(Scene::Up(place));
    }

    /// The hub is about to be killed.
    pub(super) fn down(&self) {
        self.set(Scene::Down);
    }

    /// Waits until the hub is up; `None` when the run is over.
    pub(super) fn await_hub(&self) -> Option<Place> {
        let mut scene = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*scene {
                Scene::Up(place) => return Some(place.clone()),
                Scene::Over => return None,
                Scene::Down => scene = self.changed.wait(scene).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// From now on nothing new is reported or commanded; what is under way comes to its end.
    pub(super) fn rest(&self) {
        self.resting.store(true, Ordering::SeqCst);
    }

    /// Whether nothing new may be begun.
    pub(super) fn is_resting(&self) -> bool {
        self.resting.load(Ordering::SeqCst)
    }

    /// Ends the run when what is given back is dropped, even where the run fails.
    pub(super) fn curtain(&self) -> Curtain<'_> {
        Curtain(self)
    }

    fn set(&self, next: Scene) {
        *self.scene.lock().unwrap_or_else(PoisonError::into_inner) = next;
        self.changed.notify_all();
    }
}

/// Ends the run when it is dropped.
#[derive(Debug)]
pub(super) struct Curtain<'a>(&'a Stage);

impl Drop for Curtain<'_> {
    fn drop(&mut self) {
        self.0.set(Scene::Over);
    }
}
