//! Is an SVG a picture and nothing else? It is parsed, and every element, attribute and word of its style sheet has to be
//! one of those that draw.
//!
//! Browsers run nothing in an image; this is for the one who opens the file itself, and against files that take a
//! browser's time. What is not on a list is refused, and nothing is mended. Start with [`look`].

use roxmltree::{Document, Node, ParsingOptions};

const NAMESPACE: &str = "http://www.w3.org/2000/svg";
/// Elements, texts and comments together. The largest of our own has some 40.
const NODES_MAX: u32 = 2_000;
/// Elements inside each other.
const DEPTH_MAX: usize = 32;
/// A side of the view box, in its own units.
const SIDE_MAX: f64 = 4_096.0;

/// What draws. Not among them: what runs (`script`, `foreignObject`), what leads out (`image`, `a`, `use`), what moves in a
/// way that nobody can still (`animate` and its kin), letters (which look different everywhere), and filters, patterns
/// and markers, of which a few lines can keep a browser busy for minutes.
const ELEMENTS: &[&str] = &[
    "svg",
    "g",
    "defs",
    "title",
    "desc",
    "style",
    "path",
    "circle",
    "ellipse",
    "rect",
    "line",
    "polyline",
    "polygon",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
];

const ATTRIBUTES: &[&str] = &[
    "id",
    "class",
    "style",
    "viewBox",
    "width",
    "height",
    "preserveAspectRatio",
    "role",
    "aria-label",
    "d",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "fx",
    "fy",
    "points",
    "pathLength",
    "transform",
    "transform-origin",
    "fill",
    "fill-opacity",
    "fill-rule",
    "clip-rule",
    "stroke",
    "stroke-width",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-miterlimit",
    "stroke-opacity",
    "opacity",
    "offset",
    "stop-color",
    "stop-opacity",
    "gradientUnits",
    "gradientTransform",
    "spreadMethod",
    "clip-path",
    "clipPathUnits",
    "mask",
    "maskUnits",
    "maskContentUnits",
    "paint-order",
    "vector-effect",
];

/// What may stand before a bracket in a style sheet. `url` is not among them.
const CSS_FUNCTIONS: &[&str] = &[
    "translate",
    "translatex",
    "translatey",
    "rotate",
    "scale",
    "scalex",
    "scaley",
    "skew",
    "skewx",
    "skewy",
    "matrix",
    "cubic-bezier",
    "steps",
    "rgb",
    "rgba",
    "hsl",
    "hsla",
    "calc",
];

const CSS_RULES: &[&str] = &["keyframes", "media"];

/// Why it is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Or with a document type, which the parser refuses.
    #[error("it is not well-formed XML without a document type: {0}")]
    Xml(String),
    /// Something that is no drawing.
    #[error("{0} is not allowed; what is stands in docs/emotes.md")]
    NotAllowed(String),
    /// It leads somewhere.
    #[error("{0} refers to something outside the picture")]
    Foreign(String),
    /// No box, or one of no use.
    #[error(
        "it needs a viewBox of four numbers, at most {SIDE_MAX} wide and high, and at most three times as wide as high or the other way round"
    )]
    ViewBox,
    /// It would not stop for those who asked for calm.
    #[error(
        "it moves, so its style sheet has to say what it does under @media (prefers-reduced-motion: reduce)"
    )]
    Restless,
}

/// Looks at it; says whether it moves.
///
/// # Errors
/// See [`Unfit`].
pub fn look(text: &str) -> Result<bool, Unfit> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|e| Unfit::Xml(e.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        return Err(Unfit::NotAllowed(format!("the root element <{}>", shown(root.tag_name().name()))));
    }
    view_box(root)?;
    let mut sheet = String::new();
    for node in document.root().descendants() {
        if node.is_pi() {
            return Err(Unfit::NotAllowed("a processing instruction".to_owned()));
        }
        if node.is_element() {
            element(node)?;
            if node.tag_name().name() == "style" {
                sheet.extend(node.descendants().filter(Node::is_text).filter_map(|text| text.text()));
            }
        }
    }
    style(&sheet)?;
    let sheet = sheet.to_ascii_lowercase();
    let moves = sheet.contains("@keyframes");
    if moves && !sheet.contains("prefers-reduced-motion") {
        return Err(Unfit::Restless);
    }
    Ok(moves)
}

