//! The direction of dependencies between the crates of the workspace.
//!
//! The rule is a table: what each crate may name of ours. A new crate is a new line in it, so that its place is
//! decided once and on purpose. Dependencies of tests may point elsewhere, but never to the server.

use std::path::Path;

use serde_json::Value;

use super::Finding;
use crate::failure::{Failure, Result};

/// What a crate may depend on, of ours.
#[derive(Clone, Copy, Debug)]
enum May {
    Nothing,
    These(&'static [&'static str]),
    /// Every style and what a style is made of.
    Styles,
    /// The composition: all but the tools.
    Everything,
}

const TABLE: [(&str, May); 14] = [
    ("protocol", May::Nothing),
    ("event-log", May::Nothing),
    ("chat", May::These(&["protocol"])),
    ("chat-store", May::These(&["chat", "protocol"])),
    ("client", May::These(&["protocol"])),
    ("testkit", May::These(&["protocol", "chat", "event-log", "chat-store", "client"])),
    ("test-servers", May::Nothing),
    ("load-tests", May::These(&["client", "protocol"])),
    ("peer-axum", May::Nothing),
    ("peer-limit", May::Nothing),
    ("transformer-api", May::Nothing),
    ("transformer-styles", May::Styles),
    ("server", May::Everything),
    ("xtask", May::Nothing),
];

/// Any other crate of this kind is a style.
const STYLE: &str = "transformer-";

/// Nobody depends on these, not even tests.
const TOPS: [&str; 2] = ["server", "xtask"];

/// Only tests depend on these.
const TEST_ONLY: [&str; 2] = ["testkit", "test-servers"];

fn allowance(name: &str) -> Option<May> {
    TABLE
        .iter()
        .find(|(listed, _)| *listed == name)
        .map(|(_, may)| *may)
        .or_else(|| name.starts_with(STYLE).then_some(May::These(&["transformer-api"])))
}

/// Why this dependency must not be, if so.
fn objection(from: &str, may: May, to: &str, for_tests: bool) -> Option<String> {
    if TOPS.contains(&to) {
        return Some(format!("nothing may depend on `{to}`; move what is needed into a crate below it"));
    }
    if for_tests {
        return None;
    }
    if TEST_ONLY.contains(&to) {
        return Some(format!("`{to}` is for tests; make it a dev-dependency"));
    }
    let allowed = match may {
        May::Nothing => false,
        May::These(names) => names.contains(&to),
        May::Styles => to.starts_with(STYLE),
        May::Everything => true,
    };
    (!allowed).then(|| {
        let allowed = match may {
            May::Nothing => "nothing of ours".to_owned(),
            May::These(names) => names.join(", "),
            May::Styles => "the styles".to_owned(),
            May::Everything => "everything".to_owned(),
        };
        format!("`{from}` must not depend on `{to}`, only on {allowed}; turn the arrow round, or change the table in xtask/src/tidy/dependencies.rs with its reason")
    })
}

/// Checks the answer of `cargo metadata --no-deps`.
pub(super) fn check(metadata: &str) -> Result<Vec<Finding>> {
    let answer = |what: &str| Failure::Answer { line: "cargo metadata".into(), what: what.into() };
    let metadata: Value =
        serde_json::from_str(metadata).map_err(|_| answer("answered with something else than JSON"))?;
    let root = metadata["workspace_root"].as_str().ok_or_else(|| answer("names no workspace_root"))?;
    let packages = metadata["packages"].as_array().ok_or_else(|| answer("names no packages"))?;
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let manifest =
            Path::new(manifest).strip_prefix(root).unwrap_or(Path::new(manifest)).display().to_string();
        let Some(may) = allowance(name) else {
            let what = format!(
                "the place of `{name}` is not decided; give it a line in xtask/src/tidy/dependencies.rs"
            );
            findings.push(Finding::file(&manifest, what));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // Ours are the ones with a path.
            if dependency["path"].is_null() {
                continue;
            }
            let to = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"] == "dev";
            findings.extend(objection(name, may, to, for_tests).map(|what| Finding::file(&manifest, what)));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(from: &str, to: &str, kind: Option<&str>) -> Vec<String> {
        let metadata = json!({
            "workspace_root": "/repository",
            "packages": [{
                "name": from,
                "manifest_path": format!("/repository/crates/{from}/Cargo.toml"),
                "dependencies": [
                    { "name": "serde", "path": null, "kind": null },
                    { "name": to, "path": "/repository/crates/x", "kind": kind },
                ],
            }],
        });
        check(&metadata.to_string()).expect("valid metadata").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arrows_that_point_inwards_pass() {
        for (from, to) in [
            ("chat", "protocol"),
            ("chat-store", "chat"),
            ("client", "protocol"),
            ("transformer-bestie", "transformer-api"),
            ("transformer-styles", "transformer-bestie"),
            ("server", "chat-store"),
            ("server", "transformer-styles"),
        ] {
            assert_eq!(findings(from, to, None), [""; 0], "{from} -> {to}");
        }
    }

    #[test]
    fn arrows_that_point_outwards_are_found() {
        for (from, to) in [
            ("protocol", "chat"),
            ("event-log", "chat"),
            ("event-log", "protocol"),
            ("chat", "event-log"),
            ("chat", "chat-store"),
            ("client", "chat"),
            ("transformer-api", "protocol"),
            ("transformer-bestie", "transformer-skibidi"),
            ("transformer-bestie", "chat"),
            ("transformer-styles", "chat"),
            ("chat", "server"),
            ("server", "xtask"),
            ("server", "testkit"),
            ("xtask", "protocol"),
        ] {
            let found = findings(from, to, None);
            assert_eq!(found.len(), 1, "{from} -> {to}");
            assert!(found[0].starts_with(&format!("crates/{from}/Cargo.toml: ")), "{}", found[0]);
        }
    }

    #[test]
    fn tests_may_look_elsewhere_but_not_at_the_server() {
        assert_eq!(findings("event-log", "testkit", Some("dev")), [""; 0]);
        assert_eq!(findings("client", "server", Some("dev")).len(), 1);
        assert_eq!(findings("client", "chat", Some("build")).len(), 1, "a build script is no test");
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        assert!(findings("newcomer", "protocol", None)[0].contains("is not decided"));
    }

    #[test]
    fn an_answer_that_is_no_metadata_is_an_error() {
        assert!(check("").is_err());
        assert!(check("{}").is_err());
    }
}
