//! Formulas of chapters, written in LaTeX, become MathML, which browsers show without a script and
//! without a network. A display is a fenced block of the language `math`, and what stands in a line
//! is `$...$`: GitHub reads both as we do.

use pulldown_latex::config::DisplayMode;
use pulldown_latex::{Parser, RenderConfig, Storage, push_mathml};

use super::links::accept;

/// Where a line of a chapter stands.
enum Place {
    Prose,
    Code,
    Display(Display),
}

/// A fenced formula.
struct Display {
    /// The line of its first fence, from 1.
    line: usize,
    indentation: String,
    formula: String,
}

impl Display {
    /// In one line, since a blank one would end the block of HTML; blank ones behind it end the block.
    fn rendered(&self, last_line: usize) -> Result<String, String> {
        let mathml = mathml(&self.formula, DisplayMode::Block)?;
        let blank = "\n".repeat(last_line - self.line);
        let indentation = &self.indentation;
        Ok(format!(
            "{indentation}<div class=\"formula\">{mathml}</div>{blank}\n"
        ))
    }
}

/// The text with MathML in the place of its formulas. It has as many lines as before, and every line
/// its number, so that whoever reads the result can say where something stands in `file`.
///
/// # Errors
/// All formulas that cannot be rendered, with file and line.
pub(super) fn rendered(file: &str, text: &str) -> Result<String, String> {
    let mut chapter = String::new();
    let mut complaints = Vec::new();
    let mut complain = |line: usize, complaint: String| {
        complaints.push(format!("{file}:{line}: {complaint}"));
    };
    let mut place = Place::Prose;
    for (number, line) in (1..).zip(text.lines()) {
        let unindented = line.trim_start();
        let fence = unindented.strip_prefix("```").map(str::trim);
        place = match (place, fence) {
            (Place::Prose, Some("math")) => Place::Display(Display {
                line: number,
                indentation: line[..line.len() - unindented.len()].into(),
                formula: String::new(),
            }),
            (Place::Display(display), Some("")) => {
                match display.rendered(number) {
                    Ok(block) => chapter.push_str(&block),
                    Err(complaint) => complain(display.line, complaint),
                }
                Place::Prose
            }
            (Place::Display(mut display), _) => {
                display.formula += &format!("{line}\n");
                Place::Display(display)
            }
            (Place::Prose, None) => {
                chapter += &with_inline(line, |complaint| complain(number, complaint));
                chapter.push('\n');
                Place::Prose
            }
            (place, fence) => {
                chapter += &format!("{line}\n");
                match (place, fence) {
                    (Place::Prose, Some(_)) | (Place::Code, None) => Place::Code,
                    _ => Place::Prose,
                }
            }
        };
    }
    if let Place::Display(display) = place {
        let complaint = "the formula has no end: expected a line ```";
        complain(display.line, complaint.into());
    }
    accept(&complaints).map(|()| chapter)
}

/// A line of prose with its formulas rendered. Code stays as it is, and so does a `$` that stands
/// behind a word or number, or before a space: it means dollars.
fn with_inline(line: &str, mut complain: impl FnMut(String)) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '\\', '$']) {
        let (before, marked) = rest.split_at(at);
        text.push_str(before);
        let kept = match &marked[..1] {
            "`" => code_span(marked),
            "\\" => 1 + marked[1..].chars().next().map_or(0, char::len_utf8),
            _ if text.ends_with(char::is_alphanumeric) => 1,
            _ => match formula(marked) {
                Some(formula) => {
                    let behind = &marked[formula.len() + 2..];
                    rest = behind.trim_start_matches(|c| ".,:;?!)".contains(c));
                    let closing = &behind[..behind.len() - rest.len()];
                    match mathml(formula, DisplayMode::Inline) {
                        Ok(mathml) => text.push_str(&unbroken(&mathml, closing)),
                        Err(complaint) => complain(complaint),
                    }
                    continue;
                }
                None => {
                    if marked[1..].starts_with(|c: char| c.is_alphabetic() || "\\$".contains(c)) {
                        complain(format!("`{marked}`: a formula ends in its line with `$`"));
                    }
                    1
                }
            },
        };
        text.push_str(&marked[..kept]);
        rest = &marked[kept..];
    }
    text + rest
}

/// A formula and the punctuation behind it: a browser may otherwise break the line between them.
fn unbroken(mathml: &str, closing: &str) -> String {
    match closing {
        "" => mathml.into(),
        _ => format!("<span class=\"unbroken\">{mathml}{closing}</span>"),
    }
}