fn element(node: Node<'_, '_>) -> Result<(), Unfit> {
    let tag = node.tag_name();
    if tag.namespace() != Some(NAMESPACE) || !ELEMENTS.contains(&tag.name()) {
        return Err(Unfit::NotAllowed(format!("the element <{}>", shown(tag.name()))));
    }
    // A second `svg` inside has a view port of its own, and no use here.
    if tag.name() == "svg" && node.parent_element().is_some() {
        return Err(Unfit::NotAllowed("an <svg> inside another".to_owned()));
    }
    if tag.name() == "style" && node.has_children() && node.children().any(|child| !child.is_text()) {
        return Err(Unfit::NotAllowed("anything but text in <style>".to_owned()));
    }
    if node.ancestors().count() > DEPTH_MAX {
        return Err(Unfit::NotAllowed(format!("more than {DEPTH_MAX} elements inside each other")));
    }
    for attribute in node.attributes() {
        let name = attribute.name();
        if attribute.namespace().is_some() || !ATTRIBUTES.contains(&name) {
            return Err(Unfit::NotAllowed(format!("the attribute {}", shown(name))));
        }
        if name == "style" {
            style(attribute.value())?;
            continue;
        }
        value(name, attribute.value())?;
        // Masks of masks of masks double the work with each level.
        let masks = |node: Node<'_, '_>| matches!(node.tag_name().name(), "mask" | "clipPath");
        if matches!(name, "mask" | "clip-path") && node.ancestors().any(masks) {
            return Err(Unfit::NotAllowed(format!("{name} inside a mask or clipPath")));
        }
    }
    Ok(())
}

/// A value may point into the picture, as `url(#name)`, and nowhere else.
fn value(name: &str, value: &str) -> Result<(), Unfit> {
    let lower = value.to_ascii_lowercase();
    let local = lower.strip_prefix("url(#").and_then(|rest| rest.strip_suffix(')'));
    let is_name =
        |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if local.is_some_and(is_name) {
        return Ok(());
    }
    // An escape may spell anything.
    if lower.contains('\\') || lower.contains("url") || lower.contains("://") {
        return Err(Unfit::Foreign(format!("the attribute {name}")));
    }
    Ok(())
}

/// A style sheet, or a part of one: no functions but those that draw and move, no rules but those of movement.
fn style(css: &str) -> Result<(), Unfit> {
    if css.contains(['\\', '<']) {
        return Err(Unfit::NotAllowed("\\ or < in a style sheet".to_owned()));
    }
    // A comment could part a word that is one to a browser.
    if css.contains("/*") || css.contains("//") {
        return Err(Unfit::NotAllowed("a comment or an address in a style sheet".to_owned()));
    }
    let lower = css.to_ascii_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    for (at, _) in lower.match_indices('(') {
        let before = &lower[..at];
        let word = &before[before
            .rfind(|c| !is_word(c))
            .map_or(0, |end| end + before[end..].chars().next().map_or(1, char::len_utf8))..];
        if word == "url" {
            return Err(Unfit::Foreign("the style sheet".to_owned()));
        }
        // Without a word it is a bracket of a media query or of `calc`.
        if !word.is_empty() && !CSS_FUNCTIONS.contains(&word) {
            return Err(Unfit::NotAllowed(format!("{}() in a style sheet", shown(word))));
        }
    }
    for (at, _) in lower.match_indices('@') {
        let rest = &lower[at + 1..];
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        if !CSS_RULES.contains(&word) {
            return Err(Unfit::NotAllowed(format!("@{} in a style sheet", shown(word))));
        }
    }
    Ok(())
}

