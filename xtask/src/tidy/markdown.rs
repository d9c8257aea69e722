//! Reads what the rules need of Markdown: links and tables. Code, in blocks and in lines, is passed over.

/// A table: its header and its rows, as the text in their cells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Texts of the header's cells.
    pub(crate) header: Vec<String>,
    /// Each row's line, counted from 1, and the texts of its cells.
    pub(crate) rows: Vec<(usize, Vec<String>)>,
}

/// Where the links and pictures of a document lead, each with its line, counted from 1.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        links.extend(inline.map(|target| (number, target.to_owned())));
        if line.starts_with('[')
            && let Some((_, target)) = line.split_once("]: ")
        {
            links.push((number, target.trim().to_owned()));
        }
    }
    links
}

/// The tables of a document. Cells lose the marks of code around them.
pub(crate) fn tables(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut last = 0;
    for (number, line) in prose(text) {
        let Some(cells) = line.trim().strip_prefix('|') else { continue };
        let cells = cells.strip_suffix('|').unwrap_or(cells).split('|');
        let cells: Vec<_> = cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        match tables.last_mut() {
            Some(table) if last + 1 == number => {
                if !cells.iter().all(|cell| cell.trim_matches([':', '-']).is_empty()) {
                    table.rows.push((number, cells));
                }
            }
            Some(_) | None => tables.push(Table { header: cells, rows: Vec::new() }),
        }
        last = number;
    }
    tables
}

/// The lines outside fenced blocks of code, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The line without what stands between marks of code.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_where_they_say() {
        let text = "see [a](b.md) and ![c](d.png \"e\")\n[f]: g/h.md\n`[i](j)`\n```\n[k](l)\n```\n";
        let expected = [(1, "b.md"), (1, "d.png"), (2, "g/h.md")];
        assert_eq!(links(text), expected.map(|(line, target)| (line, target.to_owned())));
    }

    #[test]
    fn tables_are_apart() {
        let text = "| a | b |\n|---|:-:|\n| `1` | 2 |\n\n| c |\n|---|\n| 3 |\n";
        let cells = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let first = Table { header: cells(&["a", "b"]), rows: vec![(3, cells(&["1", "2"]))] };
        let second = Table { header: cells(&["c"]), rows: vec![(7, cells(&["3"]))] };
        assert_eq!(tables(text), [first, second]);
    }
}
