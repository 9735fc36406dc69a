//! The one list of all styles. A new style is a crate beside the others and one line in [`all`]; the laws then
//! apply to it by themselves, and it can be named in `config/twitchy.toml`.
//!
//! This crate deliberately knows nothing of what a style does. Start with [`all`].

use std::fmt;
use std::sync::Arc;

use transformer_api::Transformer;

/// Every style there is, in the order in which people are shown them.
#[must_use]
pub fn all() -> Registry {
    let styles: Vec<Arc<dyn Transformer>> = vec![
        Arc::new(transformer_bestie::Bestie),
        Arc::new(transformer_skibidi::Skibidi),
        Arc::new(transformer_corporate::Corporate),
        Arc::new(transformer_plain::Plain),
    ];
    Registry { tested: styles.len(), styles }
}

/// Styles by their names.
#[derive(Clone)]
pub struct Registry {
    styles: Vec<Arc<dyn Transformer>>,
    /// So many of them, the first, are tested against the laws by this crate.
    tested: usize,
}

impl Registry {
    /// The style called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<dyn Transformer>> {
        self.styles.iter().find(|style| style.name() == name).cloned()
    }

    /// Adds a style that nobody tested here: it is not trusted to keep the laws, not even to answer.
    #[must_use]
    pub fn with(mut self, style: Arc<dyn Transformer>) -> Self {
        self.styles.push(style);
        self
    }

    /// Was the style tested against the laws? Every one that [`all`] gives is.
    #[must_use]
    pub fn keeps_the_laws(&self, name: &str) -> bool {
        self.styles.iter().take(self.tested).any(|style| style.name() == name)
    }

    /// The names of all styles.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.styles.iter().map(|style| style.name())
    }

    /// All styles.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Transformer>> {
        self.styles.iter()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use transformer_api::laws::Suite;
    use transformer_api::{EmoteNames, Line, Seed};

    use super::*;

    #[test]
    fn every_style_keeps_the_laws() {
        for style in all().iter() {
            Suite::new(&**style).check();
        }
    }

    #[test]
    fn every_name_stands_for_one_style() {
        let registry = all();
        let names: HashSet<_> = registry.names().collect();
        assert_eq!(names.len(), registry.names().count());
        for name in names {
            assert_eq!(registry.get(name).expect("listed").name(), name);
        }
        assert!(registry.get("no_such_style").is_none());
    }

    #[test]
    fn no_two_styles_say_the_same() {
        let emotes = EmoteNames::new();
        let registry = all();
        let line = Line { text: "hello friends, this stream is very good", seed: Seed(1), emotes: &emotes };
        let said: HashSet<String> = registry.iter().map(|style| style.transform(line)).collect();
        assert_eq!(said.len(), registry.names().count());
    }

    #[test]
    fn every_style_but_plain_does_something_to_its_sample() {
        let emotes = EmoteNames::new();
        for style in all().iter().filter(|style| style.name() != "plain") {
            let said = style.transform(Line { text: style.sample(), seed: Seed(1), emotes: &emotes });
            assert_ne!(said, style.sample(), "{}", style.name());
        }
    }
}
