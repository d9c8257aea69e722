//! What strangers can fill at the port for nodes: connections, sessions, the inbox, the registry and the log.
//!
//! They come from addresses of their own and do no more than a stranger can. Each case leaves behind what it filled,
//! so that the next ones find a hub that is nearly full; all of them leave together.

use std::{
    net::{IpAddr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use iot_proto::{Capabilities, HubMessage, Limits, MAX_FRAME};

use super::{
    Siege, Sizes,
    case::{Case, default_of},
    crowd::{Crowd, SILENTLY, Told, held_on},
};
use crate::{
    hand_node::{HandNode, hello},
    wait::until,
};

/// How many come beyond each limit.
pub(super) const BEYOND: usize = 3;

/// How long the operating system's word is looked at while a crowd is at its largest.
const LOOK: Duration = Duration::from_secs(1);

/// Nodes of which a person lets in some, so that others can wait in their place.
const LET_IN: usize = 20;

/// A header of a frame whose body has so many bytes.
fn header(body: usize) -> Result<[u8; 12]> {
    let [low, high] = u16::try_from(body)?.to_le_bytes();
    Ok([0xC1, 1, 0, 0, 1, 0, low, high, 1, 0, 0, 0])
}

impl Siege<'_> {
    /// Fills all that strangers can fill, and gives what was filled.
    pub(super) fn strangers(&mut self) -> Result<Vec<Case>> {
        let silent = Silent::start(self.address(), self.site.hub.tcp);
        let mut cases = vec![self.log_lines()?, self.first_frames()?];
        let mut one = Crowd::new(self.site.hub.tcp);
        cases.extend(self.of_one_address(&mut one)?);
        let mut half = Crowd::new(self.site.hub.tcp);
        cases.extend(self.half_open(&one, &mut half)?);
        cases.push(self.inbox(&one, &mut half)?);
        cases.extend(self.sessions(&one, &half)?);
        drop((one, half));
        cases.push(silent.end()?);
        self.await_leave()?;
        cases.push(self.registry()?);
        Ok(cases)
    }

    /// Everybody from one address: what waits for a person, sessions, connections.
    fn of_one_address(&mut self, one: &mut Crowd) -> Result<Vec<Case>> {
        let from = self.address();
        let waiting = usize::try_from(default_of("waiting nodes of one address"))?;
        for _ in 0..=waiting {
            let place = one.come(from)?;
            one.ask(place, &hello(&self.stranger(), 1, 60, Capabilities::KEEPS_SESSION)?)?;
        }
        one.settle(|one| one.welcome() + one.refused() == waiting + 1);
        let mut cases = vec![Case::counted(
            "waiting nodes of one address",
            default_of("waiting nodes of one address"),
            one.welcome(),
            (one.last_words(), "waiting nodes of one address would exceed the limit of 32"),
        )];
        let sessions = self.sizes.sessions_per_address;
        one.come_all(from, sessions - one.held() + BEYOND)?;
        one.settle(|one| one.refused() == 1 + BEYOND);
        let told = (one.last_words(), "sessions of one address would exceed the limit of 80");
        cases.push(Case::counted("sessions of one address", Sizes::count(sessions), one.held(), told));
        // Those that are told why they end hold a place for as long as they do not leave.
        let connections = sessions + self.sizes.room_to_refuse_per_address;
        one.come_all(from, connections - sessions + BEYOND)?;
        let most = most(|| held_on(self.site.hub.tcp.port(), Some(from)))?;
        one.settle(|one| one.peers().any(|peer| peer.told.words() == Some(SILENTLY)));
        let silently = one.peers().filter(|peer| peer.told.words() == Some(SILENTLY)).count();
        let told = if silently > 0 { SILENTLY.to_owned() } else { one.last_words() };
        let limit = Sizes::count(connections);
        cases.push(Case::counted("connections of one address", limit, most, (told, SILENTLY)));
        Ok(cases)
    }

    /// Connections that say nothing: of one address, and of all strangers.
    fn half_open(&mut self, one: &Crowd, half: &mut Crowd) -> Result<Vec<Case>> {
        let per_address = default_of("silent connections of one address");
        let each = usize::try_from(per_address)?;
        half.come_all(self.address(), each + BEYOND)?;
        half.settle(|half| half.refused() == BEYOND);
        let told = (half.last_words(), "silent connections of one address would exceed the limit of 64");
        let what = "silent connections of one address";
        let mut cases = vec![Case::counted(what, per_address, half.held(), told)];
        // The second half is kept for addresses where admitted nodes live.
        let limit = default_of("connections without hello").div_ceil(2);
        let silent = one.held() - one.welcome() + 1;
        let mut left = (usize::try_from(limit)? + BEYOND).saturating_sub(silent + half.held());
        while left > 0 {
            let here = left.min(each);
            half.come_all(self.address(), here)?;
            left -= here;
        }
        half.settle(|half| half.refused() == 2 * BEYOND);
        let told = (half.last_words(), "connections without hello would exceed the limit of 1024");
        cases.push(Case::counted("connections without hello", limit, silent + half.held(), told));
        Ok(cases)
    }

    /// Those who said nothing say hello, each under a name that nobody has had.
    fn inbox(&mut self, one: &Crowd, half: &mut Crowd) -> Result<Case> {
        let (waiting, each) = (default_of("waiting nodes"), default_of("waiting nodes of one address"));
        let mut left = usize::try_from(waiting)? - one.welcome() + BEYOND;
        let quiet: Vec<_> = half.peers().enumerate().filter(|(_, peer)| peer.told == Told::Nothing).collect();
        let mut from = std::collections::BTreeMap::<_, u64>::new();
        let mut speakers = Vec::new();
        for (place, peer) in quiet {
            let here = from.entry(peer.from()).or_default();
            if *here < each && left > 0 {
                (*here, left) = (*here + 1, left - 1);
                speakers.push(place);
            }
        }
        let refused = half.refused();
        for place in &speakers {
            half.ask(*place, &hello(&self.stranger(), 1, 60, Capabilities::KEEPS_SESSION)?)?;
        }
        half.settle(|half| half.welcome() + half.refused() - refused == speakers.len());
        let told = half.peers().filter_map(|peer| peer.told.words()).find(|words| words.contains("waiting"));
        let told = (told.unwrap_or("nothing").to_owned(), "waiting nodes would exceed the limit of 256");
        Ok(Case::counted("waiting nodes", waiting, one.welcome() + half.welcome(), told))
    }

    /// More come until the hub takes no more sessions of strangers, then until it takes no more connections; an admitted
    /// node leaves and comes back meanwhile.
    fn sessions(&mut self, one: &Crowd, half: &Crowd) -> Result<Vec<Case>> {
        let limit = self.sizes.sessions - self.sizes.sessions / 8;
        let before = self.known() + one.held() + half.held() + 1;
        let mut more = Crowd::new(self.site.hub.tcp);
        self.come_from_everywhere(&mut more, (limit + BEYOND).saturating_sub(before))?;
        more.settle(|more| more.refused() == BEYOND);
        let told = (more.last_words(), "sessions would exceed the limit of");
        let mut cases = vec![Case::counted("sessions", Sizes::count(limit), before + more.held(), told)];
        self.come_back();
        let connections = self.sizes.sessions + self.sizes.room_to_refuse;
        let held = held_on(self.site.hub.tcp.port(), None)?;
        let mut last = Crowd::new(self.site.hub.tcp);
        self.come_from_everywhere(&mut last, (connections + 20 * BEYOND).saturating_sub(held))?;
        until_full(connections, || held_on(self.site.hub.tcp.port(), None));
        last.listen();
        let waits = last.peers().any(|peer| peer.told == Told::Nothing);
        let most = most(|| held_on(self.site.hub.tcp.port(), None))?;
        let told = if waits { "waits".to_owned() } else { last.last_words() };
        cases.push(Case::counted("connections", Sizes::count(connections), most, (told, "waits")));
        Ok(cases)
    }

    /// The registry is filled by those that a person let in and those that wait; then all who wait are turned away, and a
    /// good node gets in.
    fn registry(&mut self) -> Result<Case> {
        let waiting = self.waiting()?;
        for id in waiting.iter().take(LET_IN) {
            self.decide(id, "admit")?;
        }
        let before = self.known_to_hub()?;
        let mut crowd = Crowd::new(self.site.hub.tcp);
        let (from, beyond) = (self.address(), self.sizes.nodes.saturating_sub(before) + BEYOND);
        for _ in 0..beyond {
            let place = crowd.come(from)?;
            crowd.ask(place, &hello(&self.stranger(), 1, 60, Capabilities::KEEPS_SESSION)?)?;
        }
        crowd.settle(|crowd| crowd.welcome() + crowd.refused() == beyond);
        let told = (crowd.last_words(), "nodes would exceed the limit of");
        let case = Case::counted("nodes", Sizes::count(self.sizes.nodes), self.known_to_hub()?, told);
        drop(crowd);
        for id in self.waiting()? {
            self.decide(&id, "reject")?;
        }
        Ok(case)
    }

    /// One peer is refused over and over; the log has so many lines about it, and one that says that there were more.
    fn log_lines(&mut self) -> Result<Case> {
        let (from, limit) = (self.address(), default_of("log lines about one peer"));
        let mut crowd = Crowd::new(self.site.hub.tcp);
        for _ in 0..limit * 2 {
            let place = crowd.come(from)?;
            crowd.say(place, b"GET / HTTP/1.1\r\n\r\n");
        }
        crowd.settle(|crowd| crowd.held() == 0);
        let about = format!("{from}:");
        let told = "further lines about what is refused there are left out for a minute";
        // It is the last of them. The log may come after the end of the connections.
        let left_out = until("the log says that lines are left out", LOOK * 5, || {
            Ok(Some(self.site.hub.logged(told)).filter(|lines| *lines > 0))
        });
        let left_out = left_out.unwrap_or(0);
        let lines = self.site.hub.logged(&about).saturating_sub(left_out.min(1));
        let said = if left_out > 0 { told } else { "nothing" };
        Ok(Case::counted("log lines about one peer", limit, lines, (said.into(), told)))
    }

    /// The longest frame before hello, and one that is a byte longer.
    fn first_frames(&mut self) -> Result<Case> {
        let mut crowd = Crowd::new(self.site.hub.tcp);
        longest_frame(
            &mut crowd,
            None,
            self.address(),
            "bytes of a frame before hello",
            Limits::UNTIL_AGREED.frame,
        )
    }

    /// So many come, as many from each address as it may have connections without hello.
    fn come_from_everywhere(&mut self, crowd: &mut Crowd, count: usize) -> Result<()> {
        let each = usize::try_from(default_of("silent connections of one address"))?;
        let mut left = count;
        while left > 0 {
            let here = left.min(each);
            crowd.come_all(self.address(), here)?;
            left -= here;
        }
        Ok(())
    }

    /// Waits until nobody is there but whom the site has.
    fn await_leave(&self) -> Result<()> {
        until("the strangers are gone", LOOK * 20, || {
            Ok((held_on(self.site.hub.tcp.port(), None)? <= self.known()).then_some(()))
        })
    }
}

/// Holds that the longest frame is taken, and one that is a byte longer is refused. Both come from here, or on the
/// session that each of `on` opens.
pub(super) fn longest_frame(
    crowd: &mut Crowd,
    on: Option<[usize; 2]>,
    from: IpAddr,
    what: &'static str,
    limit: usize,
) -> Result<Case> {
    ensure!(limit <= MAX_FRAME, "a frame has {MAX_FRAME} bytes at most");
    let [exact, beyond] = match on {
        Some(places) => places,
        None => [crowd.come(from)?, crowd.come(from)?],
    };
    crowd.say(exact, &header(limit - 12)?);
    crowd.say(beyond, &header(limit - 11)?);
    crowd.settle(|crowd| crowd.peers().nth(beyond).is_some_and(|peer| peer.told.words().is_some()));
    let is_taken = crowd.peers().nth(exact).is_some_and(|peer| peer.told.words().is_none());
    let is_refused = crowd.peers().nth(beyond).is_some_and(|peer| peer.told.words().is_some());
    let most = if is_taken { limit + usize::from(!is_refused) } else { 0 };
    let limit = u64::try_from(limit)?;
    let told = crowd.peers().nth(beyond).and_then(|peer| peer.told.words()).unwrap_or("nothing");
    Ok(Case::counted(what, limit, most, (told.to_owned(), "exceeds the limit of")))
}

/// A peer that says no hello, and notes when it is told so.
struct Silent(thread::JoinHandle<Result<(String, Duration)>>);

impl Silent {
    fn start(from: IpAddr, hub: SocketAddr) -> Self {
        Self(thread::spawn(move || {
            let mut node = HandNode::connect_from(from, hub, LOOK)?;
            let came = Instant::now();
            let answer = node.next()?;
            let HubMessage::Error(error) = answer.message()? else { bail!("{answer:?}") };
            Ok((error.detail.to_string(), came.elapsed()))
        }))
    }

    /// Waits until it was told, and holds that this was in time, and not before.
    fn end(self) -> Result<Case> {
        let (told, after) = self.0.join().ok().context("the silent peer has panicked")??;
        let least = default_of("hello");
        // A busy machine is a little late, as in `slow`.
        let (limit, most) = (least + 5, u64::try_from(after.as_millis())?.div_ceil(1000));
        Ok(Case { what: "hello", limit, most, least, told, to_tell: "hello took longer than 10 s" })
    }
}

/// Waits until as many are held as may be, or for as long as the hub may take.
pub(super) fn until_full(limit: usize, look: impl Fn() -> Result<usize>) {
    // That it did not come to that shows in what is counted.
    let _ = until("the hub is full", LOOK * 2, || Ok((look()? >= limit).then_some(())));
}

/// The most that was seen in a while.
fn most(mut look: impl FnMut() -> Result<usize>) -> Result<usize> {
    let mut most = 0;
    for _ in 0..20 {
        most = most.max(look()?);
        thread::sleep(LOOK / 20);
    }
    Ok(most)
}
