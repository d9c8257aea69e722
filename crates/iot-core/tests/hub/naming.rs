//! Names: what people say outlasts what nodes say, and a restart.

use iot_core::{Request, view::NodeFilter};

use crate::{
    node::{hello, id, module},
    world::World,
};

fn name(title: &str, place: &str) -> Request {
    Request::Name { node: id("pump"), title: title.into(), place: place.into() }
}

fn name_module(index: u8, title: &str) -> Request {
    Request::NameModule { node: id("pump"), module: index, title: title.into() }
}

fn titles(world: &World) -> (String, String, String) {
    let node = &world.hub.view(world.now()).nodes()[0];
    (node.title.to_string(), node.place.to_string(), node.modules[0].title.to_string())
}

#[test]
fn names_outlast_a_new_hello_a_new_registration_and_a_restart() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.skip();
    world.ask(name(" Well pump ", "Well house"));
    world.expect(&[
        "keep plain:pump (admitted, 1 modules)",
        "note Pump was named Well pump by ann.",
        "answer 1: done",
    ]);
    world.ask(name_module(0, "Main switch"));
    world.skip();
    let named = ("Well pump".to_owned(), "Well house".to_owned(), "Main switch".to_owned());
    assert_eq!(titles(&world), named);
    world.register(1, &[module(0, "relay")]);
    assert_eq!(titles(&world), named);
    world.restart();
    assert_eq!(titles(&world), named);
    world.open(1, "10.0.0.5");
    world.hello(1, &hello("pump"));
    world.register(1, &[module(0, "relay")]);
    assert_eq!(titles(&world), named);
}

#[test]
fn an_empty_name_gives_back_what_the_node_says_itself() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    let own = titles(&world);
    world.ask(name("Well pump", "Well house"));
    world.ask(name_module(0, "Main switch"));
    world.ask(name("", ""));
    world.ask(name_module(0, ""));
    assert_eq!(titles(&world), own);
}

#[test]
fn a_module_of_another_kind_in_the_same_place_has_no_name_yet() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.ask(name_module(0, "Main switch"));
    world.register(1, &[module(0, "temperature")]);
    assert_ne!(titles(&world).2, "Main switch");
}

#[test]
fn a_name_that_cannot_be_one_is_refused_and_changes_nothing() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[module(0, "relay")]);
    world.skip();
    let own = titles(&world);
    world.ask(name(&"x".repeat(65), ""));
    world.expect(&["answer 1: the name of a node: text of 65 bytes exceeds the limit of 64"]);
    world.ask(name("Pump", "two\nlines"));
    world.expect(&["answer 2: the place of a node: text has a control character at byte 3"]);
    world.ask(name_module(7, "Ghost"));
    world.expect(&["answer 3: plain:pump has registered no module 7"]);
    assert_eq!(titles(&world), own);
}

fn tags(world: &World) -> Vec<String> {
    world.hub.view(world.now()).nodes()[0].tags.iter().map(ToString::to_string).collect()
}

fn tag(tags: &[&str]) -> Request {
    Request::Tag { node: id("pump"), tags: tags.iter().map(|tag| (*tag).into()).collect() }
}

#[test]
fn tags_are_a_set_of_words_that_outlasts_a_restart() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.ask(tag(&["wet", " north ", "wet", "Gewächshaus"]));
    assert_eq!(tags(&world), ["Gewächshaus", "north", "wet"]);
    world.restart();
    assert_eq!(tags(&world), ["Gewächshaus", "north", "wet"]);
    let fitting = |world: &World, word: &str| {
        let filter = NodeFilter { tag: Some(word.into()), ..NodeFilter::default() };
        world.hub.view(world.now()).nodes_that_fit(&filter).len()
    };
    assert_eq!((fitting(&world, "wet"), fitting(&world, "dry")), (1, 0));
    world.ask(tag(&[]));
    assert!(tags(&world).is_empty());
}

#[test]
fn what_is_no_tag_is_refused_and_changes_nothing() {
    let mut world = World::open_to_all();
    world.join(1, "10.0.0.5", &hello("pump"), &[]);
    world.ask(tag(&["wet"]));
    world.skip();
    world.ask(tag(&["two words"]));
    world.ask(tag(&["a,b"]));
    world.ask(tag(&["", "wet"]));
    world.ask(tag(&[&"x".repeat(25)]));
    let many: Vec<_> = (0..17).map(|number| number.to_string()).collect();
    world.ask(tag(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    let what = "a tag is a word of 1 to 24 bytes without blanks and commas, not";
    world.expect(&[
        &format!("answer 2: {what} \"two words\""),
        &format!("answer 3: {what} \"a,b\""),
        &format!("answer 4: {what} \"\""),
        &format!("answer 5: {what} \"{}\"", "x".repeat(25)),
        "answer 6: tags of one node would exceed the limit of 16",
    ]);
    assert_eq!(tags(&world), ["wet"]);
}
