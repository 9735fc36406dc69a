//! The style that leaves the text as it is: for tests, benchmarks and people who want it. It knows nothing at all,
//! which makes it the smallest example of a style.

use transformer_api::{Line, Transformer};

/// The style `plain`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Transformer for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn description(&self) -> &'static str {
        "Your words, exactly as you typed them."
    }

    fn sample(&self) -> &'static str {
        "hi there, this stream is very good"
    }

    fn transform(&self, line: Line<'_>) -> String {
        line.text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden() {
        let cases =
            transformer_api::golden::check(&Plain, concat!(env!("CARGO_MANIFEST_DIR"), "/golden.txt"));
        assert!(cases >= 5);
    }
}
