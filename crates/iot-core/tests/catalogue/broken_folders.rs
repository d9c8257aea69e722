//! Folders that are refused as a whole: for their name, their files, or how much there is of something.

use iot_core::catalogue::{Catalogue, Fault};

use crate::{add, broken_definitions::SOUND, folder};

/// What is said of the folder of this name with these files beside a sound definition.
fn said(name: &str, files: &[(&str, &[u8])]) -> String {
    let files = [&[("module.toml", SOUND.as_bytes())], files].concat();
    match Catalogue::built_in().add_folder(name, folder(&files)) {
        Ok(_) => "nothing".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn files_stay_in_their_folder() {
    for path in ["a", "a/b.png", "...", "Ünlü datei.md", ".hidden"] {
        assert_eq!(said("blind", &[(path, b"")]), "nothing");
    }
    let why = "the path does not stay in the folder: give the names of folders and file, with / between them";
    let long = "a".repeat(257);
    for path in ["/a", "../a", "a/../b", "a/./b", "a//b", "a/", ".", "..", "a\\b", "c:a", ""] {
        let place = path.escape_debug();
        let slash = if path.is_empty() { "" } else { "/" };
        assert_eq!(said("blind", &[(path, b"")]), format!("modules/blind{slash}{place}: {why}"));
    }
    assert_eq!(said("blind", &[("a\nb", b"")]), format!("modules/blind/a\\nb: {why}"), "one line in the log");
    assert!(said("blind", &[(&long, b"")]).ends_with(why));
}

#[test]
fn files_are_bounded_in_size_and_number() {
    assert_eq!(said("blind", &[("picture.png", &vec![0; 262_144])]), "nothing");
    assert_eq!(
        said("blind", &[("picture.png", &vec![0; 262_145])]),
        "modules/blind/picture.png: the file has 262145 bytes; at most 262144 are taken"
    );
    let names: Vec<_> = (0..64).map(|n| n.to_string()).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b""[..])).collect();
    assert_eq!(said("blind", &files[..63]), "nothing");
    assert_eq!(said("blind", &files), "modules/blind: the folder has 65 files; at most 64 are taken");
}

#[test]
fn a_folder_needs_a_name_and_a_definition_in_utf_8() {
    let rule = "a name has 1 to 32 of a-z 0-9 - _ . and does not begin with a dot";
    assert_eq!(said("Blind", &[]), format!("modules/Blind: the folder's name is \"Blind\", but {rule}"));
    assert_eq!(said("..", &[]), format!("modules/..: the folder's name is \"..\", but {rule}"));

    let empty = Catalogue::built_in().add_folder("blind", folder(&[("Module.toml", b"")])).unwrap_err();
    assert_eq!(empty.to_string(), "modules/blind: the folder has no file module.toml");

    let latin = folder(&[("module.toml", b"kind = \"blind\"\ntitle = \"Jalousie f\xfcr\"")]);
    let latin = Catalogue::built_in().add_folder("blind", latin).unwrap_err();
    assert_eq!(latin.to_string(), "modules/blind/module.toml:2: the file is not text in UTF-8");
}

#[test]
fn a_kind_has_at_most_64_channels_and_an_enumeration_64_options() {
    let head = SOUND.split_once("\n[[").unwrap().0;
    let actions = |count: usize| {
        let action = |n| format!("[[action]]\nchannel = {n}\nname = \"a{n}\"\ntitle = \"A\"\n");
        format!("{head}\n{}", (1..=count).map(action).collect::<String>())
    };
    assert_eq!(add("blind", &actions(64)).map(|kind| kind.actions.len()), Ok(64));
    let error = add("blind", &actions(65)).unwrap_err();
    assert_eq!((error.line, error.reason), (Some(6 + 64 * 4 + 2), Fault::TooManyChannels { limit: 64 }));

    let options = |count: usize| {
        let options = |n| format!("{{ name = \"o{n}\", title = \"O\" }}");
        let options = (0..count).map(options).collect::<Vec<_>>().join(", ");
        let event = "[[event]]\nchannel = 1\nname = \"e\"\ntitle = \"E\"\ntype = \"enum\"";
        format!("{head}\n{event}\noptions = [{options}]")
    };
    assert!(add("blind", &options(64)).is_ok());
    let error = add("blind", &options(65)).unwrap_err();
    assert_eq!((error.line, error.reason), (Some(12), Fault::Options { options: 65, limit: 64 }));
}
