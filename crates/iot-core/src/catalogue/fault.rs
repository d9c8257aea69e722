//! [`KindError`]: which file and line of a module kind's folder is wrong, and why, in words for its author.

use alloc::boxed::Box;
use core::fmt;

use iot_proto::TextError;
use thiserror::Error;

/// A module kind's folder was refused.
///
/// Shown as `modules/blind/module.toml:12: step must be above 0, not -1`.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{file}{}: {reason}", Line(*line))]
pub struct KindError {
    /// The file or folder, from the data directory on: `modules/blind/module.toml`.
    pub file: Box<str>,
    /// The line in it, counted from 1; `None` where it is about the file or folder as a whole.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: Fault,
}

struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// What is wrong with a module kind's folder or its definition.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The folder has more files than allowed.
    #[error("the folder has {files} files; at most {limit} are taken")]
    TooManyFiles {
        /// Files in the folder.
        files: usize,
        /// Files that there may be.
        limit: usize,
    },
    /// A file is larger than allowed.
    #[error("the file has {bytes} bytes; at most {limit} are taken")]
    FileTooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// Bytes that it may have.
        limit: usize,
    },
    /// A path that would lead out of the folder, or mean different things on different machines.
    #[error("the path does not stay in the folder: give the names of folders and file, with / between them")]
    Path,
    /// A file that must be there is not.
    #[error("the folder has no file {file}")]
    NoFile {
        /// Path of the file in the folder.
        file: Box<str>,
    },
    /// The definition is not UTF-8.
    #[error("the file is not text in UTF-8")]
    NotUtf8,
    /// The definition is not TOML.
    #[error("this is not valid TOML: {why}")]
    Syntax {
        /// What the TOML parser says.
        why: Box<str>,
    },
    /// The name in the definition is not that of the folder.
    #[error("kind is {kind}, but its folder is called {folder}: give both the same name")]
    FolderName {
        /// Name in the definition.
        kind: Box<str>,
        /// Name of the folder.
        folder: Box<str>,
    },
    /// The kind has neither property, action nor event.
    #[error("the kind has no property, action or event: add at least one")]
    Nothing,
    /// More properties, actions and events than allowed.
    #[error("this is one too many: a kind has at most {limit} properties, actions and events together")]
    TooManyChannels {
        /// How many there may be.
        limit: usize,
    },
    /// A key that is not in the format.
    #[error("{place} has no key {key}; its keys are {known}")]
    UnknownKey {
        /// What has the key.
        place: &'static str,
        /// The key.
        key: Box<str>,
        /// The keys that there are.
        known: Box<str>,
    },
    /// A key that belongs to another type of value.
    #[error("{key} does not go with type {value_type}")]
    KeyOfOtherType {
        /// The key.
        key: &'static str,
        /// The type of the value.
        value_type: &'static str,
    },
    /// A key that must be there is not.
    #[error("{place} needs the key {key}")]
    MissingKey {
        /// What needs it.
        place: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A key has a value of the wrong form.
    #[error("{key} must be {expected}, not {found}")]
    Form {
        /// The key.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A number is outside what the key takes.
    #[error("{key} must be from {low} to {high}, not {value}")]
    Number {
        /// The key.
        key: &'static str,
        /// Smallest number that it takes.
        low: i64,
        /// Largest number that it takes.
        high: i64,
        /// The number.
        value: Box<str>,
    },
    /// A number that is infinite, or not a number.
    #[error("{key} must be a finite number")]
    NotFinite {
        /// The key.
        key: &'static str,
    },
    /// A word is none of those that the key takes.
    #[error("{key} must be one of {known}, not {word}")]
    Word {
        /// The key.
        key: &'static str,
        /// The word.
        word: Box<str>,
        /// The words that there are.
        known: Box<str>,
    },
    /// A name has characters that a name cannot have, or is too long.
    #[error("{key} is {text:?}, but {why}", why = TextError::NotAName)]
    Name {
        /// The key.
        key: &'static str,
        /// What it says.
        text: Box<str>,
    },
    /// A text is empty.
    #[error("{key} must not be empty")]
    Empty {
        /// The key.
        key: &'static str,
    },
    /// A text is too long, or has characters that cannot be shown.
    #[error("{key}: {source}")]
    Text {
        /// The key.
        key: &'static str,
        /// What is wrong with the text.
        source: TextError,
    },
    /// Two properties, actions or events have one number.
    #[error("channel {channel} is taken by {by}: give each property, action and event its own")]
    ChannelTaken {
        /// The number.
        channel: u8,
        /// Name of the one that has it.
        by: Box<str>,
    },
    /// Two properties, actions or events, or two options, have one name.
    #[error("the name {name} is taken: give each {what} its own")]
    NameTaken {
        /// The name.
        name: Box<str>,
        /// What needs a name of its own.
        what: &'static str,
    },
    /// A range whose first number is not the smaller one.
    #[error("range must go from the smallest value to a larger one, not from {low} to {high}")]
    Range {
        /// The first number.
        low: Box<str>,
        /// The second number.
        high: Box<str>,
    },
    /// A step that is not above zero.
    #[error("step must be above 0, not {step}")]
    StepNotPositive {
        /// The step.
        step: Box<str>,
    },
    /// A step that is larger than the whole range.
    #[error("step must fit into the range from {low} to {high}; {step} does not")]
    StepTooLarge {
        /// The step.
        step: Box<str>,
        /// Smallest value.
        low: Box<str>,
        /// Largest value.
        high: Box<str>,
    },
    /// An enumeration with no options, or too many.
    #[error("options must name 1 to {limit} options, not {options}")]
    Options {
        /// How many there are.
        options: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A way of showing that does not fit the type and access of the property.
    #[error(
        "show is {word}, but a property of type {value_type} with access {access} can be shown as {known}"
    )]
    Show {
        /// The word.
        word: &'static str,
        /// Type of the property.
        value_type: &'static str,
        /// Access of the property.
        access: &'static str,
        /// The words that fit.
        known: Box<str>,
    },
}