fn view_box(root: Node<'_, '_>) -> Result<(), Unfit> {
    let text = root.attribute("viewBox").ok_or(Unfit::ViewBox)?;
    let numbers: Result<Vec<f64>, _> =
        text.split([' ', ',']).filter(|part| !part.is_empty()).map(str::parse).collect();
    match numbers.as_deref() {
        Ok(&[x, y, width, height])
            if x.is_finite()
                && y.is_finite()
                && width > 0.0
                && height > 0.0
                && width <= SIDE_MAX
                && height <= SIDE_MAX
                && width <= 3.0 * height
                && height <= 3.0 * width =>
        {
            Ok(())
        }
        _ => Err(Unfit::ViewBox),
    }
}

/// A name of somebody else's choice, for an error's text.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(inside: &str) -> String {
        format!(r#"<svg xmlns="{NAMESPACE}" viewBox="0 0 112 112">{inside}</svg>"#)
    }

    #[test]
    fn pictures_pass_and_say_whether_they_move() {
        assert_eq!(look(&drawn("<title>Hi</title><g fill='#fff'><path d='M0 0h9'/></g>")), Ok(false));
        let gradient = "<defs><linearGradient id='a'><stop offset='0' stop-color='red'/></linearGradient>\
            <clipPath id='c-1'><circle r='4'/></clipPath></defs><rect fill='url(#a)' clip-path='url(#c-1)'/>";
        assert_eq!(look(&drawn(gradient)), Ok(false));
        let moving = "<style>.a { animation: b 1s steps(2) infinite } @keyframes b { to { transform: rotate(9deg) } }\
            @media (prefers-reduced-motion: reduce) { .a { animation: none } }</style><g class='a'/>";
        assert_eq!(look(&drawn(moving)), Ok(true));
        assert_eq!(look(&format!("<?xml version=\"1.0\"?>\n<!-- by hand -->{}", drawn(""))), Ok(false));
    }

    /// What was ever smuggled in an SVG, as far as it is known.
    #[test]
    fn attacks_are_refused() {
        let deep = "<g>".repeat(40) + &"</g>".repeat(40);
        let many = "<g/>".repeat(3_000);
        for (attack, inside) in [
            ("a script", "<script>alert(1)</script>"),
            ("a script that looks like a comment", "<script><![CDATA[alert(1)]]></script>"),
            ("a script by another name", "<SCRIPT>alert(1)</SCRIPT>"),
            ("an event handler", "<g onclick='alert(1)'/>"),
            ("an event handler in capitals", "<g ONLOAD='alert(1)'/>"),
            (
                "HTML inside",
                "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml' onload='x'/></foreignObject>",
            ),
            ("HTML by its namespace", "<h:script xmlns:h='http://www.w3.org/1999/xhtml'>alert(1)</h:script>"),
            ("a drawing element of another namespace", "<h:path xmlns:h='http://evil.example/'/>"),
            ("a link", "<a href='javascript:alert(1)'><circle r='9'/></a>"),
            ("an image from elsewhere", "<image href='https://evil.example/x.png'/>"),
            (
                "an image by xlink",
                "<image xmlns:xlink='http://www.w3.org/1999/xlink' xlink:href='https://evil.example/'/>",
            ),
            ("a use", "<use href='#a'/>"),
            ("a use from elsewhere", "<use href='https://evil.example/x.svg#a'/>"),
            ("a set that puts a handler in", "<set attributeName='onmouseover' to='alert(1)'/>"),
            ("an animated address", "<animate attributeName='href' values='javascript:alert(1)'/>"),
            (
                "a movement that cannot be stilled",
                "<g><animateTransform attributeName='transform' type='rotate'/></g>",
            ),
            ("a fill from elsewhere", "<g fill='url(https://evil.example/#a)'/>"),
            ("a fill with a data address", "<g fill=\"url('data:image/svg+xml,x#a')\"/>"),
            ("a fill with an escape", r"<g fill='u\72l(https://evil.example/)'/>"),
            ("a style attribute that fetches", "<g style='fill: url(https://evil.example/)'/>"),
            ("a style attribute with an escape", r"<g style='fill: u\72l(x)'/>"),
            (
                "a sheet that fetches",
                "<style>g { background: URL (x) ; fill: URL(https://evil.example/) }</style>",
            ),
            ("an import", "<style>@import 'https://evil.example/x.css';</style>"),
            ("an import by url", "<style>@import url(//evil.example/x.css);</style>"),
            ("a font", "<style>@font-face { font-family: a; src: local(b) }</style>"),
            ("a namespace rule", "<style>@namespace a 'b';</style>"),
            ("an old expression", "<style>g { width: expression(alert(1)) }</style>"),
            ("a set of images", "<style>g { fill: image-set('https://evil.example/' 1x) }</style>"),
            ("a comment in a word", "<style>g { fill: ur/**/l(x) }</style>"),
            ("a sheet that closes itself", "<style>&lt;/style>&lt;script></style>"),
            ("elements in a sheet", "<style><g/></style>"),
            ("a filter", "<filter id='f'><feImage href='https://evil.example/'/></filter>"),
            ("a pattern", "<pattern id='p'/>"),
            ("letters", "<text>BUY NOW</text>"),
            ("metadata", "<metadata>x</metadata>"),
            ("a view in a view", "<svg viewBox='0 0 1 1'/>"),
            ("a mask of a mask", "<mask id='a'><g mask='url(#b)'/></mask><mask id='b'><g/></mask>"),
            ("a clip of a clip", "<clipPath id='a' clip-path='url(#b)'/><clipPath id='b'/>"),
            ("an unknown attribute", "<g data-x='1'/>"),
            ("an address for xml", "<g xml:base='https://evil.example/'/>"),
            ("a processing instruction", "<?php system('x') ?>"),
            ("too deep", &deep),
            ("too many", &many),
            ("movement without calm", "<style>@keyframes a { to { opacity: 0 } }</style>"),
            ("a broken end", "<g>"),
        ] {
            assert!(look(&drawn(inside)).is_err(), "{attack} came through");
        }
    }

    #[test]
    fn whole_documents_that_are_refused() {
        let laughs = "<!DOCTYPE svg [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]>";
        let outside = "<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>";
        for text in [
            "",
            "hello",
            "<html/>",
            "<svg viewBox='0 0 1 1'/>",
            &format!("<g xmlns='{NAMESPACE}' viewBox='0 0 1 1'/>"),
            &format!("{laughs}{}", drawn("<title>&b;</title>")),
            &format!("{outside}{}", drawn("<title>&x;</title>")),
            &format!("<?xml-stylesheet href='https://evil.example/x.css'?>{}", drawn("")),
            &format!("{}<script/>", drawn("")),
            &format!("<svg xmlns='{NAMESPACE}' onload='alert(1)' viewBox='0 0 1 1'/>"),
        ] {
            assert!(look(text).is_err(), "{text}");
        }
        for view in [
            "",
            "0 0 1",
            "0 0 0 1",
            "0 0 -1 1",
            "0 0 1 4",
            "0 0 4 1",
            "0 0 1e9 1e9",
            "NaN 0 1 1",
            "0 0 inf inf",
            "a b c d",
        ] {
            let text = format!("<svg xmlns='{NAMESPACE}' viewBox='{view}'/>");
            assert_eq!(look(&text), Err(Unfit::ViewBox), "{view}");
        }
        assert_eq!(look(&format!("<svg xmlns='{NAMESPACE}'/>")), Err(Unfit::ViewBox));
    }

    /// Whatever the bytes, there is an answer.
    #[test]
    fn cut_anywhere_it_is_an_error_and_no_panic() {
        let whole = drawn("<style>@media (a) { g { fill: rgb(1,2,3) } }</style><g fill='url(#ä)'>ü</g>");
        for end in (0..whole.len()).filter(|&end| whole.is_char_boundary(end)) {
            assert!(look(&whole[..end]).is_err(), "cut at {end}");
        }
        for css in ["(", "ä(", "@", "@ä", "é@(", "(((", "url", "a url (", "\u{2028}(x)"] {
            let _ = style(css);
        }
    }
}