/// Length of the span of code that the text begins with, or of its marks if nothing ends it.
fn code_span(text: &str) -> usize {
    let marks = text.len() - text.trim_start_matches('`').len();
    let end = text[marks..].find(&text[..marks]);
    end.map_or(marks, |end| marks + end + marks)
}

/// The formula of a text that begins with `$`: neither of its ends is a space, and no letter or digit
/// follows.
fn formula(text: &str) -> Option<&str> {
    let inside = &text[1..];
    let ends = inside.match_indices('$').map(|(at, _)| at);
    let formula = ends
        .filter(|&at| !inside[..at].ends_with(['\\', ' ']))
        .find(|&at| !inside[at + 1..].starts_with(char::is_alphanumeric))
        .map(|at| &inside[..at])?;
    (!formula.is_empty() && !formula.starts_with(' ')).then_some(formula)
}

/// The MathML of a formula, in one line; or what is wrong with it.
fn mathml(formula: &str, display_mode: DisplayMode) -> Result<String, String> {
    let shown = formula.split_whitespace().collect::<Vec<_>>().join(" ");
    let complaint = |what: &str| Err(format!("`{shown}`: {what}"));
    if shown.is_empty() {
        return complaint("the formula is empty");
    }
    // Operators with limits have no command of their own in the crate.
    let latex = shown.replace("\\operatorname*", "\\mathop");
    let storage = Storage::new();
    let mut events = Vec::new();
    for event in Parser::new(&latex, &storage) {
        match event {
            Ok(event) => events.push(Ok::<_, std::convert::Infallible>(event)),
            // The lines below the first draw the place in a box; the formula is shown whole.
            Err(error) => return complaint(error.to_string().lines().next().unwrap_or_default()),
        }
    }
    let config = RenderConfig {
        display_mode,
        ..RenderConfig::default()
    };
    let mut mathml = String::new();
    if let Err(error) = push_mathml(&mut mathml, events.into_iter(), config) {
        return complaint(&error.to_string());
    }
    guarded(&in_order(mathml)).or_else(|text| {
        complaint(&format!(
            "`{text}` stays as it is: name operators and write text in plain letters"
        ))
    })
}

/// The MathML as browsers set it like TeX.
fn in_order(mathml: String) -> String {
    let mut mathml = mathml;
    // The crate puts the space before an operator's name into the element that has its limits, where
    // it counts as the name.
    const SPACE: &str = "<mspace width=\"0.1667em\" />";
    for element in [
        "<munder>",
        "<mover>",
        "<munderover>",
        "<msub>",
        "<msup>",
        "<msubsup>",
    ] {
        mathml = mathml.replace(&format!("{element}{SPACE}"), &format!("{SPACE}{element}"));
    }
    // Browsers put space around a stroke; TeX does not.
    mathml.replace("<mo>/</mo>", "<mo lspace=\"0em\" rspace=\"0em\">/</mo>")
}

