//! `docs/module-kinds.md` in step with the code: its example loads, its errors are said, its keys exist.

use crate::add;

const DOCUMENT: &str = include_str!("../../../../docs/module-kinds.md");

fn block(begin: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(begin).expect("a block that begins so");
    rest.split_once("```").expect("its end").0
}

fn example() -> &'static str {
    block("```toml\n")
}

#[test]
fn the_example_loads() {
    let kind = add("greenhouse-window", example()).unwrap();
    assert_eq!((kind.properties.len(), kind.actions.len(), kind.events.len()), (3, 1, 1));
}

#[test]
fn the_errors_are_said_as_the_document_shows_them() {
    let broken = [
        ("step = 5", "step = 0"),
        ("channel = 1", "channel = 2"),
        ("show = \"slider\"", "show = \"gauge\""),
        ("kind = \"greenhouse-window\"", "kind = \"window\""),
    ];
    let said = broken.map(|(sound, broken)| {
        add("greenhouse-window", &example().replacen(sound, broken, 1)).unwrap_err().to_string()
    });
    let shown = block("name the file, the line and the reason:\n\n```text\n");
    assert_eq!(said.join("\n"), shown.trim_end());
}

#[test]
fn every_key_and_word_of_the_format_is_in_the_document() {
    let said = [
        ("version = 1", "nonsense = 1"),
        ("step = 5", "nonsense = 5"),
        ("name = \"air\"", "nonsense = 1"),
        ("title = \"Minutes\"", "nonsense = 1"),
        ("icon = \"valve\"", "icon = \"nonsense\""),
        ("type = \"int\"", "type = \"nonsense\""),
        ("access = \"read-write\"", "access = \"nonsense\""),
        ("show = \"slider\"", "show = \"nonsense\""),
        ("show = \"slider\"", "history = \"nonsense\""),
    ]
    .map(|(sound, broken)| {
        add("greenhouse-window", &example().replacen(sound, broken, 1)).unwrap_err().reason.to_string()
    });
    for said in said {
        let list = said.split_once("its keys are ").or_else(|| said.split_once("must be one of ")).unwrap().1;
        for word in list.split(", ").filter(|word| !word.starts_with("not ")) {
            assert!(DOCUMENT.contains(&format!("`{word}`")), "{word} of: {said}");
        }
    }
}
