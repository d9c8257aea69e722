//! The things that may happen in a random world. Few names, sessions and numbers are drawn from, so that they
//! meet; they name sessions and commands by what there is when it happens.

use proptest::{collection::vec, option, prelude::*, sample::select};

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A connection from an address of this number.
    Open { address: u8 },
    /// A node connects, says hello, registers two relays, and is admitted.
    Join { name: usize, capabilities: u16, inflight: u8 },
    /// A node says something on a session.
    Said { session: usize, said: Said },
    /// Something happens to a delivery.
    Dialled { delivery: u64, what: Dialled },
    /// A person asks for something.
    Ask(Ask),
    /// Time passes.
    Pass { seconds: u64 },
    /// The hub ends, and another starts from what it kept.
    Restart,
}

/// What a node says, or does to its connection.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Hello { name: usize, capabilities: u16, inflight: u8, keepalive_s: u32 },
    Register { kinds: Vec<usize> },
    Report { sequence: u32, module: u8, on: bool },
    Sleep { for_s: u32, listen_s: u32 },
    Goodbye,
    Answer { command: usize, status: u8, on: Option<bool> },
    Outcome { command: usize, status: u8, on: Option<bool>, answers: Option<u32> },
    Garbage { kind: u8, body: Vec<u8>, request: u32 },
    Broken,
    Cut,
}

/// What a dialled node does.
#[derive(Clone, Debug)]
pub(crate) enum Dialled {
    Hello { name: usize },
    Outcome { command: usize, status: u8, on: Option<bool> },
    Ping,
    Gone,
}

/// What a person asks for.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Command { node: usize, wanted: u8, module: u8, on: bool, expires_in_s: Option<u32> },
    Cancel { command: usize },
    Decide { node: usize, what: u8 },
    Send { address: u8 },
}

/// Any step.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1..4_u8).prop_map(|address| Step::Open { address }),
        6 => (0..3_usize, 0..8_u16, 1..3_u8)
            .prop_map(|(name, capabilities, inflight)| Step::Join { name, capabilities, inflight }),
        16 => (0..4_usize, said()).prop_map(|(session, said)| Step::Said { session, said }),
        6 => (0..6_u64, dialled()).prop_map(|(delivery, what)| Step::Dialled { delivery, what }),
        10 => ask().prop_map(Step::Ask),
        4 => select(vec![0, 1, 1, 5, 11, 31, 100, 4000]).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Restart),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let on = option::of(any::<bool>());
    let hello = (0..3_usize, 0..8_u16, 0..4_u8, select(vec![0, 7, 600])).prop_map(
        |(name, capabilities, inflight, keepalive_s)| Said::Hello {
            name,
            capabilities,
            inflight,
            keepalive_s,
        },
    );
    let report = (0..6_u32, 0..3_u8, any::<bool>());
    let sleep = (select(vec![0, 1, 60, 3600, u32::MAX]), 0..5_u32);
    let outcome = (0..8_usize, 0..4_u8, on, option::of(1..4_u32))
        .prop_map(|(command, status, on, answers)| Said::Outcome { command, status, on, answers });
    let answer = (0..3_usize, 0..3_u8, option::of(any::<bool>()));
    let garbage = (any::<u8>(), vec(any::<u8>(), 0..24), 0..4_u32);
    prop_oneof![
        2 => hello,
        1 => vec(0..4_usize, 0..3).prop_map(|kinds| Said::Register { kinds }),
        2 => report.prop_map(|(sequence, module, on)| Said::Report { sequence, module, on }),
        1 => sleep.prop_map(|(for_s, listen_s)| Said::Sleep { for_s, listen_s }),
        1 => Just(Said::Goodbye),
        6 => answer.prop_map(|(command, status, on)| Said::Answer { command, status, on }),
        2 => outcome,
        1 => garbage.prop_map(|(kind, body, request)| Said::Garbage { kind, body, request }),
        1 => Just(Said::Broken),
        2 => Just(Said::Cut),
    ]
}

fn dialled() -> impl Strategy<Value = Dialled> {
    let outcome = (0..8_usize, 0..4_u8, option::of(any::<bool>()));
    prop_oneof![
        2 => (0..3_usize).prop_map(|name| Dialled::Hello { name }),
        2 => outcome.prop_map(|(command, status, on)| Dialled::Outcome { command, status, on }),
        1 => Just(Dialled::Ping),
        1 => Just(Dialled::Gone),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let command = (0..3_usize, 0..5_u8, 0..2_u8, any::<bool>(), option::of(0..100_u32)).prop_map(
        |(node, wanted, module, on, expires_in_s)| Ask::Command { node, wanted, module, on, expires_in_s },
    );
    prop_oneof![
        8 => command,
        1 => (0..8_usize).prop_map(|command| Ask::Cancel { command }),
        1 => (0..3_usize, 0..12_u8).prop_map(|(node, what)| Ask::Decide { node, what }),
        1 => (1..5_u8).prop_map(|address| Ask::Send { address }),
    ]
}
