//! Messages that people send to an address: each is answered once, whatever happens.

use iot_core::Request;
use iot_proto::{Body, Correlation, Get, Hello, MessageKind, OutcomeStatus, Ping, RequestId};

use crate::{
    node::{BOTH, goodbye, hello, module, outcome},
    world::World,
};

const COMMAND: iot_proto::CommandId = iot_proto::CommandId([7; 16]);

fn send<'b, B: Body<'b>>(address: &str, message: &B) -> Request {
    let mut bytes = Vec::new();
    iot_proto::encode_to_vec(message, Correlation::OneWay, &mut bytes).expect("a valid one");
    let body = bytes.split_off(iot_proto::HEADER_LEN);
    Request::Send { address: address.parse().expect("an address"), port: 1234, kind: B::KIND, body }
}

fn get() -> Get {
    Get { command: COMMAND, module: 0, channel: 1 }
}

fn there() -> World {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &Hello { capabilities: BOTH, ..hello("pump") }, &[module(0, "relay")]);
    world.skip();
    world
}

#[test]
fn a_message_goes_out_on_the_session_of_the_node_and_its_answer_comes_back() {
    let mut world = there();
    world.ask(send("10.0.0.5", &get()));
    world.expect(&["1 < get c1 0/1"]);
    world.answers(1, "c1", OutcomeStatus::DONE, None);
    world.expect(&["answer 1: outcome of 20 bytes"]);
}

#[test]
fn a_message_to_a_node_without_a_session_is_brought_to_it_and_to_no_other() {
    let mut world = there();
    world.close(1);
    world.skip();
    world.ask(send("10.0.0.5", &get()));
    world.expect(&["dial 0 10.0.0.5:1234: dial pump, get c1 0/1"]);
    world.dialled_hello(0, &hello("valve"));
    world.expect(&[
        "refused plain:pump: valve answers at the address of plain:pump",
        "hang up 0",
        "answer 1: valve answers at the address of plain:pump",
    ]);
    world.ask(send("10.0.0.5", &get()));
    world.dialled_hello(1, &hello("pump"));
    world.skip();
    world.dialled(1, &outcome(COMMAND, OutcomeStatus::DONE, None), Correlation::Response(second()));
    world.expect(&["answer 2: outcome of 20 bytes", "hang up 1"]);
}

fn second() -> RequestId {
    RequestId::FIRST.next()
}

#[test]
fn an_unknown_address_is_dialled_without_naming_anyone() {
    let mut world = World::new();
    world.ask(send("10.9.9.9", &Ping));
    world.expect(&["dial 0 10.9.9.9:1234: ping"]);
    world.unreachable(0, "connection refused");
    world.expect(&["answer 1: nothing answers at 10.9.9.9:1234: connection refused"]);
}

#[test]
fn silence_is_an_answer_too() {
    let mut world = there();
    world.ask(send("10.0.0.5", &get()));
    world.ask(send("10.9.9.9", &Ping));
    world.skip();
    world.pass(15);
    world.expect(&["answer 1: no answer within 10 s", "hang up 0", "answer 2: no answer within 15 s"]);
    world.answers(1, "c1", OutcomeStatus::DONE, None);
    world.expect(&["refused plain:pump: outcome does not fit here: it answers no request"]);
}

#[test]
fn whoever_waits_for_a_session_that_ends_is_told() {
    let mut world = there();
    world.ask(send("10.0.0.5", &get()));
    world.skip();
    world.sends(1, &goodbye(), Correlation::OneWay);
    world.expect(&[
        "answer 1: the connection ended before the node answered",
        "note Pump is overdue.",
        "close 1",
    ]);
}

#[test]
fn what_is_no_message_of_a_hub_or_too_long_is_refused() {
    let mut world = there();
    world.ask(send("10.0.0.5", &goodbye()));
    let update = iot_proto::UpdateBlock { offset: 0, data: &[0; 16_000] };
    world.skip();
    world.ask(send("10.9.9.9", &update));
    world.ask(Request::Send {
        address: "10.0.0.5".parse().unwrap(),
        port: 1234,
        kind: MessageKind::HELLO,
        body: Vec::new(),
    });
    world.ask(Request::Send {
        address: "10.0.0.5".parse().unwrap(),
        port: 1234,
        kind: MessageKind::GET,
        body: vec![1],
    });
    world.expect(&[
        "answer 2: frame of 16015 bytes exceeds the limit of 1024",
        "answer 3: hello: message kind hello is not supported",
        "answer 4: get: the body ends too early",
    ]);
}

#[test]
fn a_node_is_asked_no_more_at_one_time_than_it_takes_and_commands_go_on_afterwards() {
    let mut world = there();
    world.ask(send("10.0.0.5", &get()));
    world.ask(send("10.0.0.5", &get()));
    world.switch("pump", 0, true);
    world.expect(&[
        "1 < get c1 0/1",
        "answer 2: requests that the node has not answered would exceed the limit of 1",
        "keep c2 queued",
        "answer 3: c2",
    ]);
    world.answers(1, "c1", OutcomeStatus::DONE, None);
    world.expect(&["keep c2 sent", "answer 1: outcome of 20 bytes", "1 < set c2 0/1 true"]);
}

#[test]
fn where_several_nodes_share_an_address_nobody_is_guessed() {
    let mut world = there();
    world.join(2, "10.0.0.5", &hello("valve"), &[]);
    world.skip();
    world.ask(send("10.0.0.5", &Ping));
    world.expect(&["dial 0 10.0.0.5:1234: ping"]);
}
