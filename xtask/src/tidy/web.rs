//! Rules for the web client's sources: imports point from `app` to `features` to the rest, and no test is left out.
//!
//! It reads import lines as text. That is enough, because Biome has formatted them and TypeScript has resolved
//! them; what only looks like an import (in a comment) has to keep the direction too.

use super::{Finding, Source};

const ROOT: &str = "web/src/";

/// In parts, so that this file does not hold them itself.
const UNFINISHED: [[&str; 2]; 4] = [["debug", "ger;"], [".on", "ly("], [".sk", "ip("], [".to", "do("]];

/// Where a file stands. Whoever imports has to stand above, or in the same place.
#[derive(Debug, PartialEq, Eq)]
enum Layer<'a> {
    /// `app/` and the files at the top: the composition.
    App,
    /// `features/<name>/`.
    Feature(&'a str),
    /// `ui/`: what could be used in any other program.
    Ui,
    /// Everything else: the protocol, the connection, what features share.
    Shared,
}

pub(super) fn check(source: Source<'_>) -> Vec<Finding> {
    let is_script = source.has_extension(&["ts", "tsx", "js", "mjs"]);
    if !is_script || !source.path.starts_with("web/") || source.is_verbatim() {
        return Vec::new();
    }
    let mut findings = unfinished(source);
    findings.extend(directions(source));
    findings
}

fn unfinished(source: Source<'_>) -> Vec<Finding> {
    source
        .lines()
        .filter(|(_, line)| !line.trim_start().starts_with(['/', '*']))
        .filter_map(|(number, line)| {
            let left = UNFINISHED.iter().map(|parts| parts.concat()).find(|left| line.contains(left))?;
            Some(Finding::line(
                source.path,
                number,
                format!("`{left}` is unfinished work; finish it or take it out"),
            ))
        })
        .collect()
}

fn directions(source: Source<'_>) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix(ROOT) else { return Vec::new() };
    let from = layer(inside);
    source
        .lines()
        .filter_map(|(number, line)| {
            let target = resolve(inside, imported(line)?)?;
            let what = objection(&from, &layer(&target))?;
            Some(Finding::line(source.path, number, what))
        })
        .collect()
}

fn layer(inside: &str) -> Layer<'_> {
    match inside.split_once('/') {
        None | Some(("app", _)) => Layer::App,
        Some(("features", rest)) => Layer::Feature(rest.split('/').next().unwrap_or(rest)),
        Some(("ui", _)) => Layer::Ui,
        Some(_) => Layer::Shared,
    }
}

fn objection(from: &Layer<'_>, to: &Layer<'_>) -> Option<String> {
    match (from, to) {
        (Layer::App, _) | (_, Layer::Shared) | (Layer::Feature(_) | Layer::Ui, Layer::Ui) => None,
        (_, Layer::App) => Some("imports from app, which stands on top; let app hand it in".into()),
        (Layer::Feature(one), Layer::Feature(other)) if one == other => None,
        (Layer::Feature(_), Layer::Feature(other)) => Some(format!(
            "imports from the feature `{other}`; let app join the two, or move what they share below"
        )),
        (Layer::Ui, Layer::Feature(other)) => {
            Some(format!("ui imports from the feature `{other}`; ui is used by features, not the other way"))
        }
        (Layer::Shared, Layer::Feature(other)) => {
            Some(format!("imports from the feature `{other}`, which stands above; turn the arrow round"))
        }
        (Layer::Shared, Layer::Ui) => Some("imports from ui; what is shared draws nothing".into()),
    }
}

/// What a line imports: the string after `from`, `import` or `import(`.
fn imported(line: &str) -> Option<&str> {
    ["from ", "import ", "import("].iter().find_map(|keyword| {
        let after = &line[line.find(keyword)? + keyword.len()..];
        let quote = after.chars().next().filter(|first| ['"', '\''].contains(first))?;
        after[1..].split_once(quote).map(|(specifier, _)| specifier)
    })
}

/// The path inside [`ROOT`] that a specifier means in a file; nothing for a package or a file outside.
fn resolve(inside: &str, specifier: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let rest = if let Some(rest) = specifier.strip_prefix("@/").or_else(|| specifier.strip_prefix("~/")) {
        rest
    } else if specifier.starts_with('.') {
        parts.extend(inside.split('/'));
        parts.pop();
        specifier
    } else {
        return None;
    };
    for part in rest.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(path: &str, text: &str) -> Vec<Option<usize>> {
        check(Source { path, text }).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn imports_are_read_in_all_their_forms() {
        for line in [
            "import { a } from \"./b\";",
            "import type { A } from './b';",
            "export * from \"./b\";",
            "} from \"./b\";",
            "import \"./b\";",
            "const page = lazy(() => import(\"./b\"));",
        ] {
            assert_eq!(imported(line), Some("./b"), "{line}");
        }
        assert_eq!(imported("const from = \"./b\";"), None);
    }

    #[test]
    fn specifiers_are_resolved() {
        assert_eq!(
            resolve("features/chat/list.tsx", "../rooms/store").as_deref(),
            Some("features/rooms/store")
        );
        assert_eq!(resolve("features/chat/list.tsx", "./row").as_deref(), Some("features/chat/row"));
        assert_eq!(resolve("features/chat/list.tsx", "@/ui/button").as_deref(), Some("ui/button"));
        assert_eq!(resolve("features/chat/list.tsx", "react"), None);
        assert_eq!(resolve("main.tsx", "../package.json"), None);
    }

    #[test]
    fn features_do_not_know_each_other_nor_the_app() {
        let text = "import a from \"react\";\n\
                    import b from \"../rooms/store\";\n\
                    import c from \"./row\";\n\
                    import d from \"../../app/routes\";\n\
                    import e from \"../../ui/button\";\n\
                    import f from \"../../protocol/frames\";\n";
        assert_eq!(lines_of("web/src/features/chat/list.tsx", text), [Some(2), Some(4)]);
    }

    #[test]
    fn ui_and_what_is_shared_know_nothing_above_them() {
        let text = "import a from \"../features/chat/list\";\n\
                    import b from \"../ui/button\";\n\
                    import c from \"../main\";\n\
                    import d from \"../protocol/frames\";\n";
        assert_eq!(lines_of("web/src/ui/card.tsx", text), [Some(1), Some(3)]);
        assert_eq!(lines_of("web/src/connection/socket.ts", text), [Some(1), Some(2), Some(3)]);
        assert_eq!(lines_of("web/src/app/shell.tsx", text), []);
    }

    #[test]
    fn tests_that_are_left_out_are_found() {
        for parts in UNFINISHED {
            let left = parts.concat();
            assert_eq!(lines_of("web/e2e/journey.mjs", &format!("a{left}\n")), [Some(1)], "{left}");
            assert_eq!(lines_of("web/e2e/journey.mjs", &format!("// a{left}\n")), [], "{left}");
        }
    }
}
