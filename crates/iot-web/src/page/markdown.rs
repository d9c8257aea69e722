//! Markdown of whoever made a module kind, as HTML that can do nothing.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// `CommonMark` and its tables, as HTML.
///
/// HTML in it is shown as it was written. Headings stand below that of the section that they are in. Links lead to pages of
/// `http` and `https`, and to files for which `file` has an address; of others, and of pictures, the words remain.
pub(super) fn to_html(markdown: &str, file: impl Fn(&str) -> Option<String>) -> String {
    let mut is_link = false;
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        Event::Start(Tag::Heading { level, .. }) => {
            let (level, id, classes, attrs) = (below(level), None, Vec::new(), Vec::new());
            Some(Event::Start(Tag::Heading { level, id, classes, attrs }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(below(level)))),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let is_page = ["http://", "https://"].iter().any(|scheme| dest_url.starts_with(scheme));
            let dest_url = if is_page { Some(dest_url) } else { file(&dest_url).map(Into::into) };
            is_link = dest_url.is_some();
            dest_url.map(|dest_url| Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        Event::End(TagEnd::Link) if !is_link => None,
        // Mathematics, footnotes and tasks are not switched on, and do not come.
        Event::Start(Tag::Image { .. })
        | Event::End(TagEnd::Image)
        | Event::InlineMath(_)
        | Event::DisplayMath(_)
        | Event::FootnoteReference(_)
        | Event::TaskListMarker(_) => None,
        Event::Start(_)
        | Event::End(_)
        | Event::Text(_)
        | Event::Code(_)
        | Event::SoftBreak
        | Event::HardBreak
        | Event::Rule => Some(event),
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(markdown: &str) -> String {
        to_html(markdown, |path| (path == "wiring.png").then(|| "/modules/pump/wiring.png".into()))
    }

    #[test]
    fn words_headings_and_tables_are_what_they_were_meant_to_be() {
        let html = shown(
            "# Pump\n\n## Wiring\n\nA *relay* of `5 V`:\n\n- red\n- black\n\n| pin | to |\n|---|---|\n| 1 | GND |\n",
        );
        for part in [
            "<h3>Pump</h3>",
            "<h4>Wiring</h4>",
            "<em>relay</em>",
            "<code>5 V</code>",
            "<li>red</li>",
            "<td>GND</td>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn html_and_its_scripts_are_words() {
        for markdown in [
            "<script>alert(1)</script>",
            "a <b onclick=\"x()\">b</b>",
            "<!-- c -->",
            "<div\nstyle=\"position:fixed\">\n\n</div>",
            "`<i>`",
            "    <i>\n",
            "# <i>",
            "[<i>](http://a.b \"<i>\")",
            "| <i> |\n|---|\n| <i> |",
        ] {
            let html = shown(markdown);
            for tag in ["<script", "<b ", "<!--", "<div", "<i>"] {
                assert!(!html.contains(tag), "{markdown}: {html}");
            }
            assert!(html.contains("&lt;"), "{markdown}: {html}");
        }
    }

    #[test]
    fn links_lead_to_pages_and_to_files_that_are_there() {
        assert!(shown("[to](https://a.b/c)").contains("<a href=\"https://a.b/c\">to</a>"));
        assert!(shown("<https://a.b/c>").contains("<a href=\"https://a.b/c\">"));
        assert!(shown("[to](wiring.png)").contains("<a href=\"/modules/pump/wiring.png\">to</a>"));
        for markdown in [
            "[to](javascript:x())",
            "[to](JaVaScRiPt:x())",
            "[to](data:text/html,x)",
            "[to](//a.b)",
            "[to](/nodes)",
            "[to](other.png)",
            "[to][1]\n\n[1]: javascript:x()",
            "![to](https://a.b/c.png)",
        ] {
            assert_eq!(shown(markdown).trim(), "<p>to</p>", "{markdown}");
        }
    }
}
