//! The only place where the suite writes to its output.

use serde_json::Value;

/// Writes a line for whoever runs the suite.
#[expect(clippy::print_stdout, reason = "this is what the command was run for")]
pub fn line(text: &str) {
    println!("{text}");
}

/// Says how it goes, beside what a script reads.
#[expect(clippy::print_stderr, reason = "a long run tells the person who waits for it")]
pub fn progress(text: &str) {
    eprintln!("{text}");
}

/// Prints the figures of a run: as JSON for scripts, or as a line for each.
pub fn figures(document: &Value, is_json: bool) {
    if is_json {
        line(&document.to_string());
    } else {
        for text in table("", document) {
            line(&text);
        }
    }
}

/// A line for each figure, and for each entry of a list; those of an object stand under its name.
fn table(name: &str, value: &Value) -> Vec<String> {
    if let Value::Array(entries) = value
        && !entries.is_empty()
    {
        return entries.iter().flat_map(|entry| table(name, entry)).collect();
    }
    let Value::Object(entries) = value else { return vec![format!("{name:<36} {value}")] };
    let named = |entry: &str| if name.is_empty() { entry.into() } else { format!("{name}.{entry}") };
    entries.iter().flat_map(|(entry, value)| table(&named(entry), value)).collect()
}