/// The MathML as it passes through Markdown and HTML: its text in numeric entities where a character
/// means something to either, and a space between attributes where the crate forgets it.
///
/// # Errors
/// The text of an element that is LaTeX still.
fn guarded(mathml: &str) -> Result<String, String> {
    let mut guarded = String::new();
    let mut rest = mathml;
    loop {
        // A tag; a `<` before anything but a name is a relation.
        let tag = |at: &usize| rest[at + 1..].starts_with(|c: char| c == '/' || c.is_alphabetic());
        let begin = rest.match_indices('<').map(|(at, _)| at).find(tag);
        let (text, tagged) = rest.split_at(begin.unwrap_or(rest.len()));
        let text = text
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
            .replace("&nbsp;", "\u{a0}")
            // The micro sign stands upright.
            .replace('\u{b5}', "μ");
        if text.len() > 1 && text.contains('\\') {
            return Err(text);
        }
        for c in text.chars() {
            match c.is_ascii_punctuation() {
                true => guarded.push_str(&format!("&#{};", u32::from(c))),
                false => guarded.push(c),
            }
        }
        let Some(end) = tagged.find('>') else {
            return Ok(guarded);
        };
        guarded.push_str(&tagged[..=end].replace("\"minsize", "\" minsize"));
        rest = &tagged[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chapter whose formulas are right.
    fn right(text: &str) -> String {
        rendered("a.md", text).expect("nothing to complain of")
    }

    /// The complaints about a chapter.
    fn wrong(text: &str) -> Vec<String> {
        let complaints = rendered("a.md", text).expect_err("a wrong formula");
        complaints.lines().map(str::to_string).collect()
    }

    #[test]
    fn a_formula_in_a_line_becomes_mathml() {
        let expected = "so <span class=\"unbroken\"><math display=\"inline\"><msub><mi>x</mi><mi>i</mi></msub><mo>&#60;</mo>\
                        <mn>2</mn></math>,</span> or\n";
        assert_eq!(right("so $x_i < 2$, or"), expected);
        let expected = "<math display=\"inline\"><mi>x</mi></math> or\n";
        assert_eq!(right("$x$ or"), expected);
    }

    #[test]
    fn a_display_is_one_line_of_html_and_keeps_the_numbers_of_lines() {
        let text = "Let\n```math\nz =\n  x W\n```\nbe.";
        let formula = "<math display=\"block\"><mi>z</mi><mo>&#61;</mo><mi>x</mi><mi>W</mi></math>";
        let expected = format!("Let\n<div class=\"formula\">{formula}</div>\n\n\n\nbe.\n");
        assert_eq!(right(text), expected);
        let listed = right("- Let\n\n  ```math\n  z = x W\n  ```\n");
        let expected = format!("- Let\n\n  <div class=\"formula\">{formula}</div>\n\n\n");
        assert_eq!(listed, expected);
    }

    #[test]
    fn markdown_finds_nothing_to_read_in_a_formula() {
        // Each of these would begin something: emphasis, code, a link, a cell, an entity, a tag.
        let all = right(r"| $a * b_c \text{ `d_e* [f](g) <b> & } \lvert h \rvert$ |");
        let text: String = all
            .split('<')
            .filter_map(|part| part.split_once('>'))
            .map(|(_, text)| text.trim_end_matches(" |\n"))
            .collect();
        let entities = text.split('&').skip(1);
        assert!(entities.clone().all(|e| e.starts_with('#')), "{text}");
        assert!(
            !text.contains(['*', '_', '`', '[', '<', '|', '\u{b5}']),
            "{text}"
        );
        assert_eq!(entities.count(), 12, "{text}");
    }

    #[test]
    fn attributes_stand_apart() {
        // In CommonMark, two that touch are no attributes, and their tag is text.
        let big = right(r"$\bigl( \mu \bigr)$");
        assert!(big.contains(r#"stretchy="true" minsize="1.2em""#), "{big}");
        assert!(big.contains("<mi>\u{3bc}</mi>"), "{big}");
    }

    #[test]
    fn limits_stand_below_an_operator() {
        let formula = right("```math\nw \\operatorname*{mean}_i x_i\n```");
        assert!(
            formula.contains("<munder><mi>mean</mi><mi>i</mi></munder>"),
            "{formula}"
        );
    }

    #[test]
    fn dollars_and_code_stay_as_they_are() {
        for text in [
            "it costs 5 $, or 6 $ with $5 off, and $6 there",
            "a 5$ or a 6$ ticket",
            "\\$x\\$ is no formula",
            "`$x$` and ``a ` $x$`` are code",
            "```sh\necho $HOME $x$\n```",
            "````text\n$x$\n````",
            "{{#include ../../x.rs}}",
        ] {
            assert_eq!(right(text), format!("{text}\n"));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let text = "# A\n\n$\\foo x$ and $x_$\n\n```math\na &= b\n```\n$x\n```math\n```\n";
        let expected = [
            "a.md:3: `\\foo x`: parsing error: unknown primitive command found",
            "a.md:3: `x_`: parsing error: expected a token",
            "a.md:5: `a &= b`: parsing error: alignment not allowed in current environment",
            "a.md:8: `$x`: a formula ends in its line with `$`",
            "a.md:9: ``: the formula is empty",
        ];
        assert_eq!(wrong(text), expected);
        assert_eq!(
            wrong("```math\nx"),
            ["a.md:1: the formula has no end: expected a line ```"]
        );
        // The crate prints what it does not read in the name of an operator.
        let complaint = wrong(r"$\operatorname*{arg\,max}_i x$");
        let expected = "`arg\\,max` stays as it is: name operators and write text in plain letters";
        assert!(complaint[0].ends_with(expected), "{complaint:?}");
    }
}
